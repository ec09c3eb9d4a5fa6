# Starts a job that stays when this shell ends. $1 the job's folder, absolute; $2 the command's id; $3 the launcher's text; $4 the deadline
# and $5 the grace, both in ms; then the command. Ends with 0 once the command runs (or is over), and leaves nothing behind else.
# Names begin with glue_ so that no variable of the command's is touched.
glue_folder=$1 glue_id=$2 glue_text=$3 glue_deadline=$4 glue_grace=$5
shift 5
if ! mkdir -p -m 700 "$glue_folder" || ! printf '%s' "$glue_text" >"$glue_folder/launch"; then
  echo "glue: cannot write to $glue_folder" >&2
  exit 120
fi
date +%s >"$glue_folder/$glue_id.began"
set -- "$glue_folder/launch" job "$glue_id" "$glue_folder" "$glue_deadline" "$glue_grace" '' "$@"
glue_sh=$(command -v sh)
# A shell makes what it puts into the background ignore SIGINT for ever. setsid forks when its caller leads a process group, as the
# shell between the two here does, and nothing is ignored then.
if command -v setsid >/dev/null 2>&1; then
  setsid "$glue_sh" -c 'exec setsid "$@"' glue "$glue_sh" "$@" </dev/null >/dev/null 2>&1
elif command -v perl >/dev/null 2>&1; then
  perl -e 'use POSIX; exit if fork; POSIX::setsid(); exec @ARGV' "$glue_sh" "$@" </dev/null >/dev/null 2>&1
else
  "$glue_sh" "$@" </dev/null >/dev/null 2>&1 &
fi
glue_tries=0
until [ -s "$glue_folder/$glue_id.exit" ] || [ -s "$glue_folder/$glue_id.pid" ]; do
  glue_tries=$((glue_tries + 1))
  [ "$glue_tries" -lt 1000 ] || exit 121
  sleep 0.02 2>/dev/null || sleep 1
done
