# The middle part where a bundle was sent, or a clone has it all.
#
#   GLUE_BUNDLE  the bundle; empty: the objects are there    GLUE_BASE     the commit that the session starts from
#   GLUE_INCLUDE  commit with opted-in ignored files, or empty
if [ -n "$GLUE_BUNDLE" ]; then own bundle unbundle "$GLUE_BUNDLE" >/dev/null || fail bundle the bundle cannot be read; fi
if own cat-file commit "$GLUE_BASE" | sed '/^$/q' | grep -q '^parent '; then
  # Its parents stayed behind. Where there was a clone, its commit stands here already.
  printf '%s\n' "$GLUE_BASE" >>"$GLUE_GIT/shallow"
fi
own update-ref refs/glue/base "$GLUE_BASE" || fail bundle the base did not arrive
own update-ref -d refs/glue/clone
