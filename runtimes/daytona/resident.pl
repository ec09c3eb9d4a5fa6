# Starts commands for a session that runs many: it stays in the sandbox, is told of each over a terminal that serves as a plain wire, and
# does what carry.sh does for "start" and "host", with the same files in the spool: who loses the wire goes on with carry.sh.
# Words: the spool, the sh, the file of the environment, the greeting. Nothing but what the perl of a bare Debian has.
use strict;
use Fcntl;
use POSIX ();

use constant {
  PIECE  => 65536 * 256,    # bytes of a file of the spool
  READ   => 65536,
  AHEAD  => 4,              # such files that may wait for being fetched
  INLINE => 32_000,         # bytes that come along with an answer
  LINGER => 0.04,           # seconds: news is held back so long, since more of it mostly follows
  IDLE   => 21_600,         # seconds without a word until it ends: its glue is long dead, and nothing told it
};

my ($spool, $sh, $environment, $greeting) = @ARGV;
chdir $spool or exit 1;

# In a session of its own: the end of the terminal, and of what runs in it, is not the end of the commands.
my $self = fork;
exit 1 unless defined $self;
if ($self) { waitpid $self, 0; exit 0 }
$self = $$;
POSIX::setsid();
$SIG{HUP} = $SIG{PIPE} = 'IGNORE';

# A terminal's shell has its own idea of an environment; a command gets that of one which is started by a request.
open my $file, '<:raw', $environment or exit 1;
my ($mask, $words) = split /\n/, do { local $/; <$file> }, 2;
close $file;
unlink $environment;
umask oct $mask;
%ENV = map { /\A([^=]+)=(.*)\z/s ? ($1, $2) : () } split /\0/, $words;

pipe my $woken, my $waker or exit 1;
unblock($woken);
unblock($waker);
$SIG{CHLD} = sub { syswrite $waker, '.' };

# What may wait until whoever waits for an answer has it.
my @later;
my %commands;
my ($heard, $wired, $used) = ('', 1, now());
send_out("$greeting\n");

while ($wired || %commands) {
  my ($bits, $wait) = ('', IDLE);
  vec($bits, 0, 1) = 1 if $wired;
  vec($bits, fileno $woken, 1) = 1;
  for my $command (values %commands) {
    for my $stream (open_streams($command)) {
      if ($stream->{piece} >= AHEAD && -e "$stream->{name}." . ($stream->{piece} - AHEAD)) { $wait = 0.05 if $wait > 0.05 }
      else { vec($bits, fileno $stream->{pipe}, 1) = 1 }
    }
    next if $command->{told};
    my $left = $command->{due} - now();
    $wait = $left < 0 ? 0 : $left if $left < $wait;
  }
  my $found = select my $ready = $bits, undef, undef, $wait;
  next if $found < 0;
  last if $found == 0 && !%commands && now() - $used >= IDLE;
  sysread $woken, my $ignored, 4096 if vec $ready, fileno $woken, 1;
  hear() if $wired && vec $ready, 0, 1;
  for my $command (values %commands) {
    for my $stream (open_streams($command)) {
      store($command, $stream, 16) if vec $ready, fileno $stream->{pipe}, 1;
    }
  }
  bury();
  for my $command (values %commands) {
    my $done = defined $command->{code} && !open_streams($command);
    answer($command) if !$command->{told} && ($done || now() >= $command->{due});
    delete $commands{ $command->{id} } if $done && $command->{told};
  }
  $_->() for splice @later;
}

# Seconds of a clock that nobody sets.
sub now { return (POSIX::times())[0] / 100 }

sub unblock { fcntl $_[0], F_SETFL, fcntl($_[0], F_GETFL, 0) | O_NONBLOCK }

sub open_streams { return grep { defined $_->{pipe} } @{ $_[0]{streams} } }

sub note {
  my ($name, $text) = @_;
  open my $note, '>:raw', $name or return;
  syswrite $note, $text;
  close $note;
}

sub soon {
  my @note = @_;
  push @later, sub { note(@note) };
}

# An answer is lost with its wire, which whoever waits for it sees.
sub send_out {
  my ($text) = @_;
  while (length $text) {
    my $sent = syswrite STDOUT, $text;
    if (!defined $sent) {
      next if $!{EINTR};
      $wired = 0;
      return;
    }
    substr $text, 0, $sent, '';
  }
}

# Takes what came over the wire: "NUMBER LENGTH SUM\n" and as many bytes, which are words, each behind its length and a colon.
sub hear {
  my $read = sysread STDIN, $heard, READ, length $heard;
  return if !defined $read && $!{EINTR};
  if (!$read) { $wired = 0; return }
  $used = now();
  while ($heard =~ /\A(\d+) (\d+) (\d+)\n/) {
    my ($number, $length, $sum, $head) = ($1, $2, $3, $+[0]);
    return if length($heard) < $head + $length;
    my $text = substr $heard, $head, $length;
    substr $heard, 0, $head + $length, '';
    # Nothing that was garbled on its way is run.
    if (unpack('%32C*', $text) != $sum) { $wired = 0; return }
    my @said;
    while ($text =~ /\G(\d+):/gc) {
      push @said, substr $text, pos $text, $1;
      pos($text) += $1;
    }
    start($number, @said);
  }
}

# The words of a start: see ResidentStart. Without a script the command is an argv, run here as launch.sh does without a deadline.
sub start {
  my ($number, $id, $ms, $old, $stdin, $input, $script, $cwd, $variables, @argv) = @_;
  push @later, map { my $name = $_; sub { unlink glob "$name.*" } } split / /, $old;
  # Whoever is first runs it; who comes second asks carry.sh.
  if (!sysopen my $lock, "$id.lock", O_WRONLY | O_CREAT | O_EXCL, 0644) { return send_out("$number 0 0\n") }
  soon("$id.keep", "$self\n");
  soon("$id.host", "$self .\n");
  my @streams = map { { name => "$id.$_", word => $_, piece => -1, size => PIECE, first => '' } } 'o', 'e';
  my @ends = map { pipe $_->{pipe}, my $end; unblock($_->{pipe}); $end } @streams;
  my $from = '/dev/null';
  if ($stdin) { $from = "$id.stdin"; note($from, $input) }
  my $pid = fork;
  if (defined $pid && $pid == 0) {
    POSIX::setsid();
    $SIG{$_} = 'DEFAULT' for qw(HUP PIPE CHLD);
    open my $source, '<', $from or POSIX::_exit(125);
    POSIX::dup2(fileno $source, 0);
    POSIX::dup2(fileno $ends[0], 1);
    POSIX::dup2(fileno $ends[1], 2);
    if ($script ne '') { exec { $sh } 'sh', '-c', $script }
    else { become($id, $cwd, splice(@argv, 0, 2 * $variables), \@argv) }
    POSIX::_exit(125);
  }
  my $command = { id => $id, number => $number, streams => \@streams, pid => $pid, due => now() + $ms / 1000 };
  $command->{records} = $script eq '';
  if (!defined $pid) { $command->{code} = 125; soon("$id.over", "125 .\n") }
  $commands{$id} = $command;
}

# Becomes a command: the record of who it is, its folder, its environment.
sub become {
  my ($id, $cwd, @variables) = @_;
  my $argv = pop @variables;
  if (!chdir $cwd) { note("$spool/$id.exit", "cwd 125 .\n"); return }
  open my $stat, '<:raw', '/proc/self/stat' or return;
  my $line = do { local $/; <$stat> };
  my $start = (split ' ', substr $line, rindex($line, ')') + 2)[19];
  note("$spool/$id.pid", "$$ $start $$ $start $self 0 .\n");
  # Whoever ends it writes this before reading the record, so that one of the two sees the other.
  POSIX::_exit(143) if -e "$spool/$id.cancel";
  delete $ENV{OLDPWD};
  %ENV = (%ENV, PWD => $cwd, @variables, GLUE_COMMAND => $id);
  { exec { $argv->[0] } @$argv }
  # The words and the status of a program that cannot be started are the shell's.
  exec { $sh } 'sh', '-c', 'exec "$@"', 'sh', @$argv;
}

# Puts what a stream has into the spool, at most so many reads of it.
sub store {
  my ($command, $stream, $most) = @_;
  while ($most-- > 0) {
    if ($stream->{size} >= PIECE) {
      return if $stream->{piece} + 1 >= AHEAD && -e "$stream->{name}." . ($stream->{piece} + 1 - AHEAD);
    }
    my $room = PIECE - ($stream->{size} % PIECE);
    my $read = sysread $stream->{pipe}, my $bytes, $room < READ ? $room : READ;
    if (!defined $read) {
      return if $!{EAGAIN} || $!{EINTR};
      $read = 0;
    }
    if ($read == 0) {
      close $stream->{pipe};
      $stream->{pipe} = undef;
      close $stream->{file} if $stream->{file};
      soon("$stream->{name}.end", ($stream->{piece} + 1) . " .\n");
      return;
    }
    if ($stream->{size} >= PIECE) {
      close $stream->{file} if $stream->{file};
      $stream->{piece} += 1;
      $stream->{size} = 0;
      $stream->{file} = undef;
      open $stream->{file}, '>:raw', "$stream->{name}.$stream->{piece}" or $stream->{file} = undef;
    }
    my $stored = $stream->{file} ? syswrite $stream->{file}, $bytes : undef;
    if (!defined $stored || $stored != $read) {
      # A full disk must not hold the command up as well; what was lost is told, and nothing is made of what comes behind it.
      note("$command->{id}.lost", ".\n");
      close $stream->{file} if $stream->{file};
      $stream->{file} = undef;
      $stream->{size} += $stored || 0;
      next;
    }
    $stream->{size} += $read;
    if (!$command->{told}) {
      $stream->{first} .= $bytes if length $stream->{first} <= INLINE;
      my $soon = now() + LINGER;
      $command->{due} = $soon if $soon < $command->{due} && !$command->{news}++;
    }
  }
}

# Notes what ended. What it had written is stored before: its end is not seen without it.
sub bury {
  while ((my $pid = waitpid -1, POSIX::WNOHANG()) > 0) {
    my $status = $?;
    my ($command) = grep { $_->{pid} == $pid } values %commands;
    next unless $command;
    store($command, $_, 32) for open_streams($command);
    $command->{code} = $status & 127 ? 128 + ($status & 127) : $status >> 8;
    if ($command->{records} && !-e "$command->{id}.exit") {
      my $how = -e "$command->{id}.cancel" ? 'cancel' : $status & 127 ? 'signal' : 'exit';
      $command->{record} = "$how $command->{code} .";
      soon("$command->{id}.exit", "$command->{record}\n");
    }
    soon("$command->{id}.over", "$command->{code} .\n");
    next if $command->{told};
    my $soon = now() + LINGER;
    $command->{due} = $soon if $soon < $command->{due};
  }
}

# The answer to a start, as carry.sh words it, with the bytes behind it.
sub answer {
  my ($command) = @_;
  $command->{told} = 1;
  my $id = $command->{id};
  my $text = 's running';
  if (defined $command->{code}) {
    my $record = $command->{record} || '';
    if ($record eq '' && open my $exit, '<', "$id.exit") { $record = <$exit>; chomp $record }
    $text = "s over $command->{code} $record";
  }
  $text .= "\nw 0\n";
  $text .= "lost\n" if -e "$id.lost";
  my $bytes = '';
  for my $stream (@{ $command->{streams} }) {
    my $size = $stream->{piece} < 0 ? 0 : $stream->{piece} == 0 ? $stream->{size} : PIECE;
    my $ends = $stream->{pipe} || $stream->{piece} > 0 ? 0 : $size > 0 ? 2 : 1;
    my $here = $size > 0 && $size <= INLINE && length $stream->{first} == $size;
    $text .= "$stream->{word} 0 0 $size $ends" . ($here ? " behind\n" : "\n");
    $bytes .= $stream->{first} if $here;
    $stream->{first} = '';
  }
  $text .= "\n$bytes";
  send_out("$command->{number} " . length($text) . ' ' . unpack('%32C*', $text) . "\n$text");
}
