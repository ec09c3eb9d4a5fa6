# The middle part where the files were sent and the base is made here, because the host has no git.
#
#   GLUE_LIST    file with the paths that belong to the base, each ended by NUL
#   GLUE_HEAD    the commit that the host stands at, or empty; here only after a clone
#   GLUE_OUT     where the bundle of the base is written to
GLUE_BUNDLE= GLUE_INCLUDE= in_place=1
(cd "$GLUE_TREE" && own -c core.bare=false --work-tree=. update-index --add -z --stdin <"$GLUE_LIST") || fail disk the files cannot be read
rm -f "$GLUE_LIST"
tree=$(own write-tree)
if [ -n "$GLUE_HEAD" ] && [ "$(own rev-parse -q --verify "$GLUE_HEAD^{tree}" || :)" = "$tree" ]; then
  GLUE_BASE=$GLUE_HEAD
else
  # Written by hand, because the parent is not here.
  who="$GLUE_NAME <$GLUE_EMAIL> $(date +%s) +0000"
  GLUE_BASE=$({
    printf 'tree %s\n' "$tree"
    [ -z "$GLUE_HEAD" ] || printf 'parent %s\n' "$GLUE_HEAD"
    printf 'author %s\ncommitter %s\n\n%s\n' "$who" "$who" "$GLUE_MESSAGE"
  } | own hash-object -t commit -w --stdin)
fi
printf '%s\n' "$GLUE_BASE" >"$GLUE_GIT/shallow"
own update-ref refs/glue/base "$GLUE_BASE"
own update-ref -d refs/glue/clone
own repack -a -d -q
own prune-packed -q
if ! own cat-file commit "$GLUE_BASE" | sed '/^$/q' | grep -q '^parent '; then rm -f "$GLUE_GIT/shallow"; fi
own bundle create "$GLUE_OUT" refs/glue/base 2>"$GLUE_GIT/glue-said" || fail bundle "$(cat "$GLUE_GIT/glue-said")"
rm -f "$GLUE_GIT/glue-said"
printf 'base %s\nsize %s\n' "$GLUE_BASE" "$(($(wc -c <"$GLUE_OUT")))"
if command -v sha256sum >/dev/null 2>&1; then printf 'sha256 %s\n' "$(sha256sum <"$GLUE_OUT")"; fi

