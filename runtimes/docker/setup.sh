# Prepares a new container, as root, and says on stdout what it found. Stdin is the launcher.
# $1 the mode, direct or copy, with -resumed for a container that an earlier session left; $2 the user that commands run as, as docker.user has it, or empty; $3 the shell for scripts;
# $4 glue's own folder; $5 a file with a word in it that shows whose files these are, or empty; then the container paths of what is
# mounted from the host, the tree first. Before those, for the lane (lane.sh, start.sh): their texts, or empty, and the image's LC_ALL, or a
# dot where it is this shell's.
# Only what a shell has built in is used before it is known that the rest is there.

path_was=${PATH-} had_path=${PATH+yes}
mode=${1%-resumed} resumed=${1#"${1%-resumed}"} user=$2 shell=$3 own=$4 token_file=$5
lane=$6 lane_start=$7 lc_all=$8
shift 8
[ "$lc_all" != . ] || lc_all=${LC_ALL-}
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C

for tool in sh cat mkdir kill tar; do
  command -v "$tool" >/dev/null 2>&1 || echo "lacks $tool"
done
command -v "$shell" >/dev/null 2>&1 || echo "noshell $shell"
# Absolute, since a command's own PATH may lead elsewhere; busybox names its own sh without a folder.
found=$(command -v sh)
for folder in /bin /usr/bin /usr/local/bin; do
  case $found in /*) break ;; esac
  [ ! -x "$folder/sh" ] || found=$folder/sh
done
echo "sh $found"

# Sets uid and gid of $user, by number or by its line in /etc/passwd and /etc/group, as the engine itself does.
uid=0 gid=0 named=nameless
if [ -n "$user" ]; then
  name=${user%%:*} group=
  case $user in *:*) group=${user#*:} ;; esac
  case $name in
    '' | *[!0-9]*) known=no ;;
    *) uid=$name known=yes ;;
  esac
  if [ -r /etc/passwd ]; then
    while IFS=: read -r line_name line_word line_uid line_gid line_rest; do
      if [ "$line_name" = "$name" ] || [ "$line_uid" = "$name" ]; then
        uid=$line_uid gid=$line_gid known=yes named=named
        break
      fi
    done </etc/passwd
  fi
  [ "$known" = yes ] || echo "nouser $name"
  case $group in
    '') ;;
    *[!0-9]*)
      known=no
      if [ -r /etc/group ]; then
        while IFS=: read -r line_name line_word line_gid line_rest; do
          [ "$line_name" != "$group" ] || gid=$line_gid known=yes
        done </etc/group
      fi
      [ "$known" = yes ] || echo "nouser $group"
      ;;
    *) gid=$group ;;
  esac
fi
[ "$uid" != 0 ] || named=named
echo "user $uid $gid $named"

# The process that keeps the container up: this one or the init's only child, or the init itself.
main=1
if [ "$$" != 1 ]; then
  for dir in "/proc/$$" /proc/[0-9]*; do
    read -r pid word state parent rest 2>/dev/null <"$dir/stat" || continue
    if [ "$parent" = 1 ]; then
      main=$pid
      break
    fi
  done
fi
echo "main $main"

if read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id; then echo "boot $boot"; fi
owner=
for path do
  # Names may hold anything; the order tells which is which.
  if facts=$(stat -c '%d %i %u %g' -- "$path" 2>/dev/null); then
    echo "mount $facts"
    if [ -z "$owner" ]; then owner=${facts% *} owner=${owner##* }; fi
  else
    echo 'mount unknown'
  fi
done

if [ -n "$token_file" ] && [ "$#" -gt 0 ]; then
  if read -r token 2>/dev/null <"$token_file" || [ -n "$token" ]; then echo "token $token"; fi
  hash=$(
    [ "$mode" = direct ] && cd -- "$1" || exit
    for name in * .[!.]* ..?*; do
      # A pattern that matched nothing stands for itself.
      if [ -e "./$name" ] || [ -L "./$name" ]; then printf '%s\0' "$name"; fi
    done | sha256sum
  )
  echo "listing $(stat -c %Y -- "$1") ${hash%% *}"
fi

# Makes folders in one place, of mode $1, where ext4 has deleted nothing of late, if it can. ext4 keeps a folder's files near it, all folders of containers
# near each other, and gives no number of a file again for a minute after it was deleted: after a few sessions each new file is looked for among
# thousands (0.3 s became 2 s for 1,500 files). Only below a folder with the flag T new folders are spread, by their names.
apart() {
  bits=$1 fresh=
  shift
  if [ -d "$own/apart" ] && read -r name </proc/sys/kernel/random/uuid; then
    for path do [ -e "$path" ] || fresh="$fresh $own/apart/$name/${path##*/}"; done
    # shellcheck disable=SC2086 # split on purpose: none of these names holds a space
    if [ -n "$fresh" ] && mkdir -p -m "$bits" $fresh && mv $fresh "${path%/*}/"; then return; fi
  fi 2>/dev/null
  mkdir -p -m "$bits" "$@"
}

# Empties folder $1 of all but what is mounted in it, at the paths that follow: that is the user's.
empty_around() (
  folder=$1
  shift
  for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
    # A pattern that matched nothing stands for itself.
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    mounted=
    for path do
      case $path in
        "$entry") mounted=whole ;;
        "$entry"/*) mounted=${mounted:-inside} ;;
      esac
    done
    case $mounted in
      '') rm -rf -- "$entry" ;;
      inside) empty_around "$entry" "$@" ;;
    esac
  done
)

set -e
mkdir -p -m 755 "$own" "$own/home"
if command -v chattr >/dev/null 2>&1; then mkdir -p "$own/apart" && chattr +T "$own/apart" || :; fi 2>/dev/null
set -- "$own/spool"
# glue's git directory is written to by each capture.
[ "$mode$resumed" != copy ] || set -- "$own/git" "$own/spool"
apart 700 "$@"
cat >"$own/launch.sh"
echo "$uid $gid $main" >"$own/facts"
if [ "$mode" = direct ] && [ "$owner" != "$uid" ] && [ -z "$resumed" ]; then
  # git refuses to work in a repository of somebody else, which the user's is to the user in here. This file is the container's own.
  printf '[safe]\n\tdirectory = *\n' >>/etc/gitconfig
fi
if [ "$mode" = copy ] && [ -z "$resumed" ]; then
  # What an image keeps there would be taken for a part of the tree; a mount would have hidden it as well.
  set --
  if [ ! -L /workspace ]; then
    while read -r id parent device root point rest; do
      # The kernel writes spaces and the like as octal numbers.
      case $point in /workspace/*) set -- "$@" "$(printf '%b' "$point")" ;; esac
    done </proc/self/mountinfo
  fi
  if [ "$#" = 0 ]; then rm -rf /workspace 2>/dev/null || [ -d /workspace ]; else empty_around /workspace "$@"; fi
  apart 755 /workspace
fi
rm -rf "$own/apart"
if [ "$uid" != 0 ] || [ "$gid" != 0 ]; then
  chown "$uid:$gid" "$own" "$own/home" "$own/spool"
  [ "$mode$resumed" != copy ] || chown "$uid:$gid" /workspace "$own/git"
fi
setsid=$(command -v setsid) || :
if [ -n "$lane" ] && [ "$uid" = 0 ] && [ "$main" != 1 ] && [ -p "$own/lane/requests" ] && "$setsid" -f true 2>/dev/null; then
  # What starts here is to find the environment of an exec.
  unset LC_ALL
  [ -z "$lc_all" ] || export LC_ALL="$lc_all"
  PATH=$path_was
  [ -n "$had_path" ] || unset PATH
  pid=$("$setsid" -f "$found" -c "$lane" glue "$own/lane" "$setsid" "$found" "$lane_start" "$own/launch.sh" 9>&- </dev/null 2>/dev/null)
  read -r line <"/proc/$pid/stat"
  rest=${line##*) }
  set -f
  set -- $rest
  echo "lane $pid:${20}"
fi
echo 'ready'
