# --- the files, out of what glue's own git directory holds ---
linked=1
ln "$GLUE_GIT"/objects/pack/pack-* "$dot/objects/pack/" 2>/dev/null || {
  linked=0
  cp -p "$GLUE_GIT"/objects/pack/pack-* "$dot/objects/pack/" || fail disk the objects cannot be written
}
[ ! -e "$GLUE_GIT/shallow" ] || cp "$GLUE_GIT/shallow" "$dot/shallow"
cp "$GLUE_GIT/info/attributes" "$GLUE_GIT/info/exclude" "$dot/info/"
printf '[user]\n\tname = %s\n\temail = %s\n' "$GLUE_NAME" "$GLUE_EMAIL" >>"$dot/config"
if [ -n "$GLUE_TIP" ]; then printf 'ref: %s\n' "$GLUE_TIP"; else printf '%s\n' "$GLUE_BASE"; fi >"$dot/HEAD"
if [ "$in_place" = 1 ]; then
  [ -z "$GLUE_TIP" ] || inside update-ref "$GLUE_TIP" "$GLUE_BASE"
  cp -p "$GLUE_GIT/index" "$dot/index"
else
  # Makes the branch too.
  inside reset -q --hard "$GLUE_BASE" || fail disk the files cannot be written
fi
if [ -n "$GLUE_INCLUDE" ]; then
  GIT_INDEX_FILE=$GLUE_GIT/glue-include
  export GIT_INDEX_FILE
  own read-tree "$GLUE_INCLUDE"
  own -c core.bare=false --work-tree="$GLUE_TREE" checkout-index -a -f -q || fail disk the opted-in files cannot be written
  rm -f "$GIT_INDEX_FILE"
  unset GIT_INDEX_FILE
fi
: >"$GLUE_GIT/glue-written"

# --- what a capture finds where nothing has changed: the age of everything to the nanosecond, and which file it is ---
still=$GLUE_GIT/glue-still
{ echo "$GLUE_BASE" && find "$GLUE_TREE" -printf "$GLUE_STILL" && echo end; } >"$still" 2>/dev/null &
listing=$!

# --- the proof that this is the base, and nothing else ---
# git has just written the files: an index that is younger than they are keeps it from reading them all again.
cp "$dot/index" "$GLUE_GIT/glue-index"
touch -t 203712312359 "$GLUE_GIT/glue-index"
GIT_INDEX_FILE=$GLUE_GIT/glue-index GIT_OPTIONAL_LOCKS=0 inside status --porcelain --untracked-files=all >"$GLUE_GIT/glue-status"
[ ! -s "$GLUE_GIT/glue-status" ] || sed 's/^/left /' "$GLUE_GIT/glue-status"
# A stat cache for the captures to come. The copy must be as old as the original: git tells by its age which files to look at twice.
[ "$in_place" = 1 ] || cp -p "$dot/index" "$GLUE_GIT/index"

# The list counts only once the clock has moved since the last of it was written (mostly it has): then nothing can change without getting
# another age. And only on one disk, because others may count in seconds.
tries=500
if wait "$listing" && [ "$linked" = 1 ]; then
  until [ "$GLUE_GIT/glue-listed" -nt "$GLUE_GIT/glue-written" ] || [ "$tries" = 0 ]; do
    : >"$GLUE_GIT/glue-listed"
    tries=$((tries - 1))
  done
fi
[ "$GLUE_GIT/glue-listed" -nt "$GLUE_GIT/glue-written" ] || rm -f "$still"
rm -f ${GLUE_BUNDLE:+"$GLUE_BUNDLE"} "$GLUE_GIT/glue-status" "$GLUE_GIT/glue-index" "$GLUE_GIT/glue-commit" "$GLUE_GIT/glue-written" "$GLUE_GIT/glue-listed"
printf 'tree %s\nend\n' "$tree"
