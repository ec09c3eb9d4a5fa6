# The middle part where a bundle was sent, or a clone has it all.
#
#   GLUE_BUNDLE  the bundle; empty: the objects are there    GLUE_BASE     the commit that the session starts from
#   GLUE_INCLUDE  commit with opted-in ignored files, or empty
#   GLUE_PACK    name of its pack, whose index lies beside it as .idx; empty: the index is made here
#   GLUE_PACK_AT where the pack begins, counted from 1      GLUE_SIZE     of the bundle, in bytes
if [ -n "$GLUE_PACK" ]; then
  [ "$(($(wc -c <"$GLUE_BUNDLE")))" = "$GLUE_SIZE" ] || fail bundle the bundle did not arrive whole
  pack=$GLUE_GIT/objects/pack/pack-$GLUE_PACK
  tail -c "+$GLUE_PACK_AT" "$GLUE_BUNDLE" >"$pack.pack"
  mv "$GLUE_BUNDLE.idx" "$pack.idx"
  chmod 444 "$pack.pack" "$pack.idx"
elif [ -n "$GLUE_BUNDLE" ]; then
  own bundle unbundle "$GLUE_BUNDLE" >/dev/null || fail bundle the bundle cannot be read
fi
if own cat-file commit "$GLUE_BASE" | sed '/^$/q' | grep -q '^parent '; then
  # Its parents stayed behind. Where there was a clone, its commit stands here already.
  printf '%s\n' "$GLUE_BASE" >>"$GLUE_GIT/shallow"
fi
own update-ref refs/glue/base "$GLUE_BASE" || fail bundle the base did not arrive
own update-ref -d refs/glue/clone
