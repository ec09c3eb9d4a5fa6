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
if [ "$in_place" = 1 ]; then
  cp -p "$GLUE_GIT/index" "$dot/index"
else
  inside reset -q --hard "$GLUE_BASE" || fail disk the files cannot be written
  rm -f "$dot/ORIG_HEAD"
fi
if [ -n "$GLUE_INCLUDE" ]; then
  GIT_INDEX_FILE=$GLUE_GIT/glue-include
  export GIT_INDEX_FILE
  own read-tree "$GLUE_INCLUDE"
  own -c core.bare=false --work-tree="$GLUE_TREE" checkout-index -a -f -q || fail disk the opted-in files cannot be written
  rm -f "$GIT_INDEX_FILE"
  unset GIT_INDEX_FILE
fi
inside status --porcelain --untracked-files=all >"$GLUE_GIT/glue-status"
# A stat cache for the captures to come. The copy must be as old as the original: git tells by its age which files to look at twice. After
# the status, which has looked at them and made it anew, they are fewer.
cp -p "$dot/index" "$GLUE_GIT/index"
sed 's/^/left /' "$GLUE_GIT/glue-status"
[ -z "$GLUE_BUNDLE" ] || rm -f "$GLUE_BUNDLE"
rm -f "$rules" "$GLUE_GIT/glue-status"
printf 'tree %s\nend\n' "$(inside rev-parse 'HEAD^{tree}')"
