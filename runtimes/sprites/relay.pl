# Passes a command's output on and keeps a copy. Arguments: the stream's name, the file for the copy, the bytes that it keeps, the pipe
# that hears how many bytes came. After USR1 it waits 250 ms at most for more, and reads no more than the pipe can have held then; from then on
# it throws away what still comes, so that a child in the background which holds the pipe neither holds up the end nor is killed by it.
use strict;
use Time::HiRes qw(time);
my ($name, $file, $cap, $told) = @ARGV;
my ($ending, $left, $total, $kept) = (0, 0.25, 0, 0);
# F_GETPIPE_SZ of Linux.
my $held = fcntl(STDIN, 1032, 0) || 1048576;
$SIG{USR1} = $SIG{TERM} = $SIG{HUP} = $SIG{INT} = sub { $ending = 1 };
$SIG{PIPE} = 'IGNORE';
open(my $copy, '>', $file);
# Opened for both, since that never waits for a reader.
open(my $pipe, '+<', $told);
# Before this a signal would end it.
syswrite($pipe, "ready\n");
my $open = 1;
while (1) {
  my $ready = '';
  vec($ready, 0, 1) = 1;
  my $began = time;
  my $found = select($ready, undef, undef, $ending ? $left : 3600);
  $left -= time - $began if $ending;
  if ($found > 0) {
    # The signal may come between the reading and the counting.
    my $was = $ending;
    my $read = sysread(STDIN, my $bytes, 65536);
    next unless defined $read;
    last if $read == 0;
    $total += $read;
    $held -= $read if $was;
    if ($kept < $cap) {
      my $room = $cap - $kept;
      my $wrote = syswrite($copy, $bytes, $read < $room ? $read : $room);
      $cap = $kept unless defined $wrote;
      $kept += $wrote if defined $wrote;
    }
    my $at = 0;
    while ($open && $at < $read) {
      my $wrote = syswrite(STDOUT, $bytes, $read - $at, $at);
      if (defined $wrote) { $at += $wrote } elsif (!$!{EINTR}) { $open = 0 }
    }
  }
  last if $ending && ($left <= 0 || $held <= 0);
}
close(STDOUT);
close($copy);
syswrite($pipe, "$name $total $kept\n");
close($pipe);
while (1) {
  my $read = sysread(STDIN, my $bytes, 65536);
  last if defined $read && $read == 0;
}
