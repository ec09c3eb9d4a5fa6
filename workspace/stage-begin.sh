# The beginning of every staging script; stage-script.ts says which parts make one. POSIX sh with git and the small tools.
# stdin: rules of an ignore file.
#
#   GLUE_TREE    the top of the workspace                    GLUE_GIT      glue's own git directory, outside of it
#   GLUE_TIP     full name of the branch; empty: detached
#   GLUE_SHA256  1 where the repository counts in SHA-256    GLUE_NAME, GLUE_EMAIL  the identity of commits inside
#   GLUE_NEEDS   set where nothing is known of the sandbox: the git 2.x that it must have
#   GLUE_ATTRIBUTES  what keeps every byte as it is          GLUE_STILL    what find says of an entry, see layout.ts
set -eu
umask 022
case $(export -p) in
  *GIT_*) for glue_name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$glue_name"; done ;;
esac
export LC_ALL=C GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=none
# HEAD and the branch are written by hand below.
export GIT_DEFAULT_REF_FORMAT=files

fail() {
  printf 'fail %s\n' "$*"
  exit 3
}
safe() {
  git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.autocrlf=false -c gc.auto=0 -c core.logAllRefUpdates=false \
    -c checkout.workers=0 -c advice.detachedHead=false "$@"
}
own() { safe --git-dir="$GLUE_GIT" "$@"; }
inside() { safe --git-dir="$GLUE_TREE/.git" --work-tree="$GLUE_TREE" "$@"; }
make() {
  if [ "$GLUE_SHA256" = 1 ]; then safe init -q --template= --object-format=sha256 "$@"; else safe init -q --template= "$@"; fi
}

dot=$GLUE_TREE/.git
if [ -n "${GLUE_NEEDS-}" ]; then
  [ ! -e "$dot" ] || fail unable there is a repository
  version=$(git version 2>/dev/null) || fail unable there is no git
  version=${version#git version } version=${version%% *}
  rest=${version#*.}
  case ${version%%.*}.${rest%%.*} in
    2.*[!0-9]* | 2. | [!0-9]*) fail unable the version of git says nothing: "$version" ;;
    2.*) [ "${rest%%.*}" -ge "$GLUE_NEEDS" ] || fail unable git is too old: "$version" ;;
    [01].*) fail unable git is too old: "$version" ;;
  esac
  printf 'git %s\n' "$version"
fi
[ ! -e "$dot" ] || fail notEmpty there is a .git already
# Set by a part that finds the files in the workspace already, with glue's own index made from them.
in_place=0

# --- an ordinary repository in the workspace, and glue's own git directory, which holds the base whatever becomes of that ---
make "$GLUE_TREE"
if [ ! -e "$GLUE_GIT/HEAD" ]; then
  # By hand: what git found out about the file system is in the other one's configuration.
  (umask 077 && mkdir -p "$GLUE_GIT/objects/pack" "$GLUE_GIT/refs/heads" "$GLUE_GIT/info")
  while IFS= read -r line; do
    case $line in
      *bare\ =*) line='	bare = true' ;;
      *logallrefupdates*) continue ;;
    esac
    printf '%s\n' "$line"
  done <"$dot/config" >"$GLUE_GIT/config"
  echo 'ref: refs/heads/none' >"$GLUE_GIT/HEAD"
fi
mkdir -p "$GLUE_GIT/info" "$dot/info"
printf '%s' "$GLUE_ATTRIBUTES" >"$GLUE_GIT/info/attributes"
cat >"$GLUE_GIT/info/exclude"
