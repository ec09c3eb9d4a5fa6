# What is known of jobs. $1 `now`, or for how many ms to wait at most until the first of them is over; then of each job its folder and its
# command's id. Prints a line a job: its state (running, over, lost, gone), bytes of stdout and of stderr, when it began and when it ended in
# seconds since 1970 ("-" where that is not known), and the record of its end.
# lost: nobody is left who could say how it ended. gone: there is nothing of it.
glue_limit=$1
shift
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin

glue_size() {
  glue_bytes=0
  [ ! -r "$1" ] || glue_bytes=$(wc -c <"$1")
}

# Sets glue_noted to the first word in file $1, or "-".
glue_word() {
  glue_noted=-
  # shellcheck disable=SC2034 # the rest is not wanted
  [ ! -s "$1" ] || read -r glue_noted glue_rest <"$1"
}

# Sets glue_state and glue_record of the job in folder $1 with id $2.
glue_judge() {
  glue_record=
  if [ -s "$1/$2.exit" ]; then
    glue_state=over
    read -r glue_record <"$1/$2.exit"
  elif [ ! -s "$1/$2.pid" ]; then
    glue_state=gone
    [ ! -d "$1" ] || glue_state=lost
  else
    glue_state=lost
    read -r glue_pid glue_began glue_sid glue_sidstart glue_launcher glue_rest <"$1/$2.pid"
    # The launcher tells how it ended; it mostly leads the session. Its number may have been given away again since.
    if glue_look "$glue_launcher"; then
      if [ "$glue_sid" = 0 ] || [ "$glue_start" = "$glue_sidstart" ]; then glue_state=running; fi
    fi
    # It may have written the end while it was looked for.
    if [ "$glue_state" = lost ] && [ -s "$1/$2.exit" ]; then
      glue_state=over
      read -r glue_record <"$1/$2.exit"
    fi
  fi
}

glue_functions() {
  # shellcheck source=/dev/null
  for glue_file do
    if [ -r "$glue_file/launch" ]; then
      set -- functions
      . "$glue_file/launch"
      return 0
    fi
  done
  return 1
}
if ! glue_functions "$@"; then
  glue_look() { return 1; }
  glue_clock() { glue_now=0; }
fi

if [ "$glue_limit" != now ]; then
  glue_clock
  glue_until=$((glue_now + glue_limit / 10)) glue_time=0.02
  while glue_judge "$1" "$2"; [ "$glue_state" = running ]; do
    glue_clock
    [ "$glue_now" -lt "$glue_until" ] || break
    sleep "$glue_time" 2>/dev/null || sleep 1
    case $glue_time in 0.02) glue_time=0.05 ;; 0.05) glue_time=0.1 ;; *) glue_time=0.2 ;; esac
  done
fi
while [ "$#" -gt 0 ]; do
  glue_judge "$1" "$2"
  glue_size "$1/$2.out"
  glue_line="$glue_state $glue_bytes"
  glue_size "$1/$2.err"
  glue_line="$glue_line $glue_bytes"
  glue_word "$1/$2.began"
  glue_line="$glue_line $glue_noted"
  glue_word "$1/$2.ended"
  # shellcheck disable=SC2086 # some wc put spaces around the number
  echo $glue_line "$glue_noted" "$glue_record"
  shift 2
done
