# Ends every process in the sandbox but what stands above this one, and those that still store what others wrote: these end by
# themselves. $1 the sh, $2 the spool, $3 the launcher, $4 the grace in ms. For every sh; says between its frame how the launcher ended.
glue_sh=$1 glue_launcher=$3 glue_grace=$4
cd "$2" || exit 60
glue_keep=
glue_pid=$$
while [ "$glue_pid" -gt 1 ]; do
  glue_keep="$glue_keep $glue_pid"
  glue_line=$(cat "/proc/$glue_pid/stat" 2>/dev/null) || break
  glue_line=${glue_line##*) }
  glue_line=${glue_line#* }
  glue_pid=${glue_line%% *}
done
for glue_file in *.keep *.lock; do
  glue_id=${glue_file%.*}
  [ ! -e "$glue_id.o.end" ] || [ ! -e "$glue_id.e.end" ] || continue
  while read -r glue_pid glue_line; do glue_keep="$glue_keep $glue_pid"; done 2>/dev/null <"$glue_file"
done
# shellcheck disable=SC2086 # split on purpose
"$glue_sh" "$glue_launcher" killall "$glue_grace" $glue_keep </dev/null >/dev/null 2>&1
glue_code=$?
echo ':glue:'
echo "$glue_code"
echo ':end:'
