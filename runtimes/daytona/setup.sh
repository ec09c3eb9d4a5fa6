# Prepares a sandbox and says on stdout what it found, a line each. $1 the folder for the tree; $2 "fresh" for a new sandbox.
# The words between @ are replaced by the scripts that it writes into glue's own folder.
glue_tree=$1 glue_fresh=$2
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
echo ':glue:'
for glue_tool in sh cat mkdir kill tar dd base64 wc tail mv rm; do
  command -v "$glue_tool" >/dev/null 2>&1 || echo "lacks $glue_tool"
done
glue_sh=$(command -v sh)
echo "sh $glue_sh"
glue_uid=$(id -u 2>/dev/null || echo 1)
if [ "$glue_uid" = 0 ]; then glue_own=/var/lib/glue; else glue_own=${HOME:-/tmp}/.local/state/glue; fi
if ! mkdir -p "$glue_own/spool" || ! chmod 700 "$glue_own" "$glue_own/spool"; then
  echo "cannot make $glue_own"
  echo ':end:'
  exit 1
fi
cat >"$glue_own/launch.sh.$$" <<'GLUE_LAUNCHER_END'
@launcher@
GLUE_LAUNCHER_END
cat >"$glue_own/carry.sh.$$" <<'GLUE_CARRIER_END'
@carrier@
GLUE_CARRIER_END
cat >"$glue_own/files.sh.$$" <<'GLUE_FILES_END'
@files@
GLUE_FILES_END
for glue_file in launch carry files; do
  mv -f "$glue_own/$glue_file.sh.$$" "$glue_own/$glue_file.sh"
done
if [ "$glue_fresh" = fresh ] && [ -e "$glue_tree" ]; then
  # What a snapshot keeps there would be taken for a part of the tree.
  rm -rf "$glue_tree" 2>/dev/null || sudo -n rm -rf "$glue_tree" 2>/dev/null
fi
if [ ! -d "$glue_tree" ] || [ ! -w "$glue_tree" ]; then
  mkdir -p "$glue_tree" 2>/dev/null || {
    sudo -n mkdir -p "$glue_tree" && sudo -n chown "$(id -u):$(id -g)" "$glue_tree"
  } 2>/dev/null
fi
if [ ! -w "$glue_tree" ] && [ -d "$glue_tree" ]; then sudo -n chown "$(id -u):$(id -g)" "$glue_tree" 2>/dev/null; fi
if [ ! -d "$glue_tree" ] || [ ! -w "$glue_tree" ]; then
  echo "cannot make $glue_tree, neither as $(id -un 2>/dev/null) nor by sudo"
  echo ':end:'
  exit 1
fi
echo "own $glue_own"
echo 'ready'
echo ':end:'
