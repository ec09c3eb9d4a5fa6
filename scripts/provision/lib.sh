# What the parts of the provisioning share; sourced, never run. Every part can be run again at any time: what is there is left alone.

cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/glue-provision"
mkdir -p "$cache"

say() { printf 'provision: %s\n' "$*" >&2; }

# Says in one line what could not be made, and ends this part only: the tests that need it are then skipped with their reason.
give_up() {
  say "not done: $*"
  exit 0
}

have() { command -v "$1" >/dev/null 2>&1; }

can_be_root() { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -- "$@"; fi
}

engine_answers() { have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# The lists are fetched at most once an hour: a fresh machine has none, and old ones name files that the mirror no longer has.
apt_install() {
  have apt-get || { say "no apt-get here; install by hand: $*"; return 1; }
  can_be_root || { say "neither root nor password-less sudo; install by hand: $*"; return 1; }
  if [ -z "$(find "$cache/apt-lists-fetched" -mmin -60 2>/dev/null)" ] || ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then
    quietly as_root apt-get -q -o DPkg::Lock::Timeout=300 update && : >"$cache/apt-lists-fetched"
  fi
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "$@"
}

# Runs a talkative command with its output in a file, of which the end is shown when it fails.
quietly() {
  output=$(mktemp)
  if "$@" >"$output" 2>&1 </dev/null; then
    rm -f "$output"
  else
    status=$?
    tail -n 15 "$output" >&2
    rm -f "$output"
    return "$status"
  fi
}
