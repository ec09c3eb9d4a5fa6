# The capture itself; capture-begin.sh says what it is given, and comes before it.

# --- the workspace's .git: read, never relied on ---
# Makes the view: a git directory with the workspace's refs and objects in it and a configuration of ours. It stays for the next time.
look_at() {
  extensions=
  [ "$GLUE_SHA256" = 1 ] && extensions='\tobjectFormat = sha256\n'
  [ -d "$1/reftable" ] && extensions="$extensions\trefStorage = reftable\n"
  line=
  [ -r "$GLUE_GIT/view/glue-of" ] && IFS= read -r line <"$GLUE_GIT/view/glue-of"
  for name in "$dot"/sharedindex.*; do [ ! -e "$name" ] || line=; done
  [ "$line" != "$extensions$1" ] || return 0
  rm -rf "$GLUE_GIT/view" && mkdir "$GLUE_GIT/view"
  for name in refs packed-refs objects reftable; do ln -s "$1/$name" "$GLUE_GIT/view/$name"; done
  # A copy, because git marks the original as used.
  for name in "$dot"/sharedindex.*; do [ ! -e "$name" ] || cp "$name" "$GLUE_GIT/view/"; done
  # shellcheck disable=SC2059 # the escapes are ours
  printf "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n$extensions" >"$GLUE_GIT/view/config"
  printf '%s\n' "$extensions$1" >"$GLUE_GIT/view/glue-of"
}
state=missing dot=$GLUE_TREE/.git
if [ -f "$dot" ]; then
  IFS= read -r line <"$dot"
  dot=${line#gitdir: }
  case $dot in /*) ;; *) dot=$GLUE_TREE/$dot ;; esac
fi
common=$dot
if [ -f "$dot/commondir" ] && IFS= read -r line <"$dot/commondir"; then
  case $line in /*) common=$line ;; *) common=$dot/$line ;; esac
fi
own_objects=$(quoted "$GLUE_GIT/objects") borrowed= head= head_tree= headref=none
if [ -d "$dot" ] || [ -L "$GLUE_TREE/.git" ]; then
  state=broken
  look_at "$common"
  if [ -r "$dot/HEAD" ] && IFS= read -r line <"$dot/HEAD"; then
    printf '%s\n' "$line" >"$GLUE_GIT/view/HEAD"
    if view for-each-ref --format='%(objectname) %(refname)' >"$tmp/refs.all" 2>"$tmp/err"; then
      state=ok borrowed=$(quoted "$common/objects")
      while IFS= read -r broken; do warn "$broken"; done <"$tmp/err"
      case $line in ref:*) headref=${line#ref: } ;; *) headref=detached ;; esac
      if view rev-parse 'HEAD^{commit}' 'HEAD^{tree}' >"$tmp/head" 2>"$tmp/err"; then { read -r head && read -r head_tree; } <"$tmp/head"; fi
    fi
  fi
fi

# The state that the last capture left: the tree that the private index was seeded with, its commit, and what that consisted of.
seed=$GLUE_BASE_TREE last= last_tree= last_parent=$GLUE_BASE
[ -r "$GLUE_GIT/glue-state" ] && read -r seed last last_tree last_parent <"$GLUE_GIT/glue-state"

refs=$tmp/glue-refs
case $state in
  ok)
    # Remote-tracking refs are not the session's work; what a branch took from them comes with the branch.
    sed -e '/ refs\/remotes\//d' -e '/ refs\/glue\//d' -e '/ refs\/bisect\//d' "$tmp/refs.all" >"$refs"
    # Work that no ref holds: older stashes, and what an unfinished merge, pick, revert or rebase still needs.
    if [ -r "$common/logs/refs/stash" ]; then
      awk '{ printf "%s refs/glue/stash/%d\n", $2, NR }' "$common/logs/refs/stash" >>"$refs"
    fi
    for name in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD REBASE_HEAD rebase-merge/autostash rebase-apply/autostash; do
      [ -r "$dot/$name" ] || continue
      awk -v name="${name##*/}" '/^[0-9a-f]+$/ { printf "%s refs/glue/pending/%s-%d\n", $1, name, NR }' "$dot/$name" >>"$refs"
    done
    number=0
    for name in "$common"/worktrees/*/HEAD; do
      [ -r "$name" ] && IFS= read -r line <"$name" || continue
      number=$((number + 1))
      case $line in ref:*) ;; *) printf '%s refs/glue/worktrees/%d\n' "$line" "$number" >>"$refs" ;; esac
    done
    # Where an unborn branch is checked out, the work continues the base.
    parent=${head:-$GLUE_BASE}
    ;;
  *)
    # Deleted or broken: what was captured before stays captured.
    [ -r "$GLUE_GIT/glue-refs" ] && cat "$GLUE_GIT/glue-refs" >"$refs"
    [ -e "$refs" ] || : >"$refs"
    parent=$last_parent
    ;;
esac

if [ "$state" = ok ] && [ -r "$common/shallow" ]; then
  while IFS= read -r line; do [ "$line" = "$GLUE_BASE" ] || printf '%s\n' "$line" >>"$tmp/borders"; done <"$common/shallow"
fi

# --- which files are ignored: as git status says it inside ---
for name in "$common/info/exclude" "$glue_xdg/git/ignore"; do [ -r "$name" ] && cat "$name" >>"$tmp/ignore" && echo >>"$tmp/ignore"; done
if grep -qis excludesfile "$common/config" "$glue_home/.gitconfig" "$glue_xdg/git/config" /etc/gitconfig; then
  name=$(cd "$GLUE_TREE" && unset GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL && HOME=$glue_home XDG_CONFIG_HOME=$glue_xdg git -c safe.directory='*' config --path --get core.excludesFile 2>"$tmp/err")
  [ -n "$name" ] && [ -r "$name" ] && cat "$name" >>"$tmp/ignore"
fi

# --- the private index: seeded with what the workspace's own index tracks, never a copy of it, because its stat cache vouches for
# converted, assumed and racy content ---
GIT_INDEX_FILE=$tmp/index
export GIT_INDEX_FILE
[ -e "$GLUE_GIT/index" ] && { cp -p "$GLUE_GIT/index" "$tmp/index" || fail noSpace cannot write to "$GLUE_GIT"; }
[ -e "$tmp/index" ] || own read-tree "$seed" 2>"$tmp/err" || fail noBase "$GLUE_BASE is not in $GLUE_GIT"
theirs_tree() {
  if GIT_INDEX_FILE=$dot/index view ls-files -s -z >"$tmp/list" 2>"$tmp/err"; then
    GIT_INDEX_FILE=$tmp/theirs
    own update-index -z --index-info <"$tmp/list" || return 1
    # What is in conflict is taken as it is on disk.
    own ls-files -u -z | lines | cut -f 2- | sort -u | unlines >"$tmp/list"
    [ -s "$tmp/list" ] && own update-index --add --remove --replace -z --stdin <"$tmp/list"
    if [ -s "$tmp/included" ]; then
      own ls-files -c -i -X "$tmp/included" -z >"$tmp/list" && own update-index --force-remove -z --stdin <"$tmp/list"
    fi
    if [ -z "$head" ] || ! both merge-base --is-ancestor "$GLUE_BASE" "$head"; then
      # A repository made anew does not know what the base tracked; that it was not added there again is no deletion.
      own diff-index --cached --diff-filter=D --name-only -z "$GLUE_BASE" >"$tmp/list"
      own update-index --add --remove --replace -z --stdin <"$tmp/list"
    fi
    own write-tree --missing-ok
  elif [ -n "$head" ]; then
    both rev-parse "$head^{tree}"
  else
    return 1
  fi
}
if [ "$state" = ok ]; then
  if [ ! -e "$dot/index" ] || ! GIT_INDEX_FILE=$dot/index view diff-index --cached --quiet "$seed" 2>"$tmp/err"; then
    if theirs=$(theirs_tree 2>"$tmp/err") && both read-tree -i -m "$theirs" 2>"$tmp/err"; then
      seed=$theirs
    else
      warn "what the workspace tracks could not be read: $(head -n 1 "$tmp/err")"
    fi
  fi
  if [ -e "$dot/info/sparse-checkout" ]; then
    # Not on disk on purpose is no deletion.
    GIT_INDEX_FILE=$dot/index view ls-files -t -z 2>"$tmp/err" | lines | sed -n 's/^S //p' >"$tmp/list"
    while IFS= read -r name; do
      [ -e "$GLUE_TREE/$name" ] || [ -L "$GLUE_TREE/$name" ] || printf '%s\n' "$name"
    done <"$tmp/list" | unlines | own update-index --skip-worktree -z --stdin 2>"$tmp/err"
  fi
fi
# Since the seed: what came back although ignored is tracked again, what is ignored by now was never tracked.
: >"$tmp/list"
if [ -n "$last" ]; then both diff-index --cached --diff-filter=AD --name-only -z "$seed" >"$tmp/list" || fail git cannot compare with the seed; fi
if [ -s "$tmp/list" ]; then
  own update-index --add --remove --replace -z --stdin <"$tmp/list" 2>"$tmp/err"
  both diff-index --cached --diff-filter=A --name-only -z "$seed" | own check-ignore --no-index -z --stdin >"$tmp/list"
  [ -s "$tmp/list" ] && own update-index --force-remove -z --stdin <"$tmp/list"
fi

# --- add until nothing more changes, at most three times ---
others() { own ls-files -o -z -X "$tmp/included" --exclude-standard >"$tmp/others" 2>"$tmp/others.err"; }
in_tree() { (cd "$GLUE_TREE" && "$@"); }
check_size() {
  lines <"$tmp/others" | sed '/\/$/d' | unlines >"$tmp/list"
  [ -s "$tmp/list" ] || return 0
  in_tree xargs -0 ls -lnd -- <"$tmp/list" 2>"$tmp/err" | awk -v cap="$GLUE_CAP" '
    /^-/ { size = $5; all += size; sub(/^([^ ]+ +){8}/, ""); top = $0; if (i = index(top, "/")) top = substr(top, 1, i); sum[top] += size }
    END { if (all > cap) { printf "large %.0f total\n", all; for (name in sum) printf "large %.0f %s\n", sum[name], name } }' >"$tmp/large"
  [ -s "$tmp/large" ] || return 0
  sort -k2,2rn "$tmp/large" | head -n 12
  fail tooLarge
}
# A nested repository without a file stays in the list.
settled() { [ ! -s "$tmp/others" ] || ! lines <"$tmp/others" | grep -q '[^/]$'; }
passes=0 quiescent=0
while [ "$passes" -lt 3 ]; do
  passes=$((passes + 1))
  others &
  own add -u --ignore-errors 2>"$tmp/add.err" || :
  wait
  if [ -s "$tmp/others" ]; then
    check_size
    lines <"$tmp/others" | sed '/\/$/d' | unlines | own update-index --add --remove --replace -z --stdin 2>"$tmp/others.add"
    adopt_nested
  fi
  others &
  clean=1
  own diff-files --quiet --ignore-submodules=dirty 2>"$tmp/diff.err" || clean=0
  wait
  if [ "$clean" = 1 ] && settled && [ ! -s "$tmp/add.err" ] && [ ! -s "$tmp/diff.err" ]; then
    quiescent=1
    break
  fi
done
if [ "$quiescent" = 0 ]; then
  # Either it moves, or something cannot be read. A tracked path that cannot be read must not pass for an unchanged or a deleted one.
  grep -v '^warning: ' "$tmp/add.err" | grep -E 'Permission denied|Input/output error|can only add|Too many levels|Stale file|not supported' | head -n 5 >"$tmp/bad"
  if [ -s "$tmp/bad" ]; then
    sed 's/^/unreadable /' "$tmp/bad"
    fail unreadable
  fi
  lines <"$tmp/others" | head -n 100 | sed -e '/\/$/d' -e 's/^/left /'
fi
[ ! -s "$tmp/others.err" ] || sed -n 's/^warning: could not open directory /leftdir /p' "$tmp/others.err" | head -n 100

nested_history
# A history that was fetched shallow has borders of its own.
if [ -s "$tmp/borders" ]; then
  cat "$GLUE_GIT/shallow" "$tmp/borders" | sort -u >"$tmp/shallow"
  GIT_SHALLOW_FILE=$tmp/shallow
  export GIT_SHALLOW_FILE
fi

tree=$(own write-tree 2>"$tmp/err") || { cat "$tmp/err" >&2; fail git write-tree; }

# --- the last commit, only where the tree differs from the one that was committed inside ---
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
if [ "$tree" = "$parent_tree" ]; then
  final=$parent
elif [ "$tree" = "$last_tree" ] && [ "$parent" = "$last_parent" ]; then
  final=$last
else
  final=$(printf '%s\n' "$GLUE_MESSAGE" | both commit-tree "$tree" -p "$parent" 2>"$tmp/err") || { cat "$tmp/err" >&2; fail git commit-tree; }
fi

# --- what is new, as a pack ---
make_pack() {
  {
    printf '%s\n^%s\n' "$final" "$GLUE_BASE"
    while read -r id name; do printf '%s\n' "$id"; done <"$refs"
    while read -r id; do printf '^%s\n' "$id"; done <"$tmp/have"
  } |
    both pack-objects --revs --thin --stdout --delta-base-offset -q >"$tmp/pack" 2>"$tmp/err"
}
whole() { both rev-list --objects --quiet "$1" "^$GLUE_BASE" 2>"$tmp/err"; }
if ! make_pack; then
  # Something is damaged, or is not here any more: find out what, and take all the rest.
  while read -r id; do whole "$id" && printf '%s\n' "$id"; done <"$tmp/have" >"$tmp/list"
  mv "$tmp/list" "$tmp/have"
  while read -r id name; do
    if whole "$id"; then printf '%s %s\n' "$id" "$name"; else warn "$name points to a damaged history ($id)"; fi
  done <"$refs" >"$tmp/list"
  mv "$tmp/list" "$refs"
  if ! whole "$final"; then
    warn "the history that is checked out is damaged: $parent"
    parent=$GLUE_BASE
    final=$(printf '%s\n' "$GLUE_MESSAGE" | own commit-tree "$tree" -p "$parent" 2>"$tmp/err") || { cat "$tmp/err" >&2; fail git commit-tree; }
  fi
  make_pack || { cat "$tmp/err" >&2; fail git pack-objects; }
fi
size=$(wc -c <"$tmp/pack")
size=$((size))

# What came from the workspace's own objects is kept here too: its .git may be gone the next time.
if ! cmp -s "$refs" "$GLUE_GIT/glue-refs" || [ "$parent" != "$last_parent" ]; then
  if [ "$size" -le 1000000 ]; then own unpack-objects -q <"$tmp/pack"; else own index-pack --stdin --fix-thin <"$tmp/pack" >"$tmp/list"; fi 2>"$tmp/err" ||
    { cat "$tmp/err" >&2; fail git cannot keep what was captured; }
fi
if [ "$final" != "$last" ]; then own update-ref refs/glue/captured "$final" 2>"$tmp/err" || { cat "$tmp/err" >&2; fail git update-ref; }; fi
cat "$tmp/said" 2>"$tmp/err"
printf 'tree %s\nhead %s\nparent %s\nheadref %s\ngit %s\npasses %d\nquiescent %d\n' "$tree" "$final" "$parent" "$headref" "$state" "$passes" "$quiescent"
sed 's/^/ref /' "$refs"
printf '%s %s %s %s\n' "$seed" "$final" "$tree" "$parent" >"$tmp/glue-state" && mv "$tmp/index" "$tmp/glue-state" "$refs" "$GLUE_GIT/" ||
  fail noSpace cannot write to "$GLUE_GIT"
[ -s "$tmp/shallow" ] && sed 's/^/shallow /' "$tmp/shallow"
if [ "$size" -le "$GLUE_INLINE" ]; then
  printf 'pack %d\nend\n' "$size"
  cat "$tmp/pack"
else
  mv "$tmp/pack" "$GLUE_GIT/glue-pack" || fail noSpace cannot write to "$GLUE_GIT"
  printf 'pack %d file\nend\n' "$size"
fi
