#!/bin/sh
# The tools that tests use beside bun: Docker's engine, a registry for it, git with its filters, an emulator, a Python, shells and editors.
set -eu
. "$(dirname "$0")/lib.sh"

# program, or a file that stands for a package without one → Debian package
wanted='
git git
git-lfs git-lfs
git-crypt git-crypt
rg ripgrep
gpg gnupg
ssh-keygen openssh-client
dockerd docker.io
docker docker.io
docker-init docker.io
docker-registry docker-registry
debootstrap debootstrap
qemu-aarch64-static qemu-user-static
/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 libc6-arm64-cross
python3 python3
zip zip
lowntfs-3g ntfs-3g
sudo sudo
zsh zsh
fish fish
vim vim
less less
'
missing=$(printf '%s' "$wanted" | while read -r program package; do
  [ -z "$program" ] || have "$program" || [ -e "$program" ] || printf '%s\n' "$package"
done | sort -u)
[ -z "$missing" ] && exit 0
# One package that a mirror lacks must not keep the others away.
# shellcheck disable=SC2086
apt_install $missing || for package in $missing; do
  apt_install "$package" || say "not done: package $package"
done
