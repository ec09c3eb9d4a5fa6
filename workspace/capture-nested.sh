# Repositories that were made inside the workspace (a clone, a git init). git shows each as one entry and would keep nothing but a
# commit id of it. Their files come back as files of the tree, and their history beside it, under refs/glue/nested/N/.
# Functions of capture.sh, and read before it.

# Adds the files of the repositories that are listed in $tmp/others (their names end with a slash), and of those inside them, which
# are listed only then.
adopt_nested() {
  echo / >"$tmp/adopted"
  while lines <"$tmp/others" | sed -n '/\/$/p' | grep -vxF -f "$tmp/adopted" >"$tmp/nested"; do
    while IFS= read -r name; do adopt "$name" "$(printf '%s' "$name" | tr '\001' '\n')"; done <"$tmp/nested"
    cat "$tmp/nested" >>"$tmp/adopted"
    others
  done
}

adopt() {
  git --git-dir="$GLUE_TREE/${2}.git" --work-tree="$GLUE_TREE/$2" -c core.bare=false -c core.hooksPath=/dev/null -c core.fsmonitor=false \
    -c core.excludesFile="$tmp/ignore" -c safe.directory='*' ls-files -c -o -z --exclude-standard 2>"$tmp/err" |
    lines | sed '/\/$/d' | GLUE_PREFIX=$1 awk '{ print ENVIRON["GLUE_PREFIX"] $0 }' | unlines |
    own update-index --add --remove --replace -z --stdin 2>"$tmp/err"
  grep -qxF -e "$1" "$GLUE_GIT/glue-nested" 2>"$tmp/err" || printf '%s\n' "$1" >>"$GLUE_GIT/glue-nested"
}

# Adds what those repositories name to $refs, and their objects to what can be read.
nested_history() {
  [ -s "$GLUE_GIT/glue-nested" ] || return 0
  number=0
  while IFS= read -r name; do
    number=$((number + 1))
    path=$GLUE_TREE/$(printf '%s' "$name" | tr '\001' '\n').git
    [ -d "$path/objects" ] || continue
    kilobytes=$(du -sk "$path/objects" | awk '{ print $1 }')
    if [ "$((kilobytes * 1024))" -gt "$GLUE_CAP" ]; then
      printf 'large %d total\nlarge %d %s.git\n' "$((kilobytes * 1024))" "$((kilobytes * 1024))" "$name"
      fail tooLarge
    fi
    if ! nested_refs "$path" >"$tmp/list" 2>"$tmp/err"; then
      warn "the history of $name cannot be read: $(head -n 1 "$tmp/err")"
      continue
    fi
    awk -v number="$number" '{ printf "%s refs/glue/nested/%d/%s\n", $1, number, $2 }' "$tmp/list" >>"$refs"
    quote "$path/objects"
    borrowed=${borrowed:+$borrowed:}$quoted
    [ -s "$path/shallow" ] && cat "$path/shallow" >>"$tmp/borders"
  done <"$GLUE_GIT/glue-nested"
}

nested_refs() {
  git --git-dir="$1" -c core.hooksPath=/dev/null -c safe.directory='*' for-each-ref --format='%(objectname) %(refname)' refs/heads refs/tags refs/stash &&
    git --git-dir="$1" -c core.hooksPath=/dev/null -c safe.directory='*' rev-parse -q --verify 'HEAD^{commit}' | sed 's/$/ HEAD/'
}
