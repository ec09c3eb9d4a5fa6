#!/bin/sh
# debian-root.sh TARBALL [PACKAGE,…]: a minimal Debian root as a tarball, from the mirror that this machine's own apt uses. Needs root.
set -eu
tarball=$1
include=${2:-}

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
debootstrap --variant=minbase ${include:+--include="$include"} "$suite" "$work/root" "$mirror"
rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/doc/* "$work"/root/usr/share/locale/*
# Renamed when whole, so that a run that was cut off is not taken for a result.
tar -C "$work/root" --numeric-owner -cf - . | gzip -1 >"$tarball.part"
mv "$tarball.part" "$tarball"
