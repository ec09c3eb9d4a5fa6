# Prepares a sandbox and says on stdout what it found, a line each. $1 the folder for the tree; $2 glue's own folder for root, $3 for others in their home;
# $4 when the service ends it, or empty for one that an earlier session prepared and kept.
# The words between @ are replaced by the scripts that it writes into glue's own folder.
tree=$1 own=$2 until=$4
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
for tool in sh cat mkdir kill tar mv rm; do
  command -v "$tool" >/dev/null 2>&1 || echo "lacks $tool"
done
found=$(command -v sh)
for folder in /bin /usr/bin /usr/local/bin; do
  case $found in /*) break ;; esac
  [ ! -x "$folder/sh" ] || found=$folder/sh
done
echo "sh $found"
if [ -n "$until" ]; then
  # The process that keeps the sandbox up, and those above it: they must not be ended with the commands.
  pid= spared= tries=0
  while [ -z "$pid" ] && [ "$tries" -lt 50 ]; do
    read -r pid 2>/dev/null </tmp/.glue-main || { tries=$((tries + 1)) && sleep 0.1; }
  done
  while [ "${pid:-0}" -gt 1 ]; do
    spared="$spared $pid" parent=0
    while read -r name value; do
      [ "$name" != PPid: ] || parent=$value
    done 2>/dev/null <"/proc/$pid/status"
    pid=$parent
  done
  rm -f /tmp/.glue-main
  place="spared$spared
until $until"
  mkdir -p "$own/spool" 2>/dev/null
  # An image may have a user of its own.
  [ -w "$own/spool" ] || own=${HOME:-/nonexistent}/$3
else
  [ -r "$own/place" ] || own=${HOME:-/nonexistent}/$3
  place=$(cat "$own/place") || exit 1
fi
echo "$place"
echo "own $own"
set -e
mkdir -p "$own/spool"
chmod 755 "$own"
chmod 700 "$own/spool"
cat >"$own/launch.sh" <<'GLUE_LAUNCHER_END'
@launcher@
GLUE_LAUNCHER_END
cat >"$own/files.sh" <<'GLUE_FILES_END'
@files@
GLUE_FILES_END
if [ -z "$until" ]; then
  [ -d "$tree" ] || mkdir -p -m 755 "$tree"
  echo ready
  exit
fi
echo "$place" >"$own/place"
# What an image keeps there would be taken for a part of the tree.
rm -rf "$tree" 2>/dev/null || :
# Who may not remove the folder itself has emptied it.
[ -d "$tree" ] || mkdir -p -m 755 "$tree"
if [ ! -w "$tree" ] || [ -n "$(ls -A "$tree")" ]; then
  echo "$tree cannot be emptied" >&2
  exit 1
fi
echo ready
