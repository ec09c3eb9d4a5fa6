# Starts commands in the sandbox, and does what carry.sh does for "start" and "host", with the same files in the spool: who loses it goes on
# with carry.sh. `wire SPOOL SH ENVIRONMENT GREETING` stays for a session that runs many, and is told of each over a terminal that serves as
# a plain wire. `once SPOOL SH FILE` starts one, whose answer is printed; the words of the start are in that file, where nobody else sees them. Nothing but what the perl of a
# bare Debian has, and no module but where it stays: to load one takes longer than the rest.
use strict;

sub PIECE () { 65536 * 256 }    # bytes of a file of the spool
sub READ () { 65536 }
sub AHEAD () { 4 }              # such files that may wait for being fetched
sub LINGER () { 0.04 }          # seconds: news is held back so long, since more of it mostly follows
sub IDLE () { 21_600 }          # seconds without a word until it ends: its glue is long dead, and nothing told it
sub WNOHANG () { 1 }
sub EINTR () { 4 }

my ($mode, $spool, $sh) = splice @ARGV, 0, 3;
my $wired = $mode eq 'wire';
my $inline = $wired ? 32_000 : 200_000;    # bytes that come along with an answer
chdir $spool or exit 1;

# In a process group of its own, a session where it stays: the end of the call, or of the terminal, is not the end of the commands.
pipe my $told, my $telling or exit 1;
my $self = fork;
exit 1 unless defined $self;
if ($self && $wired) { waitpid $self, 0; exit 0 }
if ($self) {
  close $telling;
  my $answer = do { local $/; <$told> };
  # Killed by what it started, it answers nothing. Not every PID 1 buries what is dead, and who asks next must see that it is.
  waitpid $self, 0 if $answer eq '';
  print ":glue:\n$answer:end:\n";
  exit 0;
}
$self = $$;
close $told;
$SIG{HUP} = $SIG{PIPE} = 'IGNORE';
if ($wired) {
  require POSIX;
  POSIX::setsid();
  # A terminal's shell has its own idea of an environment; a command gets that of one which is started by a request.
  open my $file, '<:raw', $ARGV[0] or exit 1;
  my ($mask, $words) = split /\n/, do { local $/; <$file> }, 2;
  close $file;
  unlink $ARGV[0];
  umask oct $mask;
  %ENV = map { /\A([^=]+)=(.*)\z/s ? ($1, $2) : () } split /\0/, $words;
} else {
  setpgrp;
  $SIG{TERM} = sub { };
  open STDIN, '<', '/dev/null';
  open STDOUT, '>&', $telling;
  open STDERR, '>', '/dev/null';
}
close $telling;

pipe my $woken, my $waker or exit 1;
$SIG{CHLD} = sub { syswrite $waker, '.' };

# What may wait until whoever waits for an answer has it, and the commands whose files go when nobody does.
my (@later, @old);
my %commands;
my ($heard, $used) = ('', now());
if ($wired) { send_out("$ARGV[1]\n") }
else {
  open my $file, '<:raw', $ARGV[0] or exit 1;
  start(0, words_of(do { local $/; <$file> }));
}

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
  discard(splice @old) if @old > 100 || @old && !grep { !$_->{told} } values %commands;
}

# Seconds of a clock that nobody sets.
sub now {
  open my $clock, '<', '/proc/uptime' or return time;
  return (split ' ', <$clock>)[0];
}

sub readable {
  vec(my $bits = '', fileno $_[0], 1) = 1;
  return select($bits, undef, undef, 0) > 0;
}

sub open_streams { return grep { defined $_->{pipe} } @{ $_[0]{streams} } }

sub note {
  my ($name, $text) = @_;
  open my $note, '>:raw', $name or return;
  syswrite $note, $text;
  close $note;
}

# Removes the files of commands that nobody asks for any more.
sub discard {
  my %old = map { $_ => 1 } @_;
  opendir my $folder, '.' or return;
  unlink grep { /\A([^.]+)\./ && $old{$1} } readdir $folder;
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
      next if $! == EINTR;
      $wired = 0;
      return;
    }
    substr $text, 0, $sent, '';
  }
}

# Takes what came over the wire: "NUMBER LENGTH SUM\n" and as many bytes, which are words, each behind its length and a colon.
sub hear {
  my $read = sysread STDIN, $heard, READ, length $heard;
  return if !defined $read && $! == EINTR;
  if (!$read) { $wired = 0; return }
  $used = now();
  while ($heard =~ /\A(\d+) (\d+) (\d+)\n/) {
    my ($number, $length, $sum, $head) = ($1, $2, $3, $+[0]);
    return if length($heard) < $head + $length;
    my $text = substr $heard, $head, $length;
    substr $heard, 0, $head + $length, '';
    # Nothing that was garbled on its way is run.
    if (unpack('%32C*', $text) != $sum) { $wired = 0; return }
    start($number, words_of($text));
  }
}

# Each is behind its length and a colon.
sub words_of {
  my ($text) = @_;
  my @words;
  while ($text =~ /\G(\d+):/gc) {
    push @words, substr $text, pos $text, $1;
    pos($text) += $1;
  }
  return @words;
}

# The words of a start: see ResidentStart. Without a script the command is an argv, run here as launch.sh does without a deadline.
sub start {
  my ($number, $id, $ms, $old, $stdin, $input, $script, $cwd, $variables, @argv) = @_;
  push @old, split / /, $old;
  # Whoever is first runs it; who comes second asks carry.sh. Where it is for one, its caller has seen to that.
  # Who watches over it is said there before the command is: it may kill this process first of all. To make another file for that can take
  # as long as everything else on a busy disk.
  if (!$wired) { note("$id.lock", "$self .\n") }
  elsif (sysopen my $lock, "$id.lock", POSIX::O_WRONLY() | POSIX::O_CREAT() | POSIX::O_EXCL(), 0644) {
    syswrite $lock, "$self .\n";
    close $lock;
  } else {
    return send_out("$number 0 0\n");
  }
  my @streams = map { { name => "$id.$_", word => $_, piece => -1, size => PIECE, first => '' } } 'o', 'e';
  my @ends = map { pipe $_->{pipe}, my $end; $end } @streams;
  my $from = '/dev/null';
  if ($stdin) { $from = "$id.stdin"; note($from, $input) if $wired }
  my $pid = fork;
  if (defined $pid && $pid == 0) {
    POSIX::setsid() if $wired;
    $SIG{$_} = 'DEFAULT' for qw(HUP PIPE CHLD TERM);
    open STDIN, '<', $from or exit 125;
    open STDOUT, '>&', $ends[0];
    open STDERR, '>&', $ends[1];
    if ($script ne '') { exec { $sh } 'sh', '-c', $script }
    else { become($id, $cwd, splice(@argv, 0, 2 * $variables), \@argv) }
    exit 125;
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
  exit 143 if -e "$spool/$id.cancel";
  my @search = (split(/:/, $ENV{PATH}), '/usr/bin', '/bin');
  delete $ENV{OLDPWD};
  %ENV = (%ENV, PWD => $cwd, @variables, GLUE_COMMAND => $id);
  # The words and the status of a program that cannot be started are the shell's.
  my @shell = ('-c', 'exec "$@"', 'sh', @$argv);
  if (!$wired && !lead_session()) {
    my ($setsid) = grep { -x } map { "$_/setsid" } @search;
    exec $setsid, $sh, @shell if $setsid;
    require POSIX;
    POSIX::setsid();
  }
  { exec { $argv->[0] } @$argv }
  exec { $sh } 'sh', @shell;
}

# Begins a session by the number that Linux has for that on x86-64 and arm64: a module or a program would take longer than all the rest.
# False where it did not.
sub lead_session {
  open my $perl, '<:raw', '/proc/self/exe' or return 0;
  return 0 unless sysread $perl, my $head, 20;
  my ($bits, $machine) = unpack 'x4Cx13v', $head;
  my $number = { 62 => 112, 183 => 157 }->{$machine};
  return $bits == 2 && $number && syscall($number) == $$;
}

# Puts what a stream has into the spool, at most so many reads of it.
sub store {
  my ($command, $stream, $most) = @_;
  while ($most-- > 0) {
    if ($stream->{size} >= PIECE) {
      return if $stream->{piece} + 1 >= AHEAD && -e "$stream->{name}." . ($stream->{piece} + 1 - AHEAD);
    }
    return unless readable($stream->{pipe});
    my $room = PIECE - ($stream->{size} % PIECE);
    my $read = sysread $stream->{pipe}, my $bytes, $room < READ ? $room : READ;
    if (!defined $read) {
      return if $! == EINTR;
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
      $stream->{first} .= $bytes if length $stream->{first} <= $inline;
      my $soon = now() + LINGER;
      $command->{due} = $soon if $soon < $command->{due} && !$command->{news}++;
    }
  }
}

# Notes what ended. What it had written is stored before: its end is not seen without it.
sub bury {
  while ((my $pid = waitpid -1, WNOHANG) > 0) {
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
    my $here = $size > 0 && $size <= $inline && length $stream->{first} == $size;
    $text .= "$stream->{word} 0 0 $size $ends";
    if ($here && !$wired) { $text .= " here\n" . base64($stream->{first}) . "\n-" }
    elsif ($here) { $text .= ' behind' }
    $text .= "\n";
    $bytes .= $stream->{first} if $here;
    $stream->{first} = '';
  }
  if ($mode eq 'once') {
    send_out($text);
    open STDOUT, '>', '/dev/null';
    return;
  }
  $text .= "\n$bytes";
  send_out("$command->{number} " . length($text) . ' ' . unpack('%32C*', $text) . "\n$text");
}

# Of uuencoding, which needs no module: the same bits by other names, and a length before each line.
sub base64 {
  my ($bytes) = @_;
  my $coded = pack 'u', $bytes;
  $coded =~ s/^.|\n//mg;
  $coded =~ tr{` -_}{AA-Za-z0-9+/};
  my $padding = -length($bytes) % 3;
  substr $coded, -$padding, $padding, '=' x $padding if $padding;
  return $coded;
}
