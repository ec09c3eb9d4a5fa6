#!/bin/sh
# The images that tests run in, made here from Debian's packages and imported: no registry is asked.
set -eu
here=$(dirname "$0")
. "$here/lib.sh"

engine_answers || give_up "images: no Docker Engine answers"
tarball_of() { printf '%s/%s.tar.gz' "$cache" "$(printf '%s' "$1" | tr ':' '-')"; }

make_root() {
  case $1 in
    debian:*) quietly as_root "$here/debian-roots.sh" "$(tarball_of debian:nogit)" "$(tarball_of debian:git)" ;;
    busybox:*) "$here/busybox-root.sh" "$(tarball_of "$1")" full ;;
    nosh:*) "$here/busybox-root.sh" "$(tarball_of "$1")" no-shell ;;
  esac
}

for image in debian:nogit debian:git busybox:latest nosh:latest; do
  docker image inspect "glue-test/$image" >/dev/null 2>&1 && continue
  tarball=$(tarball_of "$image")
  if [ ! -s "$tarball" ]; then
    can_be_root || { say "not done: image $image needs root or password-less sudo"; continue; }
    make_root "$image" || { say "not done: image $image (its root could not be made)"; continue; }
  fi
  case $image in
    nosh:*) command='CMD ["/bin/true"]' ;;
    *) command='CMD ["sh"]' ;;
  esac
  docker import --change "$command" "$tarball" "glue-test/$image" >/dev/null || { say "not done: import of $image"; continue; }
  say "imported glue-test/$image"
done
