# The capture itself; capture-begin.sh says what it is given, and comes before it with the two other parts.

# --- add until nothing more changes, at most three times ---
in_tree() { (cd "$GLUE_TREE" && "$@"); }
check_size() {
  lines <"$tmp/others" | sed '/\/$/d' | unlines >"$tmp/list"
  [ -s "$tmp/list" ] || return 0
  in_tree xargs -0 ls -lnd -- <"$tmp/list" 2>"$tmp/err" | awk -v cap="$GLUE_CAP" '
    /^-/ { size = $5; all += size; top = $0; for (n = 8; n; n--) sub(/^[^ ]+ +/, "", top); if (i = index(top, "/")) top = substr(top, 1, i); sum[top] += size }
    END { if (all > cap) { printf "large %.0f total\n", all; for (name in sum) printf "large %.0f %s\n", sum[name], name } }' >"$tmp/large"
  [ -s "$tmp/large" ] || return 0
  sort -k2,2rn "$tmp/large" | head -n 12
  fail tooLarge
}
# git add gives everything up where a file goes between its two looks at it; update-index looks once and takes what is gone for deleted.
add_tracked() {
  add_once && return 0
  tries=0 came=1
  while vanished; do
    [ "$tries" -lt 20 ] || fail git cannot read files that come and go this fast: "$(head -n 1 "$tmp/add.err")"
    tries=$((tries + 1))
    own diff-files --name-only -z 2>"$tmp/diff.err" | own update-index --remove --replace -z --stdin 2>"$tmp/add.err" && return 0
  done
}
vanished() { grep -qE 'No such file or directory|unable to stat|short read' "$tmp/add.err"; }
# Sets $little where so little was added that threads would cost more than they save, and $came where a path went.
note_added() {
  little=1 count=0
  while read -r what line; do
    [ "$what" = add ] || came=1
    count=$((count + 1))
    [ "$count" -lt 100 ] || {
      little=0 came=1
      return
    }
  done <"$tmp/added"
}
# Looks once more at everything, and leaves $tmp/quiescent where it is as it was added. A nested repository without a file stays among
# the others.
check() {
  own ls-files -t -m -o -z -X "$tmp/included" --exclude-standard >"$tmp/moved" 2>"$tmp/moved.err" || return 0
  [ "$looked" = 1 ] || { [ ! -s "$tmp/moved" ] && [ ! -s "$tmp/moved.err" ]; } || return 0
  [ ! -s "$tmp/moved" ] || ! lines <"$tmp/moved" | grep -qv '^? .*/$' || return 0
  if [ -s "$tmp/moved.err" ] && grep -qv '^warning: could not open directory ' "$tmp/moved.err"; then return 0; fi
  [ -s "$tmp/add.err" ] || echo 1 >"$tmp/quiescent"
}

# Trees hardly get smaller by compression.
make_tree() { own -c core.looseCompression=0 write-tree >"$tmp/tree" 2>"$tmp/tree.err" && read -r tree <"$tmp/tree"; }
# The last commit, only where the tree differs from the one that was committed inside.
make_commit() {
  if [ "$tree" = "$parent_tree" ]; then
    final=$parent
  elif [ "$tree" = "$last_tree" ] && [ "$parent" = "$last_parent" ]; then
    final=$last
  else
    both commit-tree -m "$GLUE_MESSAGE" -p "$parent" "$tree" >"$tmp/commit" 2>"$tmp/tree.err" && read -r final <"$tmp/commit"
  fi
}
# Whether what is staged is what is committed or what is on disk.
index_is_plain() { [ "$state" != ok ] || [ "$seed" = "$parent_tree" ] || [ "$seed" = "$tree" ]; }
# Content that is in the workspace's index and nowhere else (staged, then changed again or removed) is work that a ref must hold: a
# commit of the index, always the same one, and only where a path differs from both.
index_only() {
  if [ "$final" = "$parent" ]; then parents=; else parents="-p $final"; fi
  # shellcheck disable=SC2086 # split on purpose
  staged=$(echo 'what was staged' | GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000' both commit-tree "$seed" -p "$parent" $parents 2>"$tmp/err") &&
    both diff-tree -r -c --no-commit-id --no-renames --raw "$staged" >"$tmp/list" 2>"$tmp/err" || {
    warn "what is staged could not be read: $(head -n 1 "$tmp/err")"
    return 0
  }
  if awk '{ colons = match($0, /[^:]/) - 1; if ($(colons + 1) != "000000") found = 1 } END { exit !found }' "$tmp/list"; then
    news=1
    printf '%s refs/glue/pending/index\n' "$staged" >>"$refs"
  fi
}
# What came from the workspace's own objects is kept here too: its .git may be gone the next time.
must_keep() { [ "$parent" != "$last_parent" ] || { [ "$news" = 1 ] && ! cmp -s "$refs" "$GLUE_GIT/glue-refs"; }; }
# The host can make itself ready.
say_ahead() { printf 'expect %s\n' "$final"; }
# What is new, as a pack. One that was not fetched whole the last time stays as it is, so that the fetching can be gone on with.
make_pack() {
  pack=$tmp/pack
  {
    printf '%s\n^%s\n' "$final" "$GLUE_BASE"
    while read -r id name; do printf '%s\n' "$id"; done <"$refs"
    while read -r id; do printf '^%s\n' "$id"; done <"$tmp/have"
  } >"$tmp/glue-wanted"
  if [ -e "$GLUE_GIT/glue-pack" ] && cmp -s "$tmp/glue-wanted" "$GLUE_GIT/glue-wanted"; then
    pack=$GLUE_GIT/glue-pack
  else
    threads=0
    [ "$little" = 0 ] || [ "$parent" != "$last_parent" ] || threads=1
    both -c pack.threads="$threads" pack-objects --revs --thin --stdout --delta-base-offset -q <"$tmp/glue-wanted" >"$tmp/pack" 2>"$tmp/tree.err"
  fi
}

case $parent in
  "$head") parent_tree=$head_tree ;;
  "$GLUE_BASE") parent_tree=$GLUE_BASE_TREE ;;
  *)
    parent_tree=$(own rev-parse -q --verify "$parent^{tree}" 2>"$tmp/err") || {
      warn "the commit that was checked out is damaged: $parent"
      parent=$GLUE_BASE parent_tree=$GLUE_BASE_TREE
    }
    ;;
esac

passes=0 quiescent=0 ready=0
while [ "$passes" -lt 3 ]; do
  passes=$((passes + 1))
  ahead_done
  if [ "$ahead" = 0 ]; then
    wait
    looked=1
    others &
    add_tracked
  fi
  ahead=0
  wait
  note_added
  if [ -s "$tmp/others" ]; then
    little=0 came=1
    check_size
    lines <"$tmp/others" | sed '/\/$/d' | unlines | own update-index --add --remove --replace -z --stdin 2>"$tmp/others.add"
    adopt_nested
  fi
  check &
  # While that looks: mostly nothing has moved, and then this is the answer.
  ready=0
  if [ ! -s "$GLUE_GIT/glue-nested" ] && [ ! -s "$tmp/borders" ] && no_links && make_tree && index_is_plain && make_commit && say_ahead && make_pack; then ready=1; fi
  wait
  if [ -s "$tmp/quiescent" ]; then
    quiescent=1
    break
  fi
  # Only what was not looked for was there.
  [ "$looked" = 1 ] || passes=0
done
if [ "$quiescent" = 0 ]; then
  # Either it moves, or something cannot be read. A tracked path that cannot be read must not pass for an unchanged or a deleted one.
  grep -v '^warning: ' "$tmp/add.err" | grep -E 'Permission denied|Input/output error|can only add|Too many levels|Stale file|not supported' | head -n 5 >"$tmp/bad"
  if [ -s "$tmp/bad" ]; then
    sed 's/^/unreadable /' "$tmp/bad"
    fail unreadable
  fi
  others
  lines <"$tmp/others" | head -n 100 | sed -e '/\/$/d' -e 's/^/left /'
fi
[ ! -s "$tmp/others.err" ] || sed -n 's/^warning: could not open directory /leftdir /p' "$tmp/others.err" | head -n 100

if [ "$ready" = 0 ]; then
  nested_history
  kept_links
  # A history that was fetched shallow has borders of its own.
  if [ -s "$tmp/borders" ]; then
    cat "$GLUE_GIT/shallow" "$tmp/borders" | sort -u >"$tmp/shallow"
    GIT_SHALLOW_FILE=$tmp/shallow
    export GIT_SHALLOW_FILE
  fi
  make_tree || { cat "$tmp/tree.err" >&2; fail git write-tree; }
  make_commit || { cat "$tmp/tree.err" >&2; fail git commit-tree; }
  index_is_plain || index_only
fi
whole() { both rev-list --objects --quiet "$1" "^$GLUE_BASE" 2>"$tmp/err"; }
if [ "$ready" = 0 ] && ! make_pack; then
  # Something is damaged, or is not here any more: find out what, and take all the rest.
  while read -r id; do whole "$id" && printf '%s\n' "$id"; done <"$tmp/have" >"$tmp/list"
  mv "$tmp/list" "$tmp/have"
  while read -r id name; do
    if whole "$id"; then printf '%s %s\n' "$id" "$name"; else warn "$name points to a damaged history ($id)"; fi
  done <"$refs" >"$tmp/list"
  mv "$tmp/list" "$refs"
  if ! whole "$final"; then
    warn "the history that is checked out is damaged: $parent"
    parent=$GLUE_BASE parent_tree=$GLUE_BASE_TREE
    final=$(printf '%s\n' "$GLUE_MESSAGE" | own commit-tree "$tree" -p "$parent" 2>"$tmp/err") || { cat "$tmp/err" >&2; fail git commit-tree; }
  fi
  make_pack || { cat "$tmp/tree.err" >&2; fail git pack-objects; }
fi
size=$(($(wc -c <"$pack")))
if must_keep; then
  if [ "$size" -le 1000000 ]; then own unpack-objects -q <"$pack"; else own index-pack --stdin --fix-thin <"$pack" >"$tmp/list"; fi 2>"$tmp/err" ||
    { cat "$tmp/err" >&2; fail git cannot keep what was captured; }
fi
printf '%s %s %s %s %s %s\n' "$seed" "$final" "$tree" "$parent" "$parent_tree" "$came" >"$tmp/glue-state" && echo end >"$tmp/end" || fail noSpace cannot write to "$GLUE_GIT"
where= inline=$pack
if [ "$size" -gt "$GLUE_INLINE" ]; then
  where=' file' inline=
  # Killed in between, it leaves a pack that nothing is said of.
  [ "$pack" != "$tmp/pack" ] || { rm -f "$GLUE_GIT/glue-wanted" && mv "$pack" "$GLUE_GIT/glue-pack" && mv "$tmp/glue-wanted" "$GLUE_GIT/"; } || fail noSpace cannot write to "$GLUE_GIT"
fi
[ ! -s "$tmp/said" ] || cat "$tmp/said"
[ ! -s "$tmp/shallow" ] || sed 's/^/shallow /' "$tmp/shallow"
printf 'tree %s\nhead %s\nparent %s\nheadref %s\ngit %s\npasses %d\nquiescent %d\n' "$tree" "$final" "$parent" "$headref" "$state" "$passes" "$quiescent"
printf 'pack %d%s\n' "$size" "$where"
cat "$refs" "$tmp/end" ${inline:+"$inline"}
# Where this fails the answer does not count, and the next capture goes on from where this one began.
mv "$tmp/index" "$tmp/glue-state" "$refs" "$GLUE_GIT/" || {
  echo "cannot write to $GLUE_GIT" >&2
  exit 3
}
# Only files that the next one begins with anyway.
if [ "$ready$reseed" = 10 ] && mv -T "$tmp" "$GLUE_GIT/glue-scratch" 2>/dev/null; then trap - EXIT; fi
