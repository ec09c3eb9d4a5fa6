# Captures a workspace from inside the sandbox with the git that is there; capture-script.ts says what it gets and what it prints.
# This part makes ready; capture-nested.sh, capture-seed.sh and capture.sh follow in the same shell.
# POSIX sh with git, sed, awk, tr and the small tools. Nothing of the workspace is written: not its files, not its .git.
#
#   GLUE_GIT     glue's own git directory, holding the base        GLUE_BASE    the commit that the session started from
#   GLUE_TREE    the top of the workspace                          GLUE_BASE_TREE  its tree
#   GLUE_SHA256  1 where the repository counts in SHA-256
#   GLUE_CAP     bytes of new untracked content that may come      GLUE_INLINE  largest pack that is printed, in bytes
#   GLUE_STILL   what find says of an entry, see layout.ts
set -u
umask 077
glue_home=${HOME:-/} glue_xdg=${XDG_CONFIG_HOME:-${HOME:-}/.config}
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_NAMESPACE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CEILING_DIRECTORIES
unset GIT_CONFIG GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_CONFIG_SYSTEM GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_REPLACE_REF_BASE GIT_INDEX_VERSION
unset GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_ATTR_SOURCE GIT_QUARANTINE_PATH
unset GIT_AUTHOR_DATE GIT_COMMITTER_DATE GIT_DEFAULT_HASH GIT_DEFAULT_REF_FORMAT GIT_TRACE GIT_TRACE2 GIT_TRACE2_EVENT GIT_TRACE2_PERF
LC_ALL=C HOME=$GLUE_GIT XDG_CONFIG_HOME=$GLUE_GIT
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0 GIT_NO_REPLACE_OBJECTS=1
GIT_NO_LAZY_FETCH=1 GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=none
GIT_AUTHOR_NAME=$GLUE_NAME GIT_AUTHOR_EMAIL=$GLUE_EMAIL GIT_COMMITTER_NAME=$GLUE_NAME GIT_COMMITTER_EMAIL=$GLUE_EMAIL
export LC_ALL HOME XDG_CONFIG_HOME GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_ATTR_NOSYSTEM GIT_OPTIONAL_LOCKS GIT_NO_REPLACE_OBJECTS
export GIT_NO_LAZY_FETCH GIT_TERMINAL_PROMPT GIT_ALLOW_PROTOCOL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

# --- mostly nothing has changed at all since the tree was brought in, and one look at it says so (stage-repository.sh) ---
still=$GLUE_GIT/glue-still
if [ -e "$still" ]; then
  if { echo "$GLUE_BASE" && find "$GLUE_TREE" -printf "$GLUE_STILL" && echo end; } 2>/dev/null | cmp -s - "$still"; then
    printf 'tree %s\nhead %s\nparent %s\nheadref none\ngit ok\nquiescent 1\npack 0\nend\n' "$GLUE_BASE_TREE" "$GLUE_BASE" "$GLUE_BASE"
    exit 0
  fi
  rm -f "$still"
fi

# Scratch of this run alone: what a killed capture still has under way cannot get between. The files of the last one are emptied and
# used again, because some file systems take long to make new files where others were removed a moment ago.
for tmp in "$GLUE_GIT"/capture.*; do [ ! -e "$tmp" ] || rm -rf "$tmp"; done
tmp=$GLUE_GIT/capture.$$
if [ -d "$GLUE_GIT/glue-scratch" ] && mv -T "$GLUE_GIT/glue-scratch" "$tmp"; then
  for name in "$tmp"/*; do : >"$name" || exit 1; done
else
  mkdir "$tmp" || exit 1
fi
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

fail() {
  printf 'fail %s\n' "$*"
  wait
  exit 3
}
warn() { printf 'warn %s\n' "$*" >>"$tmp/said"; }

# git on glue's own directory. Every setting that could run a program or change a byte is named here.
own() {
  git --git-dir="$GLUE_GIT" --work-tree="$GLUE_TREE" -c core.bare=false -c core.hooksPath=/dev/null -c core.fsmonitor=false \
    -c core.autocrlf=false -c core.untrackedCache=false -c core.splitIndex=false -c core.trustctime=true -c core.checkStat=default \
    -c core.excludesFile="$tmp/ignore" -c core.quotePath=true -c gc.auto=0 -c commit.gpgSign=false -c safe.directory='*' \
    -c advice.addEmbeddedRepo=false -c advice.addIgnoredFile=false "$@"
}
# The same, and the workspace's objects can be read as well. Only for reading: git does not write what it can already see.
both() { GIT_ALTERNATE_OBJECT_DIRECTORIES=$borrowed own "$@"; }
# git on the workspace's refs and objects, without its configuration.
view() {
  GIT_ALTERNATE_OBJECT_DIRECTORIES=$own_objects git --git-dir="$GLUE_GIT/view" -c core.hooksPath=/dev/null -c core.fsmonitor=false "$@"
}
# Sets $quoted to an object folder as git reads it from the environment, where a colon separates and a quote protects.
quote() {
  case $1 in
    *[\\\"]*) quoted=\"$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')\" ;;
    *) quoted=\"$1\" ;;
  esac
}
# A NUL-separated list as lines, newlines in names as \001, and back.
lines() { tr '\n\000' '\001\n'; }
unlines() { tr '\001\n' '\n\000'; }

# --- where the workspace's .git is ---
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
quote "$GLUE_GIT/objects"
own_objects=$quoted borrowed= head= head_tree= headref=none

# The state that the last capture left: the tree that the private index was seeded with, its commit, and what that consisted of; the
# tree of the commit that was checked out; 0 where surely no path came or went since the seed.
seed=$GLUE_BASE_TREE last= last_tree= last_parent=$GLUE_BASE last_parent_tree=$GLUE_BASE_TREE last_came=
[ -r "$GLUE_GIT/glue-state" ] && read -r seed last last_tree last_parent last_parent_tree last_came <"$GLUE_GIT/glue-state"

# --- the private index: seeded with what the workspace's own index tracks, never a copy of it, because its stat cache vouches for
# converted, assumed and racy content ---
GIT_INDEX_FILE=$tmp/index
export GIT_INDEX_FILE
# Uncompressed: what is added here is read once more at once, and compressed for its way.
add_once() { own -c core.looseCompression=0 add -u -v --ignore-errors >"$tmp/added" 2>"$tmp/add.err"; }
# Mostly the index of the last time is still the right one: the files are read while all the rest is looked at. Where it is not, they
# are read once more. Where no file came the last time there is mostly none now, and the second look will tell.
ahead=0 adding= looked=1
if [ -e "$GLUE_GIT/index" ]; then
  cp -p "$GLUE_GIT/index" "$tmp/index" || fail noSpace cannot write to "$GLUE_GIT"
  if [ ! -e "$dot/info/sparse-checkout" ]; then
    ahead=1
    [ "$last_came" != 0 ] || looked=0
    add_once &
    adding=$!
  fi
fi

# --- what is asked: three sections of stdin, each ended by a line with a dot ---
read_section() {
  while IFS= read -r line; do
    [ "$line" = . ] && return 0
    printf '%s\n' "${line#?}"
  done
  return 1
}
{ read_section >"$tmp/have" && read_section >"$tmp/included" && read_section >"$tmp/ignore"; } || fail internal the request was cut short
