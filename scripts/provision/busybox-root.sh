#!/bin/sh
# busybox-root.sh TARBALL full|no-shell: a root of nothing but Debian's static busybox. `no-shell` has two programs and no sh.
set -eu
. "$(dirname "$0")/lib.sh"
tarball=$1
kind=$2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
# Unpacked, not installed: the package would push out the busybox that a machine's initramfs may need.
(cd "$work" && quietly apt-get -q download busybox-static && dpkg-deb -x busybox-static_*.deb unpacked)
root="$work/root"
mkdir -p "$root/bin" "$root/tmp" "$root/root" "$root/etc"
chmod 1777 "$root/tmp"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
busybox="$work/unpacked/bin/busybox"
if [ "$kind" = full ]; then
  cp "$busybox" "$root/bin/busybox"
  "$busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
else
  # busybox does what its name says.
  cp "$busybox" "$root/bin/true"
  cp "$busybox" "$root/bin/sleep"
fi
tar -C "$root" --owner=0 --group=0 --numeric-owner -czf "$tarball.part" .
mv "$tarball.part" "$tarball"
