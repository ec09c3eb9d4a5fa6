# Ends what still runs, then gives what the container's user made in the mounted folders to the owner of those folders. Run as root.
# $1 glue's own folder; $2 the time of the container's start, in seconds since 1970; $3 how many of the following paths are folders;
# then the folders, then what is not entered: other mounts that lie in them.
# Symbolic links are changed themselves, never followed. A file counts when its uid is the container's and its status changed since
# the start: nobody can set that time back, so what was there before stays whose it was.

own=$1 since=$2 folders=$3
shift 3
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
read -r uid gid main <"$own/facts" || exit 1
to=$(stat -c %u:%g -- "$1") || exit 1
[ "${to%%:*}" != "$uid" ] || exit 0
export LC_ALL=C to since
sh "$own/launch.sh" killall 2000 "$main" || exit 1

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

find "$@" -user "$uid" -exec sh -c '
  # A line for each name, in their order: names may hold anything, so they are not in it. With fewer lines somebody took a file
  # away in between: then one by one.
  times=$(stat -c %Z -- "$@" 2>/dev/null)
  count=0
  for time in $times; do count=$((count + 1)); done
  if [ "$count" -ne "$#" ]; then
    code=0
    for file do
      time=$(stat -c %Z -- "$file" 2>/dev/null) || continue
      [ "$time" -lt "$since" ] || chown -h "$to" -- "$file" || code=1
    done
    exit $code
  fi
  for time in $times; do
    file=$1
    shift
    [ "$time" -lt "$since" ] || set -- "$@" "$file"
  done
  [ "$#" -eq 0 ] || chown -h "$to" -- "$@"
' sh {} +
