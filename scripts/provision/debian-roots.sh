#!/bin/sh
# debian-roots.sh PLAIN_TARBALL GIT_TARBALL: a minimal Debian root, and the same with git and ca-certificates, from the mirror that this
# machine's own apt uses. Needs root.
set -eu
plain=$1
with_git=$2

# apt knows its settings best (deb822 or one-line files, disabled entries): ask it where Debian's main packages come from.
entry=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(LABEL)' 'Created-By: Packages' |
  awk '$2 !~ /-(security|updates|backports|proposed)/ && $3 == "main" && $4 == "Debian" { print; exit }')
[ -n "$entry" ] || { echo "apt names no source of Debian's main packages" >&2; exit 1; }
mirror=${entry%% *}
suite=$(printf '%s' "$entry" | cut -d ' ' -f 2)

# debootstrap fetches with wget, which reads the environment and not apt's settings.
eval "$(apt-config shell http_setting Acquire::http::Proxy https_setting Acquire::https::Proxy)"
[ -z "${http_setting:-}" ] || export http_proxy="$http_setting"
[ -z "${https_setting:-}" ] || export https_proxy="$https_setting"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
root="$work/root"

pack() {
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/locale/*
  # Renamed when whole, so that a run that was cut off is not taken for a result.
  tar -C "$root" --numeric-owner -cf - . | gzip -1 >"$1.part"
  mv "$1.part" "$1"
}

debootstrap --variant=minbase "$suite" "$root" "$mirror"
pack "$plain"

# What git needs beyond the plain root is worked out and fetched by this machine's apt, with its lists and settings; the root gets none.
mkdir -p "$root/var/cache/apt/archives/partial"
apt-get -y --no-install-recommends --download-only \
  -o Dir::State::status="$root/var/lib/dpkg/status" -o Dir::Cache::archives="$root/var/cache/apt/archives" \
  -o APT::Keep-Downloaded-Packages=true -o Debug::NoLocking=true install git ca-certificates
chroot "$root" sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i /var/cache/apt/archives/*.deb'
pack "$with_git"
