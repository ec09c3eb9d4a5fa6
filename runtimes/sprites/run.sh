# Runs one command in a sprite, with the launcher, and tells on both streams how it ended. $1 the token of the marks, $2 the folder of
# glue's tools, $3 pipe or tty, $4 a file that says what to do; without it stdin does, in lines that end with one that is the token: what
# follows is the command's own stdin. A mark is RS token SPACE words RS.
glue_token=$1 glue_tools=$2 glue_way=$3 glue_file=$4
glue_text=
if [ -n "$glue_file" ]; then
  . "$glue_file"
  rm -f "$glue_file"
else
  glue_whole=
  # A shell's read takes no byte too many.
  while IFS= read -r glue_line; do
    if [ "$glue_line" = "$glue_token" ]; then
      glue_whole=yes
      break
    fi
    glue_text="$glue_text$glue_line
"
  done
  if [ -z "$glue_whole" ]; then
    printf '\036%s torn\036' "$glue_token"
    exit 125
  fi
  eval "$glue_text"
fi
unset glue_text glue_line
# What the text set: glue_folder, glue_spool, glue_id, glue_over (ids whose files can go), glue_env, which sets the command's variables, and
# as arguments the launcher's.
for glue_done in $glue_over; do rm -f "$glue_spool/$glue_done".*; done
if ! cd -- "$glue_folder" 2>/dev/null; then
  printf '\036%s cwd\036' "$glue_token"
  exit 125
fi
glue_at=$glue_spool/$glue_id
# Found now: the command's variables may hold another PATH.
glue_sh=$(command -v sh)
trap : HUP INT TERM
glue_tell() {
  glue_record=
  read -r glue_record 2>/dev/null <"$glue_at.exit"
}
if [ "$glue_way" = tty ]; then
  printf '\036%s start\036' "$glue_token"
  (glue_env && exec "$glue_sh" "$glue_tools/launch.sh" "$@")
  glue_tell
  printf '\036%s end %s\036' "$glue_token" "$glue_record"
  exit
fi
mkfifo -m 600 "$glue_at.o" "$glue_at.e" "$glue_at.t" || exit 125
# Opened for both, since that waits for nobody.
exec 6<>"$glue_at.o" 7<>"$glue_at.e" 8<>"$glue_at.t"
glue_apart=$(command -v setsid)
$glue_apart perl "$glue_tools/relay.pl" out "$glue_at.out" 67108864 "$glue_at.t" <"$glue_at.o" 2>/dev/null 6>&- 7>&- 8>&- &
glue_out=$!
$glue_apart perl "$glue_tools/relay.pl" err "$glue_at.err" 67108864 "$glue_at.t" <"$glue_at.e" >&2 2>/dev/null 6>&- 7>&- 8>&- &
glue_err=$!
read -r glue_line <&8
read -r glue_line <&8
printf '\036%s start\036' "$glue_token" >&2
printf '\036%s start\036' "$glue_token"
(
  exec >&6 2>&7 6>&- 7>&- 8>&-
  glue_env
  exec $glue_apart "$glue_sh" "$glue_tools/launch.sh" "$@"
)
glue_tell
exec 6>&- 7>&-
kill -USR1 "$glue_out" "$glue_err" 2>/dev/null
glue_o='0 0' glue_e='0 0'
for glue_line in 1 2; do
  read -r glue_name glue_count <&8
  if [ "$glue_name" = out ]; then glue_o=$glue_count; else glue_e=$glue_count; fi
done
echo "$glue_o $glue_e ." >"$glue_at.count"
rm -f "$glue_at.o" "$glue_at.e" "$glue_at.t"
printf '\036%s end %s | %s %s\036' "$glue_token" "$glue_record" "$glue_o" "$glue_e" >&2
printf '\036%s end %s | %s %s\036' "$glue_token" "$glue_record" "$glue_o" "$glue_e"
