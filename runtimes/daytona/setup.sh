# Prepares a sandbox and says on stdout what it found, a line each. $1 the folder for the tree; $2 "fresh" for a new sandbox. The scripts for
# glue's own folder are in the environment. A session waits for it, so it starts few programs, and no two in a row that could go side by side.
glue_tree=$1 glue_fresh=$2
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
echo ':glue:'
for glue_tool in sh cat mkdir kill tar dd base64 wc tail mv rm; do
  command -v "$glue_tool" >/dev/null 2>&1 || echo "lacks $glue_tool"
done
printf 'sh '
command -v sh
# Only where it can do what is asked of it.
if command -v stty >/dev/null 2>&1 && command -v perl >/dev/null 2>&1; then
  printf 'perl '
  command -v perl
fi
glue_uid= glue_gid=
while read -r glue_word glue_real glue_one glue_line; do
  case $glue_word in Uid:) glue_uid=$glue_one ;; Gid:) glue_gid=$glue_one && break ;; esac
done 2>/dev/null </proc/self/status
[ -n "$glue_gid" ] || glue_uid=$(id -u 2>/dev/null || echo 1) glue_gid=$(id -g 2>/dev/null || echo 1)
if [ "$glue_uid" = 0 ]; then glue_own=/var/lib/glue; else glue_own=${HOME:-/tmp}/.local/state/glue; fi
if [ "$glue_fresh" = fresh ] && [ -e "$glue_tree" ]; then
  # What a snapshot keeps there would be taken for a part of the tree.
  rm -rf "$glue_tree" 2>/dev/null || sudo -n rm -rf "$glue_tree" 2>/dev/null
fi
umask 022
if [ ! -d "$glue_tree" ] || [ ! -w "$glue_tree" ]; then
  [ ! -w "${glue_tree%/*}/" ] || mkdir -p "$glue_tree" 2>/dev/null
  if [ ! -d "$glue_tree" ] || [ ! -w "$glue_tree" ]; then
    {
      sudo -n install -d -o "$glue_uid" -g "$glue_gid" "$glue_tree" ||
        sudo -n sh -c 'mkdir -p "$1" && chown "$2" "$1"' sh "$glue_tree" "$glue_uid:$glue_gid"
    } >/dev/null 2>&1 &
  fi
fi
glue_new=$glue_own/new.$$
umask 077
if ! mkdir -p "$glue_own/spool" "$glue_new"; then
  echo "cannot make $glue_own"
  echo ':end:'
  exit 1
fi
printf '%s\n' "$glue_launch" >"$glue_new/launch.sh"
printf '%s\n' "$glue_carry" >"$glue_new/carry.sh"
printf '%s\n' "$glue_end_all" >"$glue_new/end-all.sh"
printf '%s\n' "$glue_files" >"$glue_new/files.sh"
printf '%s\n' "$glue_resident" >"$glue_new/resident.pl"
unset glue_launch glue_carry glue_end_all glue_files glue_resident glue_setup
# In its place at once: a command may be reading the one before.
mv -f "$glue_new"/* "$glue_own"
wait
rmdir "$glue_new" >/dev/null 2>&1 &
if [ ! -d "$glue_tree" ] || [ ! -w "$glue_tree" ]; then
  echo "cannot make $glue_tree, neither as $(id -un 2>/dev/null) nor by sudo"
  echo ':end:'
  exit 1
fi
echo "own $glue_own"
echo 'ready'
echo ':end:'
