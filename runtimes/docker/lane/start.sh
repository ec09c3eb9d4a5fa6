# Runs one request of the lane in $1; its folder there is $2. Without $2 this is a shell made ready before anybody asks, with the launcher, $3,
# read in: it gets the folder's name from a pipe that whoever asks takes the name of away first (lane.ts).
glue_x_ready=
if [ -z "$2" ]; then
  glue_x_file=$3
  glue_x_folder=$1
  set -- functions
  . "$glue_x_file"
  IFS= read -r glue_x_name <"$glue_x_folder/next" || exit 1
  case $glue_x_name in '' | *[!A-Za-z0-9_-]*) exit 1 ;; esac
  # For the next one. After what ends everything here hardly anybody asks.
  case $glue_x_name in last-*) ;; *) echo next >"$glue_x_folder/requests" ;; esac
  set -- "$glue_x_folder" "$glue_x_name"
  glue_x_ready=$$
fi
# Whoever makes `claim` first has it: this shell, or glue, which then takes another way.
set -C
: >"$1/$2/claim" || exit 1
set +C
exec >"$1/$2/out" 2>"$1/$2/err"
[ ! -p "$1/$2/in" ] || exec <"$1/$2/in"
. "$1/$2/words"
