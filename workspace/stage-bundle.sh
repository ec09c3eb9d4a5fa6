# The middle part where a bundle was sent, or a clone has it all.
#
#   GLUE_BUNDLE  the bundle; empty: the objects are there    GLUE_BASE     the commit that the session starts from
#   GLUE_INCLUDE  commit with opted-in ignored files, or empty
#   GLUE_PACK    name of its pack, whose index lies beside it as .idx; empty: the index is made here
#   GLUE_PACK_AT where the pack begins, counted from 1
if [ -n "$GLUE_PACK" ]; then
  pack=$GLUE_GIT/objects/pack/pack-$GLUE_PACK
  # One that is not whole does not go with its index: git reads nothing from it then.
  (umask 333 && tail -c "+$GLUE_PACK_AT" "$GLUE_BUNDLE" >"$pack.pack") || fail bundle the bundle cannot be read
  mv "$GLUE_BUNDLE.idx" "$pack.idx"
elif [ -n "$GLUE_BUNDLE" ]; then
  own bundle unbundle "$GLUE_BUNDLE" >/dev/null || fail bundle the bundle cannot be read
fi
own cat-file commit "$GLUE_BASE" >"$GLUE_GIT/glue-commit" || fail bundle the base did not arrive
parents=0
while IFS= read -r line; do
  case $line in
    tree\ *) tree=${line#tree } ;;
    parent\ *) parents=1 ;;
    '') break ;;
  esac
done <"$GLUE_GIT/glue-commit"
# Its parents stayed behind. Where there was a clone, its commit stands here already.
[ "$parents" = 0 ] || printf '%s\n' "$GLUE_BASE" >>"$GLUE_GIT/shallow"
own update-ref refs/glue/base "$GLUE_BASE" || fail bundle the base did not arrive
[ -n "$GLUE_PACK" ] || own update-ref -d refs/glue/clone
