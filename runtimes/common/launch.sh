# The launcher: starts, watches and ends commands inside a sandbox. launch.ts says how each mode is called.
# Every sh must take it (dash, busybox ash, bash), with nothing but cat, mkdir, sleep and /proc; grep only speeds it up.
# Names begin with glue_ because assigning to a variable that came with the environment would change what the command gets.
# A shell keeps a word such as `id` exported if the caller exported it.

# --- what is known of a process ---

# Sets glue_parent, glue_session and glue_start of process $1; false when it is gone, a zombie or a kernel thread.
# The name in /proc/PID/stat is the process's own choice and may hold spaces, ")" and newlines, so the last ") " counts;
# one file is read at a time because a chosen name could otherwise pass for another process's line.
glue_look() {
  glue_text=
  while read -r glue_line || [ -n "$glue_line" ]; do glue_text="$glue_text $glue_line"; done 2>/dev/null <"/proc/$1/stat"
  case $glue_text in *") "*) ;; *) return 1 ;; esac
  # shellcheck disable=SC2086 # split on purpose
  set -- ${glue_text##*) }
  case $1 in Z | X | x) return 1 ;; esac
  [ $(($7 & 2097152)) -eq 0 ] || return 1
  glue_parent=$2 glue_session=$4 glue_start=${20}
}

# Without /proc (macOS; not run there): ps. The process group stands for the session, since the launcher leads both.
glue_look_ps() {
  # shellcheck disable=SC2046 # split on purpose
  set -- $(ps -o ppid= -o pgid= -o stat= -o lstart= -p "$1" 2>/dev/null)
  case $3 in '' | Z*) return 1 ;; esac
  glue_parent=$1 glue_session=$2 glue_start=$4.$5.$6.$7.$8
}

# Sets glue_me to the process that asks (in a subshell, $$ is still its parent's), and the rest as glue_look does.
glue_who() {
  if glue_look self; then
    glue_me=${glue_text%% (*} glue_me=${glue_me# }
  else
    glue_me=$(exec sh -c 'echo $PPID')
    glue_look "$glue_me"
  fi
}

glue_pids() {
  if [ -r /proc/self/stat ]; then
    glue_list=
    for glue_dir in /proc/[0-9]*; do glue_list="$glue_list ${glue_dir#/proc/}"; done
  else
    glue_list=$(ps -A -o pid=)
  fi
}

# Sets glue_rows to PID:PARENT:SESSION:START of every process in glue_list.
glue_table() {
  glue_rows=
  for glue_pid in $glue_list; do
    if glue_look "$glue_pid"; then glue_rows="$glue_rows $glue_pid:$glue_parent:$glue_session:$glue_start"; fi
  done
}

glue_table_ps() {
  glue_rows=$(ps -A -o pid= -o ppid= -o pgid= -o stat= -o lstart= | while read -r glue_pid glue_parent glue_session glue_line; do
    case $glue_line in Z*) continue ;; esac
    # shellcheck disable=SC2086 # split on purpose
    set -- $glue_line
    echo "$glue_pid:$glue_parent:$glue_session:$2.$3.$4.$5.$6"
  done)
}

# Hundredths of a second since some fixed moment, in glue_now; a clock that nobody can set, where there is one.
glue_clock() {
  if read -r glue_now glue_line 2>/dev/null </proc/uptime; then
    glue_now=${glue_now%.*}${glue_now#*.}
    while :; do case $glue_now in 0?*) glue_now=${glue_now#0} ;; *) break ;; esac done
  else
    glue_now=$(date +%s)00
  fi
}

# Sleeps about 30 ms; a whole second where sleep takes no fractions.
glue_nap() { sleep 0.03 2>/dev/null || sleep 1; }

# --- the tree of a command ---
# Its recorded session, its descendants, and every process with its mark in the environment it was started with.

# Reads the records that match glue_mark, and what must be spared: launchers, which still have to write how the command
# ended, watchdogs, and the children of those and of this process.
glue_records() {
  glue_seen=' ' glue_leaders= glue_spared=" $glue_me $glue_keep " glue_childless=" $glue_me "
  for glue_file in "$glue_spool/$glue_mark"*.pid; do
    glue_dot=
    read -r glue_pid glue_start glue_sid glue_sidstart glue_launcher glue_dog glue_dot 2>/dev/null <"$glue_file"
    [ "$glue_dot" = . ] || continue
    glue_seen="$glue_seen$glue_pid:$glue_start "
    [ "$glue_launcher" = 0 ] || glue_spared="$glue_spared$glue_launcher "
    [ "$glue_dog" = 0 ] || glue_spared="$glue_spared$glue_dog " glue_childless="$glue_childless$glue_dog "
    [ "$glue_sid" = 0 ] || glue_leaders="$glue_leaders $glue_sid:$glue_sidstart"
  done
}

# Sets glue_marked to the processes whose environment carries the mark. NUL bytes vanish in a shell's hands, so marks are
# made such that none is the beginning of another; they hold letters, digits, "_" and "-" only.
glue_find_marked() {
  glue_marked=' '
  if [ ! -r /proc/self/environ ]; then
    for glue_word in $(ps -A -E -ww -o pid= -o command= 2>/dev/null | while read -r glue_pid glue_line; do
      case $glue_line in *"GLUE_COMMAND=$glue_mark"*) echo "$glue_pid" ;; esac
    done); do glue_marked="$glue_marked$glue_word "; done
  elif printf 'a\000b\n' | grep -q b 2>/dev/null; then # busybox's grep -F stops at a NUL
    for glue_word in $(grep -l -s -e "GLUE_COMMAND=$glue_mark" /proc/[0-9]*/environ 2>/dev/null); do
      glue_word=${glue_word#/proc/} glue_marked="$glue_marked${glue_word%/environ} "
    done
  else
    for glue_pid in $glue_list; do
      case $(cat "/proc/$glue_pid/environ" 2>/dev/null) in
        *"GLUE_COMMAND=$glue_mark"*) glue_marked="$glue_marked$glue_pid " ;;
      esac
    done
  fi
}

# Sets glue_live to the PID:START of what is alive of the tree. What was once seen stays part of it, because killing a
# parent hands its children to another.
glue_scan() {
  glue_pids
  glue_find_marked
  glue_sessions=' '
  for glue_word in $glue_leaders; do
    # The number may have been given away again: then its leader is another process.
    if glue_look "${glue_word%%:*}" && [ "$glue_start" != "${glue_word#*:}" ]; then continue; fi
    glue_sessions="$glue_sessions${glue_word%%:*} "
  done
  glue_table
  glue_live= glue_members=' ' glue_skipped=$glue_childless
  glue_more=yes
  while [ -n "$glue_more" ]; do
    glue_more=
    for glue_row in $glue_rows; do
      glue_pid=${glue_row%%:*} glue_row=${glue_row#*:}
      glue_parent=${glue_row%%:*} glue_row=${glue_row#*:}
      glue_session=${glue_row%%:*} glue_start=${glue_row#*:}
      case $glue_members$glue_spared in *" $glue_pid "*) continue ;; esac
      # Nor what those start in turn: the very ps that looks.
      case $glue_skipped in *" $glue_parent "*) glue_skipped="$glue_skipped$glue_pid " && continue ;; esac
      case $glue_seen in *" $glue_pid:$glue_start "*) ;; *)
        case $glue_marked in *" $glue_pid "*) ;; *)
          case $glue_sessions in *" $glue_session "*) ;; *)
            case $glue_members in *" $glue_parent "*) ;; *) continue ;; esac
          esac
        esac
        glue_seen="$glue_seen$glue_pid:$glue_start "
      esac
      glue_members="$glue_members$glue_pid " glue_live="$glue_live $glue_pid:$glue_start" glue_more=yes
    done
  done
}

# Keeps in glue_live what is still alive; with a signal's name, sends it that.
glue_check() {
  glue_rows=$glue_live glue_live=
  for glue_row in $glue_rows; do
    if glue_look "${glue_row%%:*}" && [ "$glue_start" = "${glue_row#*:}" ]; then
      [ -z "$1" ] || kill -s "$1" -- "${glue_row%%:*}" 2>/dev/null
      glue_live="$glue_live $glue_row"
    fi
  done
}

# Ends the tree of glue_mark: TERM, and KILL once glue_grace ms are over; looks again until nothing is left. False when
# something cannot be killed.
glue_end() {
  glue_records
  glue_term_until=
  while glue_scan; [ -n "$glue_live" ]; do
    glue_clock
    # The grace begins with the first TERM: looking can take long on a busy machine.
    if [ -z "$glue_term_until" ]; then
      glue_term_until=$((glue_now + glue_grace / 10)) glue_kill_until=$((glue_now + glue_grace / 10 + 500))
    fi
    glue_signal=TERM glue_until=$glue_term_until
    if [ "$glue_now" -ge "$glue_term_until" ]; then glue_signal=KILL glue_until=$glue_kill_until; fi
    [ "$glue_now" -lt "$glue_kill_until" ] || return 1
    glue_check "$glue_signal"
    glue_check ''
    while [ -n "$glue_live" ] && [ "$glue_now" -lt "$glue_until" ]; do
      glue_nap
      glue_clock
      glue_check ''
    done
  done
  return 0
}

# --- one command ---

# Keeps the deadline by itself, whoever else dies. A sleep that somebody killed is taken up again.
glue_watch() {
  trap '' HUP INT QUIT
  # KILL: between fork and exec, a child still has this handler, and TERM would be lost on it. Waited for: not every PID 1 buries
  # orphans.
  trap 'if [ -n "$!" ]; then kill -s KILL "$!"; wait "$!"; fi; exit 0' TERM
  PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
  glue_who
  glue_clock
  glue_until=$((glue_now + glue_deadline / 10))
  while [ "$glue_now" -lt "$glue_until" ]; do
    glue_rest=$((glue_until - glue_now)) glue_part=$((100 + glue_rest % 100))
    sleep "$((glue_rest / 100)).${glue_part#1}" &
    wait "$!"
    glue_code=$?
    case $glue_code in
      126 | 127) exit 1 ;; # a sandbox without sleep has no deadline inside; the caller's own timer is all there is
    esac
    if [ "$glue_code" -gt 0 ] && [ "$glue_code" -lt 126 ]; then # takes no fractions
      sleep "$((glue_rest / 100 + 1))" &
      wait "$!"
    fi
    glue_clock
  done
  trap '' TERM
  echo . >"$glue_spool/$glue_id.timeout"
  glue_end
}

# The command is a foreground child: one in the background would have SIGINT ignored for ever, and stdin at /dev/null.
# Its shell's own words ("Killed") go to a note: they would spoil the command's stderr, and they tell a command that was
# killed by signal 9 from one that said `exit 137`. No shell says a word about SIGINT and SIGPIPE: 130 and 141 count as
# killed, although a command may have chosen them.
glue_run() {
  [ -d "$glue_spool" ] || mkdir -p -m 700 "$glue_spool"
  if ! echo . >"$glue_spool/$glue_id.note"; then
    echo "glue: cannot write to $glue_spool" >&2
    exit 125
  fi
  exec 3>&2 2>"$glue_spool/$glue_id.note"
  if [ -n "$glue_cd" ] && ! cd "$glue_cd"; then
    echo 'cwd 125 .' >"$glue_spool/$glue_id.exit"
    exit 125
  fi
  [ -z "$glue_cd" ] || unset OLDPWD # cd's own doing
  glue_dog=0
  if [ "$glue_deadline" -gt 0 ]; then
    # By exec: a shell keeps copies of what it redirects for one command, and the output must not hang on the watchdog.
    (exec </dev/null >/dev/null 2>&1 3>&-; glue_watch) &
    glue_dog=$!
  fi
  # A signal to the whole group must not take away the one who tells how it ended. Not before the watchdog is forked: it would
  # inherit this, and not heed being called off.
  trap : HUP INT QUIT TERM
  (
    if [ -n "$glue_self" ]; then glue_session=${glue_self% *} glue_start=${glue_self#* }; else glue_look "$$"; fi
    # Only the leader of a session may call it its own.
    glue_sid=$$ glue_sidstart=$glue_start
    [ "$glue_session" = "$$" ] || glue_sid=0
    glue_who
    echo "$glue_me $glue_start $glue_sid $glue_sidstart $$ $glue_dog ." >"$glue_spool/$glue_id.pid" || exit 125
    # Whoever ends it writes one of these before reading the file above, so that one of the two sees the other.
    if [ -e "$glue_spool/$glue_id.cancel" ] || [ -e "$glue_spool/$glue_id.timeout" ]; then exit 143; fi
    export GLUE_COMMAND="$glue_id"
    exec 2>&3 3>&-
    exec "$@"
  )
  glue_code=$?
  if [ ! -s "$glue_spool/$glue_id.pid" ]; then
    echo "glue: cannot write to $glue_spool" >&3
    exit 125
  fi
  glue_how=exit
  if [ "$glue_code" -gt 128 ]; then
    if [ -s "$glue_spool/$glue_id.note" ] || [ "$glue_code" -eq 130 ] || [ "$glue_code" -eq 141 ]; then glue_how=signal; fi
  fi
  [ ! -e "$glue_spool/$glue_id.cancel" ] || glue_how=cancel
  if [ "$glue_dog" -ne 0 ]; then
    kill "$glue_dog"
    # One that is already killing does not heed it: the result comes when nothing is left.
    wait "$glue_dog"
    [ ! -e "$glue_spool/$glue_id.timeout" ] || glue_how=timeout glue_code=124
  fi
  # Nobody waits for a job at its end, so it notes when that was. The command's own PATH may lead elsewhere.
  [ "$glue_mode" = run ] || (PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin; date +%s) >"$glue_spool/$glue_id.ended"
  echo "$glue_how $glue_code ." >"$glue_spool/$glue_id.exit"
  exit "$glue_code"
}

# --- everything ---

# TERM to all but PID 1 and this process, KILL to what is left after the grace. With processes to spare, one by one.
glue_all() {
  if [ -z "$glue_keep" ]; then
    kill -s "$1" -- -1 2>/dev/null
    return
  fi
  for glue_pid in $glue_list; do
    case " 1 $glue_me $glue_keep " in *" $glue_pid "*) ;; *) kill -s "$1" -- "$glue_pid" 2>/dev/null ;; esac
  done
}

glue_others() {
  glue_pids
  for glue_pid in $glue_list; do
    case " 1 $glue_me $glue_keep " in *" $glue_pid "*) continue ;; esac
    if glue_look "$glue_pid" && [ "$glue_parent" != "$glue_me" ]; then return 0; fi
  done
  return 1
}

glue_kill_all() {
  if glue_others; then glue_all TERM; fi
  glue_clock
  glue_until=$((glue_now + glue_grace / 10)) glue_kill_until=$((glue_now + glue_grace / 10 + 500))
  while glue_others; do
    if [ "$glue_now" -ge "$glue_until" ]; then glue_all KILL; fi
    [ "$glue_now" -lt "$glue_kill_until" ] || exit 1
    glue_nap
    glue_clock
  done
}

if [ ! -r /proc/self/stat ]; then
  glue_look() { glue_look_ps "$1"; }
  glue_table() { glue_table_ps; }
fi
glue_main() {
  # As sh, bash says nothing about a child that was killed.
  [ -z "$BASH_VERSION" ] || set +o posix
  glue_mode=$1 glue_keep=
  case $glue_mode in
    run | job)
      glue_id=$2 glue_spool=$3 glue_deadline=$4 glue_grace=$5 glue_cd=$6
      glue_mark=$glue_id glue_keep=$$
      shift 6
      [ "$glue_mode" = run ] || exec </dev/null >"$glue_spool/$glue_id.out" 2>"$glue_spool/$glue_id.err"
      glue_run "$@"
      ;;
    kill | sweep)
      glue_mark=$2 glue_spool=$3 glue_grace=$4
      exec 2>/dev/null
      [ "$glue_mode" = sweep ] || echo . >"$glue_spool/$glue_mark.cancel"
      PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
      glue_who
      glue_end
      ;;
    killall)
      glue_grace=$2
      shift 2
      glue_keep=$*
      PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
      glue_who
      glue_kill_all
      ;;
    *)
      echo "glue: no such mode: $glue_mode" >&2
      exit 125
      ;;
  esac
}

# Without a mode's work for a script that only reads this in; what its command would wait for is looked up beforehand.
glue_self=
if [ "$1" != functions ]; then glue_main "$@"; elif glue_look "$$"; then glue_self="$glue_session $glue_start"; fi
