#!/bin/sh
# Everything that the tests can use. A part that cannot be made says so and the others go on; tests skip what is missing.
set -u
here=$(dirname "$0")
for part in packages engine base-images modal-sdk npm-tools; do
  "$here/$part.sh" || echo "provision: the part $part failed; its tests will be skipped" >&2
done
