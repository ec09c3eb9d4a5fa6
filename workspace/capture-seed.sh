# Reads the workspace's .git and makes the private index ready, with which capture.sh goes on; capture-begin.sh comes before.

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

# --- which files are ignored: as git status says it inside ---
for name in "$common/info/exclude" "$glue_xdg/git/ignore"; do
  [ -r "$name" ] || continue
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$name" >>"$tmp/ignore"
done
# Whether one of the files names more rules, or may. Without a process: there are enough of them.
mentions_rules() {
  for name in "$@"; do
    [ -r "$name" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in *[eE][xX][cC][lL][uU][dD][eE][sS][fF][iI][lL][eE]* | *[iI][nN][cC][lL][uU][dD][eE]*) return 0 ;; esac
    done <"$name"
  done
  return 1
}
if mentions_rules "$common/config" "$glue_home/.gitconfig" "$glue_xdg/git/config" /etc/gitconfig; then
  name=$(cd "$GLUE_TREE" && unset GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL && HOME=$glue_home XDG_CONFIG_HOME=$glue_xdg git -c safe.directory='*' config --path --get core.excludesFile 2>"$tmp/err")
  [ -n "$name" ] && [ -r "$name" ] && cat "$name" >>"$tmp/ignore"
fi
# Sets $tmp/others to what is not tracked.
others() { own ls-files -o -z -X "$tmp/included" --exclude-standard >"$tmp/others" 2>"$tmp/others.err"; }
[ "$ahead" = 0 ] || [ "$looked" = 0 ] || others &

# --- what the workspace names ---
refs=$tmp/glue-refs
# Whether a ref names anything but the base; and what remembers more than refs do sets it too.
news=1
# Sets $head and $news, and writes what the session's refs are. Remote-tracking refs are not its work; what a branch took from them
# comes with the branch.
sort_refs() {
  head= news=0
  while read -r id name; do
    [ "$name" != "$headref" ] || head=$id
    case $name in refs/remotes/* | refs/glue/* | refs/bisect/*) continue ;; esac
    [ "$id" = "$GLUE_BASE" ] || news=1
    printf '%s %s\n' "$id" "$name"
  done <"$tmp/refs.all" >"$refs"
}
if [ -d "$dot" ] || [ -L "$GLUE_TREE/.git" ]; then
  state=broken
  look_at "$common"
  if [ -r "$dot/HEAD" ] && IFS= read -r line <"$dot/HEAD"; then
    printf '%s\n' "$line" >"$GLUE_GIT/view/HEAD"
    if view for-each-ref --format='%(objectname) %(refname)' >"$tmp/refs.all" 2>"$tmp/err"; then
      quote "$common/objects"
      state=ok borrowed=$quoted
      [ ! -s "$tmp/err" ] || while IFS= read -r broken; do warn "$broken"; done <"$tmp/err"
      case $line in ref:*) headref=${line#ref: } ;; *) headref=detached ;; esac
      sort_refs
      # The tree of the base and of the commit of the last time is known; anything else git is asked for.
      case $head in
        "$GLUE_BASE") head_tree=$GLUE_BASE_TREE ;;
        "$last_parent") head_tree=$last_parent_tree ;;
        *)
          head=
          if view rev-parse 'HEAD^{commit}' 'HEAD^{tree}' >"$tmp/head" 2>"$tmp/err"; then { read -r head && read -r head_tree; } <"$tmp/head"; fi
          ;;
      esac
    fi
  fi
fi

case $state in
  ok)
    # Work that no ref holds: older stashes, and what an unfinished merge, pick, revert or rebase still needs.
    if [ -r "$common/logs/refs/stash" ]; then
      news=1
      awk '{ printf "%s refs/glue/stash/%d\n", $2, NR }' "$common/logs/refs/stash" >>"$refs"
    fi
    for name in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD REBASE_HEAD rebase-merge/autostash rebase-apply/autostash; do
      [ -r "$dot/$name" ] || continue
      news=1
      awk -v name="${name##*/}" '/^[0-9a-f]+$/ { printf "%s refs/glue/pending/%s-%d\n", $1, name, NR }' "$dot/$name" >>"$refs"
    done
    number=0
    for name in "$common"/worktrees/*/HEAD; do
      [ -r "$name" ] && IFS= read -r line <"$name" || continue
      number=$((number + 1)) news=1
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

# --- whether the index is still the right one ---
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
# Waits for what was read ahead; $ahead says whether it is of use.
ahead_done() {
  [ -z "$adding" ] || wait "$adding" || ahead=0
  adding=
}
# Paths that came or went since the seed, by the index of the last time.
: >"$tmp/since"
since= came=0
if [ -n "$last" ] && [ "$last_came" != 0 ] && [ -e "$GLUE_GIT/index" ]; then
  (GIT_INDEX_FILE=$GLUE_GIT/index && both diff-index --cached --diff-filter=AD --name-only -z "$seed" >"$tmp/since") &
  since=$!
fi
reseed=0
if [ "$state" = ok ] && { [ ! -e "$dot/index" ] || ! GIT_INDEX_FILE=$dot/index view diff-index --cached --quiet "$seed" 2>"$tmp/err"; }; then
  reseed=1
fi
[ -z "$since" ] || wait "$since" || fail git cannot compare with the seed
if [ "$reseed" = 1 ]; then
  ahead_done
  wait
  ahead=0
  if theirs=$(theirs_tree 2>"$tmp/err") && both read-tree -i -m "$theirs" 2>"$tmp/err"; then
    seed=$theirs
    : >"$tmp/since"
  else
    warn "what the workspace tracks could not be read: $(head -n 1 "$tmp/err")"
  fi
fi
if [ "$state" = ok ] && [ -e "$dot/info/sparse-checkout" ]; then
  # Not on disk on purpose is no deletion.
  GIT_INDEX_FILE=$dot/index view ls-files -t -z 2>"$tmp/err" | lines | sed -n 's/^S //p' >"$tmp/list"
  while IFS= read -r name; do
    [ -e "$GLUE_TREE/$name" ] || [ -L "$GLUE_TREE/$name" ] || printf '%s\n' "$name"
  done <"$tmp/list" | unlines | own update-index --skip-worktree -z --stdin 2>"$tmp/err"
fi
# What came back although ignored is tracked again, what is ignored by now was never tracked.
if [ -s "$tmp/since" ]; then
  came=1
  ahead_done
  own update-index --add --remove --replace -z --stdin <"$tmp/since" 2>"$tmp/err"
  both diff-index --cached --diff-filter=A --name-only -z "$seed" | own check-ignore --no-index -z --stdin >"$tmp/list"
  [ -s "$tmp/list" ] && own update-index --force-remove -z --stdin <"$tmp/list"
fi
