# Brings a staged tree into the workspace with the git that is there; stage-script.ts says what it gets and what it prints.
# POSIX sh with git and the small tools. stdin: rules of an ignore file.
#
#   GLUE_TREE    the top of the workspace                    GLUE_GIT      glue's own git directory, outside of it
#   GLUE_BUNDLE  the bundle; empty: objects are there        GLUE_BASE     the commit that the session starts from
#   GLUE_TIP     full name of the branch; empty: detached    GLUE_INCLUDE  commit with opted-in ignored files, or empty
#   GLUE_SHA256  1 where the repository counts in SHA-256    GLUE_NAME, GLUE_EMAIL  the identity of commits inside
#   GLUE_ATTRIBUTES  what keeps every byte as it is
set -eu
umask 022
for glue_name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$glue_name"; done
export LC_ALL=C GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=none

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

mkdir -p "$GLUE_TREE" "$GLUE_GIT"
chmod 700 "$GLUE_GIT"
[ ! -e "$GLUE_TREE/.git" ] || fail notEmpty there is a .git already
rules=$GLUE_GIT/glue-ignore
cat >"$rules"

# --- glue's own git directory: holds the base whatever becomes of the workspace ---
[ -e "$GLUE_GIT/HEAD" ] || make --bare "$GLUE_GIT"
mkdir -p "$GLUE_GIT/info"
printf '%s' "$GLUE_ATTRIBUTES" >"$GLUE_GIT/info/attributes"
cp "$rules" "$GLUE_GIT/info/exclude"
if [ -n "$GLUE_BUNDLE" ]; then own bundle unbundle "$GLUE_BUNDLE" >/dev/null || fail bundle the bundle cannot be read; fi
if own cat-file commit "$GLUE_BASE" | sed '/^$/q' | grep -q '^parent '; then
  # Its parents stayed behind. Where there was a clone, its commit stands here already.
  printf '%s\n' "$GLUE_BASE" >>"$GLUE_GIT/shallow"
fi
own update-ref refs/glue/base "$GLUE_BASE" || fail bundle the base did not arrive
own update-ref -d refs/glue/clone

# --- an ordinary repository in the workspace ---
make "$GLUE_TREE"
dot=$GLUE_TREE/.git
mkdir -p "$dot/info" "$dot/objects/pack"
for name in "$GLUE_GIT"/objects/pack/pack-*; do
  ln "$name" "$dot/objects/pack/" 2>/dev/null || cp -p "$name" "$dot/objects/pack/" || fail disk the objects cannot be written
done
[ ! -e "$GLUE_GIT/shallow" ] || cp "$GLUE_GIT/shallow" "$dot/shallow"
cp "$GLUE_GIT/info/attributes" "$dot/info/attributes"
cp "$rules" "$dot/info/exclude"
printf '[user]\n\tname = %s\n\temail = %s\n' "$GLUE_NAME" "$GLUE_EMAIL" >>"$dot/config"
if [ -n "$GLUE_TIP" ]; then
  inside symbolic-ref HEAD "$GLUE_TIP"
  inside update-ref "$GLUE_TIP" "$GLUE_BASE"
else
  inside update-ref --no-deref HEAD "$GLUE_BASE"
fi
inside reset -q --hard "$GLUE_BASE" || fail disk the files cannot be written
if [ -n "$GLUE_INCLUDE" ]; then
  GIT_INDEX_FILE=$GLUE_GIT/glue-include
  export GIT_INDEX_FILE
  own read-tree "$GLUE_INCLUDE"
  own -c core.bare=false --work-tree="$GLUE_TREE" checkout-index -a -f -q || fail disk the opted-in files cannot be written
  rm -f "$GIT_INDEX_FILE"
  unset GIT_INDEX_FILE
fi
rm -f "$dot/ORIG_HEAD"
# A stat cache for the captures to come. The copy must be as old as the original: git tells by its age which files to look at twice.
cp -p "$dot/index" "$GLUE_GIT/index"
inside status --porcelain --untracked-files=all >"$GLUE_GIT/glue-status"
sed 's/^/left /' "$GLUE_GIT/glue-status"
[ -z "$GLUE_BUNDLE" ] || rm -f "$GLUE_BUNDLE"
rm -f "$rules" "$GLUE_GIT/glue-status"
printf 'tree %s\nend\n' "$(inside rev-parse 'HEAD^{tree}')"
