# Passes the output of a job on, each stream as it is. $1 its folder, $2 its command's id, $3 and $4 from which byte on of stdout and of stderr,
# $5 `follow` until it is over, or `once` for what there is.
glue_folder=$1 glue_id=$2 glue_way=$5
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
if [ ! -r "$glue_folder/$glue_id.out" ] || [ ! -r "$glue_folder/$glue_id.err" ] || [ ! -r "$glue_folder/launch" ]; then
  exit 120
fi
exec 4<"$glue_folder/$glue_id.out" 5<"$glue_folder/$glue_id.err"
# dd moves the place in the file, which cat goes on from.
[ "$3" = 0 ] || dd bs=1 skip="$3" count=0 <&4 2>/dev/null
[ "$4" = 0 ] || dd bs=1 skip="$4" count=0 <&5 2>/dev/null
set -- functions
# shellcheck source=/dev/null
. "$glue_folder/launch"
glue_runs() {
  read -r glue_pid glue_began glue_sid glue_sidstart glue_launcher glue_line 2>/dev/null <"$glue_folder/$glue_id.pid" || return 1
  glue_look "$glue_launcher" || return 1
  [ "$glue_sid" = 0 ] || [ "$glue_start" = "$glue_sidstart" ]
}
glue_time=0.05
while :; do
  # Looked at before the output: what came before the end is then passed on.
  glue_last=no
  if [ "$glue_way" = once ] || [ -s "$glue_folder/$glue_id.exit" ] || ! glue_runs; then glue_last=yes; fi
  cat <&4 || exit 122
  cat <&5 >&2 || exit 122
  [ "$glue_last" = no ] || exit 0
  sleep "$glue_time" 2>/dev/null || sleep 1
  case $glue_time in 0.05) glue_time=0.1 ;; *) glue_time=0.2 ;; esac
done
