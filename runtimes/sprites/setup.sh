# Prepares a sprite for a session and says on stdout what it found. It becomes a shell function, since the shell reads it from stdin; before
# it, install_tools was made one.
# $1 the token of the marks, $2 fresh or resumed, $3 the id of the session, $4 what the lease says, $5 the session whose lease may be taken over,
# $6 the name of the folder for glue's tools. Everything is said in lines between two marks; the last is "ready".
token=$1 how=$2 session=$3 lease=$4 stale=$5 name=$6
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
export LC_ALL=C
umask 022
printf '\036%s begin\036' "$token"
finish() {
  printf '\036%s end\036' "$token"
  exit 0
}
for tool in sh cat mkdir kill tar stat sha256sum head dd split mkfifo grep perl; do
  command -v "$tool" >/dev/null 2>&1 || { echo "lacks $tool" && finish; }
done
sudo=false
! sudo -n true >/dev/null 2>&1 || sudo=true
echo "sudo $sudo"

# A folder that this user can write to, made with sudo where it must be.
own() {
  if mkdir -p -- "$1" 2>/dev/null && [ -w "$1" ]; then return 0; fi
  [ "$sudo" = true ] && sudo -n mkdir -p -- "$1" && sudo -n chown "$(id -u):$(id -g)" -- "$1"
}
private=${HOME:-/home/sprite}/.glue-sandbox
own "$private" 2>/dev/null || { private=/var/lib/glue-sandbox && own "$private"; } || { echo "nofolder $private" && finish; }
chmod 700 "$private"
echo "private $private"

# The lease: one session at a time. A link is made whole or not at all.
mkdir -p "$private/spool"
chmod 700 "$private/spool"
echo "$lease" >"$private/lease.$token"
if [ -n "$stale" ]; then
  case $(cat "$private/lease" 2>/dev/null) in *"\"$stale\""*) mv -f "$private/lease" "$private/lease.old" ;; esac
fi
if ! ln "$private/lease.$token" "$private/lease" 2>/dev/null; then
  case $(cat "$private/lease" 2>/dev/null) in
    *"\"session\":\"$session\""*) ;;
    *)
      printf 'held '
      cat "$private/lease"
      rm -f "$private/lease.$token"
      finish
      ;;
  esac
fi
rm -f "$private/lease.$token"

if ! own /workspace; then
  echo 'nofolder /workspace'
  rm -f "$private/lease"
  finish
fi
if [ "$how" = fresh ]; then
  # What an image keeps there would be taken for a part of the tree.
  find /workspace -mindepth 1 -delete 2>/dev/null || [ "$sudo" = false ] || sudo -n find /workspace -mindepth 1 -delete
elif [ -e /workspace/.git ]; then
  changes=$(GIT_OPTIONAL_LOCKS=0 git -C /workspace status --porcelain --untracked-files=all 2>&1 | head -c 300)
  if [ -n "$changes" ]; then echo 'workspace dirty'; else echo 'workspace clean'; fi
elif [ -n "$(ls -A /workspace)" ]; then
  echo 'workspace loose'
fi
tools=$private/$name
if [ ! -e "$tools/whole" ]; then
  mkdir -p "$tools"
  install_tools && : >"$tools/whole"
fi
echo "tools $tools"
echo ready
finish
