# Prepares a sandbox and says on stdout what it found, a line each. $1 the folder for the tree; $2 "fresh" for a new sandbox, else "kept";
# $3 the sandbox. The scripts for glue's own folder are in the environment. A session waits for it, so it starts few programs, and no two in
# a row that could go side by side. It may run twice, also at a time, and whoever comes second must not undo what was made of the first.
glue_tree=$1 glue_fresh=$2 glue_sandbox=$3
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
glue_fail() {
  echo "$1"
  echo ':end:'
  exit 1
}
glue_has_tree() { [ -d "$glue_tree" ] && [ -w "$glue_tree" ]; }
# Begins to make the tree, where it is not there; it is when `wait` is over.
glue_make_tree() {
  umask 022
  glue_has_tree || [ ! -w "${glue_tree%/*}/" ] || mkdir -p "$glue_tree" 2>/dev/null
  if ! glue_has_tree; then
    {
      sudo -n install -d -o "$glue_uid" -g "$glue_gid" "$glue_tree" ||
        sudo -n sh -c 'mkdir -p "$1" && chown "$2" "$1"' sh "$glue_tree" "$glue_uid:$glue_gid"
    } >/dev/null 2>&1 &
  fi
  umask 077
}
glue_put() {
  printf '%s\n' "$glue_launch" >"$1/launch.sh" &&
    printf '%s\n' "$glue_carry" >"$1/carry.sh" &&
    printf '%s\n' "$glue_end_all" >"$1/end-all.sh" &&
    printf '%s\n' "$glue_files" >"$1/files.sh" &&
    printf '%s\n' "$glue_resident" >"$1/resident.pl"
}
umask 077
glue_old=no glue_new= glue_first=no
if [ "$glue_fresh" = fresh ] && [ -e "$glue_tree" ]; then glue_old=yes; else glue_make_tree; fi
[ ! -e "$glue_own" ] || glue_new=$glue_own/new.$$
mkdir -p "$glue_own/spool" ${glue_new:+"$glue_new"} || glue_fail "cannot make $glue_own"
set -C
if [ "$glue_fresh" = fresh ] && { true >"$glue_own/made.$glue_sandbox"; } 2>/dev/null; then glue_first=yes; fi
if [ "$glue_first$glue_old" = yesyes ]; then
  # What a snapshot keeps there would be taken for a part of the tree.
  rm -rf "$glue_tree" 2>/dev/null || sudo -n rm -rf "$glue_tree" 2>/dev/null
  glue_make_tree
fi
# A command may be reading what is there.
if [ -n "$glue_new" ] || ! glue_put "$glue_own" 2>/dev/null; then
  glue_new=$glue_own/new.$$
  [ -d "$glue_new" ] || mkdir "$glue_new"
  { glue_put "$glue_new" && mv -f "$glue_new"/* "$glue_own"; } || glue_fail "cannot write to $glue_own"
  rmdir "$glue_new" >/dev/null 2>&1 &
fi
unset glue_launch glue_carry glue_end_all glue_files glue_resident glue_setup
wait
if [ "$glue_first" = yes ]; then
  echo . >|"$glue_own/made.$glue_sandbox"
elif [ "$glue_fresh" = fresh ]; then
  glue_left=900
  while [ ! -s "$glue_own/made.$glue_sandbox" ] && [ "$glue_left" -gt 0 ]; do
    sleep 0.1 || sleep 1
    glue_left=$((glue_left - 1))
  done
  [ -s "$glue_own/made.$glue_sandbox" ] || glue_fail "cannot make $glue_tree: it was begun and did not come to its end"
fi
if ! glue_has_tree; then
  glue_fail "cannot make $glue_tree, neither as $(id -un 2>/dev/null) nor by sudo"
fi
echo "own $glue_own"
echo 'ready'
echo ':end:'
