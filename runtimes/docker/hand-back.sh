# Ends what still runs, then gives what the container's user made in the mounted folders to the owner of those folders. Run as root.
# $1 glue's own folder; $2 the time of the container's start, in seconds since 1970; $3 how many of the following paths are folders;
# then the folders, then what is not entered: other mounts that lie in them.
# Symbolic links are changed themselves, never followed. A file counts when its uid is the container's and its status changed since
# the start: nobody can set that time back, so what was there before stays whose it was.

own=$1 since=$2 folders=$3
shift 3
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Without them the container was never set up, and nothing of the user's ran in it.
[ -e "$own/facts" ] || exit 0
read -r uid gid main <"$own/facts" || exit 1
to=$(stat -c %u:%g -- "$1") || exit 1
[ "${to%%:*}" != "$uid" ] || exit 0
export LC_ALL=C own since

# The process that keeps the container up has another number after a restart: it is the init's oldest child.
if [ "$main" != 1 ]; then
  main= oldest=
  for dir in /proc/[0-9]*; do
    read -r line 2>/dev/null <"$dir/stat" || continue
    pid=${dir#/proc/}
    rest=${line##*) }
    case $rest in ?" 1 "*) ;; *) continue ;; esac
    start=$(IFS=' ' && set -f && set -- $rest && echo "${20}")
    if [ -z "$oldest" ] || [ "$start" -lt "$oldest" ]; then main=$pid oldest=$start; fi
  done
fi
sh "$own/launch.sh" killall 2000 "$main" "$$" || exit 1

# Turns the words behind the folders into find's own: -path X -prune -o.
count=$#
while [ "$count" -gt 0 ]; do
  word=$1
  shift
  count=$((count - 1))
  if [ "$folders" -gt 0 ]; then
    set -- "$@" "$word"
    folders=$((folders - 1))
    [ "$folders" -gt 0 ] || set -- "$@" -xdev
  else
    # find takes the path for a pattern.
    word=$(printf '%sx' "$word" | sed 's/[][*?\\]/\\&/g')
    set -- "$@" -path "${word%x}" -prune -o
  fi
done

# Every list is walked once: a tree may hold a hundred thousand files.
find "$@" -user "$uid" -exec sh -c '
  stat -c %Z -- "$@" >"$own/times" 2>/dev/null
  # A line for each name, in their order: names may hold anything, so they are not in it. With fewer lines somebody took a file
  # away in between: then one by one.
  if [ "$(wc -l <"$own/times")" -eq "$#" ]; then
    for file do
      read -r time <&3
      [ "$time" -lt "$since" ] || printf "%s\0" "$file"
    done 3<"$own/times"
  else
    for file do
      time=$(stat -c %Z -- "$file" 2>/dev/null) || continue
      [ "$time" -lt "$since" ] || printf "%s\0" "$file"
    done
  fi
' sh {} + | xargs -0 -r chown -h "$to" --
