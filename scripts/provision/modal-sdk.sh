#!/bin/sh
# Modal's Python SDK, the newest and the oldest that the sidecar takes, each in an environment of its own: both are tested for real.
set -eu
. "$(dirname "$0")/lib.sh"

newest=1.6.4
oldest=1.4.3
installed() { [ "$("$1/bin/python" -c 'import modal; print(modal.__version__)' 2>/dev/null)" = "$2" ]; }

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
for version in $newest $oldest; do
  venv=$cache/modal-sdk
  [ $version = $newest ] || venv=$venv-$version
  installed "$venv" $version && continue
  if [ -z "$python" ]; then
    apt_install python3 python3-venv || true
    /usr/bin/python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 ||
      give_up "the modal SDK needs Python 3.10 or later with venv"
    python=/usr/bin/python3
  fi
  rm -rf "$venv"
  quietly "$python" -m venv "$venv"
  quietly "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "modal==$version" ||
    give_up "pip could not install modal==$version"
  installed "$venv" $version || give_up "modal $version was installed but cannot be imported"
  say "installed modal $version in $venv"
done
