# Runs one request of the lane in $1; its folder there is $2. Without $2 this is a shell made ready before anybody asks, with the launcher, $3,
# read in: it gets the folder's name from a pipe that whoever asks takes the name of away first (lane.ts).
glue_x_ready=
# Adds to glue_x_others what is not of the command's session: whatever is older than it, and the shell that is ready for the next one. Only for
# a second: later, a number may have been given away again.
glue_x_spare() {
  glue_clock
  [ $((glue_now - glue_x_from)) -lt 100 ] || return 0
  glue_x_next=
  { read -r glue_x_next <"$glue_x_lane/ready"; } 2>/dev/null
  glue_x_others="$glue_x_others$glue_x_known $glue_x_next "
}
if [ -z "$2" ]; then
  glue_x_file=$3
  glue_x_lane=$1
  # At once: a short command that looks for it is over before the launcher is read.
  echo "$$" >"$glue_x_lane/ready"
  set -- functions
  . "$glue_x_file"
  IFS= read -r glue_x_name <"$glue_x_lane/next" || exit 1
  case $glue_x_name in '' | *[!A-Za-z0-9_-]*) exit 1 ;; esac
  # For the next one. After what ends everything here hardly anybody asks.
  case $glue_x_name in last-*) ;; *) echo next >"$glue_x_lane/requests" ;; esac
  glue_clock
  glue_pids
  glue_x_from=$glue_now glue_x_known=$glue_list
  set -- "$glue_x_lane" "$glue_x_name"
  glue_x_ready=$$
fi
# Whoever makes `claim` first has it: this shell, or glue, which then takes another way.
set -C
: >"$1/$2/claim" || exit 1
set +C
exec >"$1/$2/out" 2>"$1/$2/err"
[ ! -p "$1/$2/in" ] || exec <"$1/$2/in"
. "$1/$2/words"
