# Carries commands over calls that only answer when they are over. `host` runs a command behind the launcher, its two outputs in
# numbered files of the spool ("pieces"), no more than a few at a time: one that nobody fetches stops the command. `poll` waits until
# there is something new and says it. Every call may be repeated: the same question gets the same answer.
# For every sh, with dd, base64, wc and tail. Names begin with glue_ so that no variable of the command's is touched.

# Sleeps, longer each time up to a tenth of a second.
glue_nap() {
  case $glue_rest in
    5) glue_time=0.005 glue_rest=8 ;;
    8) glue_time=0.008 glue_rest=12 ;;
    15) glue_time=0.015 glue_rest=8 ;;
    12) glue_time=0.012 glue_rest=20 ;;
    20) glue_time=0.02 glue_rest=40 ;;
    40) glue_time=0.04 glue_rest=100 ;;
    *) glue_time=0.1 ;;
  esac
  sleep "$glue_time" 2>/dev/null || sleep 1
}

# Notes the process that asks (a subshell's own number is not $$) as one that killall must spare: it stores what others wrote.
glue_spare() {
  read -r glue_self glue_line 2>/dev/null </proc/self/stat && echo "$glue_self" >>"$glue_id.keep"
}

# Sets glue_noted to the word in file $1; false where it is missing, or not whole yet.
glue_note() {
  [ -s "$1" ] || return 1
  glue_dot=
  read -r glue_noted glue_dot <"$1"
  [ "$glue_dot" = . ]
}

# Sets glue_noted to the process that watches over the command; resident.pl says it in the lock.
glue_hosted() { glue_note "$glue_id.host" || { [ -f "$glue_id.lock" ] && glue_note "$glue_id.lock"; }; }

# Whether process $1 is gone, or dead and not buried, which not every PID 1 does.
glue_ended() {
  kill -0 "$1" 2>/dev/null || return 0
  read -r glue_line 2>/dev/null <"/proc/$1/stat" || return 0
  case ${glue_line##*) } in [ZXx]*) ;; *) return 1 ;; esac
}

# Whether this process leads a process group.
glue_leads() {
  read -r glue_line 2>/dev/null <"/proc/$$/stat" || return 1
  glue_line=${glue_line##*) }
  # shellcheck disable=SC2086 # split on purpose
  set -- $glue_line
  [ "$3" = "$$" ]
}

# Stores stdin in pieces $glue_id.$1.0, .1, … of at most 256 reads each; $glue_id.$1.end says how many there were.
glue_pump() {
  trap : TERM
  glue_spare
  glue_n=0
  while :; do
    glue_rest=5
    while [ -e "$glue_id.$1.$((glue_n - 4))" ]; do glue_nap; done
    dd bs=65536 count=256 of="$glue_id.$1.$glue_n" 2>"$glue_id.$1.dd"
    glue_code=$?
    if [ "$glue_code" -gt 128 ]; then
      [ -s "$glue_id.$1.$glue_n" ] || continue # it was killed; its writer was or was not
    elif [ "$glue_code" -ne 0 ]; then
      echo . >"$glue_id.lost"
      cat >/dev/null # a full disk must not hold the command up as well
    fi
    [ -s "$glue_id.$1.$glue_n" ] || break
    glue_n=$((glue_n + 1))
    # "0+3 records in": fewer than it was to read, so it met the end, and no other dd has to be started to see that.
    read -r glue_reads glue_line <"$glue_id.$1.dd" || continue
    case $glue_code$glue_reads in 0*[!0-9+]* | 0 | 0+* | *+) continue ;; 0[0-9]*+[0-9]*) ;; *) continue ;; esac
    [ "$((${glue_reads%+*} + ${glue_reads#*+}))" -eq 256 ] || break
  done
  echo "$glue_n ." >"$glue_id.$1.end"
}

# The pieces of the command's stdin as they arrive, until the last or until nobody reads them.
glue_feed() {
  glue_n=0 glue_rest=5
  while [ ! -e "$glue_id.over" ]; do
    if [ -e "$glue_id.i.$glue_n" ]; then
      cat "$glue_id.i.$glue_n" || return
      rm -f "$glue_id.i.$glue_n"
      glue_n=$((glue_n + 1)) glue_rest=5
    elif [ -e "$glue_id.i.end" ] && read -r glue_last <"$glue_id.i.end" && [ "$glue_last" = "$glue_n" ]; then
      return
    else
      glue_nap
    fi
  done
}

glue_command() {
  trap : TERM
  glue_spare
  if command -v setsid >/dev/null 2>&1; then
    setsid "$glue_sh" "$glue_id.run"
  else
    "$glue_sh" "$glue_id.run"
  fi
  echo "$? ." >"$glue_id.over"
}

glue_host() {
  trap : TERM HUP
  glue_spare
  echo "$$ ." >"$glue_id.host"
  {
    {
      case $glue_stdin in
        pieces) glue_feed | glue_command ;;
        file) glue_command <"$glue_id.stdin" ;;
        *) glue_command </dev/null ;;
      esac
    } 2>&1 1>&3 3>&- | glue_pump e >/dev/null 2>&1 3>&-
  } 3>&1 | glue_pump o >/dev/null 2>&1
}

# Sets for stream $1, at piece $2 and byte $3 of it: glue_at_$1 (the piece that counts now), glue_off_$1, glue_new_$1 (bytes waiting),
# glue_eof_$1 (1 at its end, 2 where only the waiting bytes are left). What lies before was fetched, and makes room. To count the bytes
# takes a program: without glue_exact a beginning counts as one byte.
glue_see() {
  glue_piece=$2 glue_off=$3 glue_eof=0 glue_new=0
  while :; do
    glue_whole=no glue_end=
    if glue_note "$glue_id.$1.end"; then
      glue_whole=yes glue_end=$glue_noted
      if [ "$glue_piece" -ge "$glue_end" ]; then
        glue_eof=1
        break
      fi
    elif [ -e "$glue_id.$1.$((glue_piece + 1))" ]; then
      glue_whole=yes
    fi
    if [ ! -s "$glue_id.$1.$glue_piece" ]; then
      glue_new=0
    elif [ "$glue_exact$glue_off" = no0 ]; then
      glue_new=1
    else
      glue_size=$(wc -c <"$glue_id.$1.$glue_piece")
      glue_new=$((glue_size - glue_off))
    fi
    if [ "$glue_new" -gt 0 ]; then
      # Nothing follows what waits.
      [ "$glue_end" != $((glue_piece + 1)) ] || glue_eof=2
      break
    fi
    [ "$glue_whole" = yes ] || break
    rm -f "$glue_id.$1.$glue_piece"
    glue_piece=$((glue_piece + 1)) glue_off=0
  done
}

# Waits at most $1 ms. $2 $3 $4: whether stdout is wanted (1 or 0), its piece, the bytes of that which were fetched; $5 $6 $7 of stderr;
# $8: whether the end is known already. Then tells all there is. News is held back for a moment ($glue_linger ms), since more of it
# mostly follows, and the end most of all; never when there is no more to come.
glue_poll() {
  PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
  glue_left=$1 glue_rest=$glue_first glue_news=no glue_exact=no
  while :; do
    # Read before the outputs: what came before the end is then seen with it.
    glue_state=running
    if glue_note "$glue_id.over"; then
      glue_state=over glue_code=$glue_noted
    elif glue_hosted && glue_ended "$glue_noted" && ! glue_note "$glue_id.over"; then
      glue_state=dead
    fi
    glue_see o "$3" "$4"
    glue_ends=$glue_eof glue_any=no
    if [ "$2" = 1 ] && [ $((glue_new + glue_eof)) -gt 0 ]; then glue_any=yes; fi
    glue_see e "$6" "$7"
    if [ "$5" = 1 ] && [ $((glue_new + glue_eof)) -gt 0 ]; then glue_any=yes; fi
    [ "$glue_state" = running ] || [ "$8" = 1 ] || glue_any=yes
    if [ "$glue_state" = dead ]; then break; fi
    if [ "$glue_state" = over ] && [ "$glue_ends" != 0 ] && [ "$glue_eof" != 0 ]; then break; fi
    [ "$8$glue_any" != 1yes ] || break
    if [ "$glue_any$glue_news" = yesno ]; then
      glue_news=yes
      [ "$glue_left" -le "$glue_linger" ] || glue_left=$glue_linger
      [ "$glue_rest" -le 20 ] || glue_rest=8
    fi
    if [ "$glue_left" -le 0 ]; then
      # So long, and nobody has even begun.
      [ "$1" -lt 5000 ] || glue_hosted || glue_state=dead
      break
    fi
    glue_left=$((glue_left - glue_rest - 3))
    glue_nap
  done
  glue_exact=yes
  glue_see o "$3" "$4"
  glue_o="$glue_piece $glue_off $glue_new $glue_eof"
  glue_see e "$6" "$7"
  echo ':glue:'
  if [ "$glue_state" = over ]; then
    glue_record=
    [ ! -e "$glue_id.exit" ] || read -r glue_record <"$glue_id.exit"
    echo "s over $glue_code $glue_record"
  else
    echo "s $glue_state"
  fi
  echo "w $(($1 - glue_left))"
  [ ! -e "$glue_id.lost" ] || echo 'lost'
  # shellcheck disable=SC2086 # split on purpose
  glue_tell e "$5" $glue_piece $glue_off $glue_new $glue_eof
  # shellcheck disable=SC2086 # split on purpose
  glue_tell o "$2" $glue_o
  echo ':end:'
}

# Stream $1, wanted or not, its piece, offset, bytes and end; the bytes themselves where they are few.
glue_tell() {
  if [ "$2" = 1 ] && [ "$5" -gt 0 ] && [ "$5" -le "$glue_inline" ]; then
    echo "$1 $3 $4 $5 $6 here"
    if [ "$4" = 0 ]; then base64 <"$glue_id.$1.$3"; else tail -c "+$(($4 + 1))" "$glue_id.$1.$3" | base64; fi
    echo '-'
  else
    echo "$1 $3 $4 $5 $6"
  fi
}

glue_linger=20 glue_first=5
glue_mode=$1 glue_sh=$2 glue_spool=$3 glue_id=$4
cd "$glue_spool" || exit 60
shift 4
case $glue_mode in
  host)
    glue_stdin=$1
    glue_host
    ;;
  start)
    # Whoever comes second finds it started.
    # Nothing is over sooner: to look for it would only hold it up.
    glue_stdin=$1 glue_mine=$2 glue_inline=$3 glue_linger=40 glue_first=15
    shift 3
    if [ "$glue_mine" = yes ]; then
      # A shell makes what it puts into the background ignore SIGINT for ever. setsid forks for the leader of a process group, which
      # a call's first process is: so that is what becomes the host, and the telling stays behind and holds the call open.
      if command -v setsid >/dev/null 2>&1 && glue_leads; then
        (glue_poll "$@") &
        exec setsid "$glue_sh" "$0" host "$glue_sh" "$glue_spool" "$glue_id" "$glue_stdin" </dev/null >/dev/null 2>&1
      fi
      "$glue_sh" "$0" host "$glue_sh" "$glue_spool" "$glue_id" "$glue_stdin" </dev/null >/dev/null 2>&1 &
    fi
    glue_poll "$@"
    ;;
  poll)
    glue_inline=$1
    shift
    if [ ! -e "$glue_id.lock" ]; then
      echo ':glue:'
      echo 's unknown'
      echo ':end:'
      exit
    fi
    glue_poll "$@"
    ;;
esac
