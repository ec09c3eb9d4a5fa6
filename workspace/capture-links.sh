# Submodules that did not travel and hold something here all the same: checked out inside, or files put into their empty folder. The tree has
# one entry for each, a commit id, so what they hold is kept beside it, under refs/glue/submodules/N/. Functions of capture.sh, and read
# before it.
#
#   GLUE_UNITS  the submodules that travelled, which are captured by themselves, a path a line
#   GLUE_LINKS  1 where the base has submodules

no_links() { [ "$GLUE_LINKS" != 1 ] && [ ! -e "$GLUE_TREE/.gitmodules" ]; }

kept_links() {
  ! no_links || return 0
  own ls-files -s -z | lines | awk '/^160000 / { print substr($0, index($0, "\t") + 1) }' >"$tmp/links"
  number=0
  while IFS= read -r name; do
    printf '%s\n' "$GLUE_UNITS" | grep -qxF -e "$name" && continue
    path=$(printf '%s' "$name" | tr '\001' '\n')
    [ -d "$GLUE_TREE/$path" ] && [ -n "$(ls -A "$GLUE_TREE/$path")" ] || continue
    number=$((number + 1))
    keep_link
  done <"$tmp/links"
}

link_git() { git --git-dir="$GLUE_TREE/$path/.git" -c core.hooksPath=/dev/null -c core.fsmonitor=false -c safe.directory='*' "$@"; }

keep_link() {
  kilobytes=$(du -sk "$GLUE_TREE/$path" | awk '{ print $1 }')
  if [ "$((kilobytes * 1024))" -gt "$GLUE_CAP" ]; then
    printf 'large %d total\nlarge %d %s\n' "$((kilobytes * 1024))" "$((kilobytes * 1024))" "$name"
    fail tooLarge
  fi
  inner= link_head= link_tree= recorded=$(own rev-parse -q --verify "$GLUE_BASE:$path" 2>"$tmp/err")
  if [ -e "$GLUE_TREE/$path/.git" ]; then
    inner=$(cd "$GLUE_TREE/$path" && cd "$(link_git rev-parse --git-common-dir)" && pwd) 2>"$tmp/err" || inner=
    link_head=$(link_git rev-parse -q --verify 'HEAD^{commit}' 2>"$tmp/err")
    link_tree=$(link_git rev-parse -q --verify 'HEAD^{tree}' 2>"$tmp/err")
  fi
  : >"$tmp/link-refs"
  if [ -n "$inner" ]; then
    quote "$inner/objects"
    borrowed=${borrowed:+$borrowed:}$quoted
    [ -s "$inner/shallow" ] && cat "$inner/shallow" >>"$tmp/borders"
    if [ -n "$recorded" ] && link_git cat-file -e "$recorded^{commit}" 2>"$tmp/err"; then
      # Branches that the submodule's own remote has are no work of the session.
      link_git for-each-ref --format='%(objectname) %(refname)' --no-merged="$recorded" refs/heads refs/stash >"$tmp/link-refs" 2>"$tmp/err"
    else
      link_git for-each-ref --format='%(objectname) %(refname)' refs/heads refs/stash >"$tmp/link-refs" 2>"$tmp/err"
    fi
    [ -z "$link_head" ] || [ "$link_head" = "$recorded" ] || printf '%s HEAD\n' "$link_head" >>"$tmp/link-refs"
  fi
  work=$(link_work 2>"$tmp/err") || { cat "$tmp/err" >&2; fail git "the files in $name cannot be kept"; }
  [ -z "$work" ] || printf '%s work\n' "$work" >>"$tmp/link-refs"
  [ -s "$tmp/link-refs" ] || return 0
  awk -v number="$number" '{ printf "%s refs/glue/submodules/%d/%s\n", $1, number, $2 }' "$tmp/link-refs" >>"$refs"
  news=1
  warn "The submodule $name, which did not travel, was changed inside; that lands nowhere, and is kept in runtime.bundle under refs/glue/submodules/$number/."
}

# The files on disk as a commit on what is checked out; nothing where they are just that.
link_work() {
  GIT_INDEX_FILE=$tmp/link-index
  export GIT_INDEX_FILE
  rm -f "$GIT_INDEX_FILE"
  if [ -n "$inner" ]; then
    quote "$inner/objects"
    GIT_ALTERNATE_OBJECT_DIRECTORIES=$quoted
    export GIT_ALTERNATE_OBJECT_DIRECTORIES
  fi
  if [ -n "$link_head" ]; then own read-tree "$link_head" || return 1; fi
  (GLUE_TREE=$GLUE_TREE/$path && own add -A) || return 1
  tree=$(own write-tree) || return 1
  [ "$tree" = "$link_tree" ] && return 0
  last=
  [ -r "$GLUE_GIT/glue-refs" ] && last=$(awk -v name="refs/glue/submodules/$number/work" '$2 == name { print $1 }' "$GLUE_GIT/glue-refs")
  # The same files make the same commit as the last time.
  if [ -n "$last" ] && [ "$(own rev-parse -q --verify "$last^{tree}")" = "$tree" ]; then printf '%s\n' "$last"; return 0; fi
  printf '%s\n' "$GLUE_MESSAGE" | own commit-tree "$tree" ${link_head:+-p "$link_head"}
}
