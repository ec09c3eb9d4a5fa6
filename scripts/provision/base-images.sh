#!/bin/sh
# The images that tests run in, made here from Debian's packages and imported: no registry is asked.
set -eu
here=$(dirname "$0")
. "$here/lib.sh"

engine_answers || give_up "images: no Docker Engine answers"
status=0
for image in debian:nogit debian:git busybox:latest nosh:latest; do
  docker image inspect "glue-test/$image" >/dev/null 2>&1 && continue
  tarball="$cache/$(printf '%s' "$image" | tr ':' '-').tar.gz"
  if [ ! -s "$tarball" ]; then
    can_be_root || { say "not done: image $image needs root or password-less sudo"; continue; }
    case $image in
      debian:nogit) quietly as_root "$here/debian-root.sh" "$tarball" || status=$? ;;
      debian:git) quietly as_root "$here/debian-root.sh" "$tarball" git,ca-certificates || status=$? ;;
      busybox:*) "$here/busybox-root.sh" "$tarball" full || status=$? ;;
      nosh:*) "$here/busybox-root.sh" "$tarball" no-shell || status=$? ;;
    esac
  fi
  [ -s "$tarball" ] || { say "not done: image $image (its root could not be made)"; continue; }
  case $image in
    nosh:*) command='CMD ["/bin/true"]' ;;
    *) command='CMD ["sh"]' ;;
  esac
  docker import --change "$command" "$tarball" "glue-test/$image" >/dev/null
  say "imported glue-test/$image"
done
exit "$status"
