# Fetches one commit from a remote into glue's git directory in a sandbox; stage-clone.ts says what it gets. The sandbox's own git
# configuration counts, because that is where its credentials are; nobody is asked for any.
#
#   GLUE_GIT  the git directory       GLUE_URL  where from       GLUE_COMMIT  what       GLUE_SHA256  1 for a SHA-256 repository
set -eu
umask 077
for glue_name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do
  case $glue_name in GIT_CONFIG_* | GIT_SSL_* | GIT_PROXY_*) ;; *) unset "$glue_name" ;; esac
done
export LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=false SSH_ASKPASS=false GIT_ALLOW_PROTOCOL=https:http GIT_NO_LAZY_FETCH=1

safe() {
  git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c gc.auto=0 -c maintenance.auto=false -c core.logAllRefUpdates=false \
    -c fetch.unpackLimit=1 -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=60 "$@"
}
mkdir -p "$GLUE_GIT"
format=sha1
[ "$GLUE_SHA256" = 0 ] || format=sha256
if [ "$format" = sha1 ]; then safe init -q --bare --template= "$GLUE_GIT"; else safe init -q --bare --template= --object-format=sha256 "$GLUE_GIT"; fi
safe --git-dir="$GLUE_GIT" fetch -q --depth=1 --no-tags --no-recurse-submodules "$GLUE_URL" "+$GLUE_COMMIT:refs/glue/clone" || {
  code=$?
  # A later way of staging starts from nothing.
  rm -rf "$GLUE_GIT"
  exit "$code"
}
rm -f "$GLUE_GIT/FETCH_HEAD"
echo cloned
