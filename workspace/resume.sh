# Takes over a repository that an earlier session left in the workspace: its HEAD is what the new session starts from, after what changed on the
# host was brought in. POSIX sh with git. Prints what it found, and "end".
#
#   GLUE_HOW     look: only say what is there; keep: start from HEAD; forward: from GLUE_NEW, which descends from HEAD;
#                merge: from HEAD with what GLUE_NEW changed since GLUE_OLD
#   GLUE_TREE    the top of the workspace                    GLUE_GIT      glue's own git directory, outside of it
#   GLUE_HEAD    what HEAD was at the look                   GLUE_BUNDLE   holds GLUE_NEW; removed afterwards
#   GLUE_HOST    the commit here whose tree the host has now; refs/glue/host keeps it for the session after this one
#   GLUE_OLD     what the host had when the earlier session began
#   GLUE_OUT     where the bundle of the base is written to  GLUE_SHA256, GLUE_NAME, GLUE_EMAIL, GLUE_ATTRIBUTES as in stage-begin.sh
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
    -c advice.detachedHead=false -c "user.name=$GLUE_NAME" -c "user.email=$GLUE_EMAIL" -c commit.gpgSign=false "$@"
}
own() { safe --git-dir="$GLUE_GIT" "$@"; }
inside() { safe --git-dir="$GLUE_TREE/.git" --work-tree="$GLUE_TREE" "$@"; }
has_parents() { inside cat-file commit "$1" | sed '/^$/q' | grep -q '^parent '; }
# Prints what a repository on the host must know for this one to have come from it: where history here begins, and what that stands on there.
# "anyones" for a beginning that glue made of a tree without a commit.
origin() {
  glue_top=$({ inside cat-file commit "$1" 2>/dev/null || own cat-file commit "$1"; } | sed '/^$/q')
  if printf '%s\n' "$glue_top" | grep -q '^parent '; then printf '%s\n' "$glue_top" | sed -n 's/^parent /known /p'
  elif printf '%s\n' "$glue_top" | grep -qF "author $GLUE_NAME <$GLUE_EMAIL>"; then echo anyones && return; fi
  printf 'known %s\n' "$1"
}

cd "$GLUE_TREE"
head=$(inside rev-parse -q --verify 'HEAD^{commit}') || fail unborn the repository in the workspace has no commit
GLUE_FORMER=$GLUE_GIT.former
if [ "$GLUE_HOW" = look ]; then
  # An earlier try ended in the middle.
  if [ -e "$GLUE_FORMER" ]; then rm -rf "$GLUE_GIT" && mv "$GLUE_FORMER" "$GLUE_GIT"; fi
  printf 'head %s\ntree %s\n' "$head" "$(inside rev-parse 'HEAD^{tree}')"
  if old=$(own rev-parse -q --verify refs/glue/host 2>/dev/null || own rev-parse -q --verify refs/glue/base 2>/dev/null); then
    printf 'old %s\noldtree %s\n' "$old" "$(own rev-parse "$old^{tree}")"
    origin "$old"
  fi
  for glue_root in $(inside rev-list --max-parents=0 HEAD | head -n 100); do origin "$glue_root"; done
  printf 'end\n'
  exit 0
fi
[ "$head" = "$GLUE_HEAD" ] || fail moved the workspace changed while it was taken over
[ -z "$(inside status --porcelain --untracked-files=all | head -c 1)" ] || fail dirty the workspace has uncommitted changes

base=$head
if [ "$GLUE_HOW" != keep ]; then
  inside bundle unbundle "$GLUE_BUNDLE" >/dev/null || fail bundle the bundle cannot be read
  rm -f "$GLUE_BUNDLE"
  # Its parents stayed on the host.
  if has_parents "$GLUE_NEW"; then printf '%s\n' "$GLUE_NEW" >>.git/shallow; fi
  base=$GLUE_NEW
fi
if [ "$GLUE_HOW" = merge ]; then
  # Both stand on what the host had then, whatever became of the history.
  GIT_ALTERNATE_OBJECT_DIRECTORIES=$GLUE_GIT/objects
  export GIT_ALTERNATE_OBJECT_DIRECTORIES
  ours=$(inside commit-tree "$head^{tree}" -p "$GLUE_OLD" -m 'the tree of the sandbox')
  theirs=$(inside commit-tree "$GLUE_NEW^{tree}" -p "$GLUE_OLD" -m 'the tree of the host')
  if ! inside merge-tree --write-tree --name-only --no-messages "$ours" "$theirs" >.git/glue-merged 2>.git/glue-said; then
    paths=$(sed 1d .git/glue-merged | head -n 10 | tr '\n' ' ')
    [ -n "$paths" ] || paths=$(head -c 300 .git/glue-said | tr '\n' ' ')
    rm -f .git/glue-merged .git/glue-said
    fail conflict "$paths"
  fi
  unset GIT_ALTERNATE_OBJECT_DIRECTORIES
  base=$(inside commit-tree "$(head -n 1 .git/glue-merged)" -p "$head" -m 'changes made on the host')
  rm -f .git/glue-merged .git/glue-said
fi
[ "$base" = "$head" ] || inside reset -q --hard "$base" || fail disk the files cannot be written
rm -f .git/ORIG_HEAD

# --- glue's own git directory, anew: it holds the base and nothing before it ---
[ ! -e "$GLUE_GIT" ] || mv "$GLUE_GIT" "$GLUE_FORMER"
if [ "$GLUE_SHA256" = 1 ]; then safe init -q --template= --object-format=sha256 --bare "$GLUE_GIT"; else safe init -q --template= --bare "$GLUE_GIT"; fi
chmod 700 "$GLUE_GIT"
mkdir -p "$GLUE_GIT/info"
printf '%s' "$GLUE_ATTRIBUTES" >"$GLUE_GIT/info/attributes"
if [ -e .git/info/exclude ]; then cp .git/info/exclude "$GLUE_GIT/info/exclude"; fi
GIT_ALTERNATE_OBJECT_DIRECTORIES=$GLUE_FORMER/objects
export GIT_ALTERNATE_OBJECT_DIRECTORIES
inside rev-list --objects --no-walk "$base" $GLUE_HOST | cut -d ' ' -f 1 >"$GLUE_GIT/glue-objects"
inside pack-objects -q --stdout <"$GLUE_GIT/glue-objects" | own index-pack --stdin >/dev/null || fail disk the objects cannot be written
unset GIT_ALTERNATE_OBJECT_DIRECTORIES
rm -rf "$GLUE_GIT/glue-objects" "$GLUE_FORMER"
for commit in "$base" $GLUE_HOST; do
  if own cat-file commit "$commit" | sed '/^$/q' | grep -q '^parent '; then printf '%s\n' "$commit" >>"$GLUE_GIT/shallow"; fi
done
own update-ref refs/glue/base "$base"
[ -z "$GLUE_HOST" ] || own update-ref refs/glue/host "$GLUE_HOST"
cp -p .git/index "$GLUE_GIT/index"
own bundle create "$GLUE_OUT" refs/glue/base 2>"$GLUE_GIT/glue-said" || fail bundle "$(cat "$GLUE_GIT/glue-said")"
rm -f "$GLUE_GIT/glue-said"
printf 'base %s\ntree %s\nsize %s\n' "$base" "$(inside rev-parse "$base^{tree}")" "$(($(wc -c <"$GLUE_OUT")))"
if command -v sha256sum >/dev/null 2>&1; then printf 'sha256 %s\n' "$(sha256sum <"$GLUE_OUT")"; fi
printf 'end\n'
