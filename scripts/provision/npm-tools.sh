#!/bin/sh
# What tests use of npm and nobody else needs: the inspector of the Model Context Protocol, and a PowerShell grammar with its parser.
# Each in a folder of its own, of exactly this version; no script of a package is run.
set -eu
. "$(dirname "$0")/lib.sh"

install_package() {
  name=$1
  shift
  folder=$cache/$name
  [ -e "$folder/installed" ] && return 0
  have npm || { say "not done: $name needs npm"; return 0; }
  rm -rf "$folder"
  mkdir -p "$folder"
  echo '{"private":true}' >"$folder/package.json"
  quietly npm install --prefix "$folder" --ignore-scripts --legacy-peer-deps --no-audit --no-fund --save-exact "$@" ||
    { say "not done: npm could not install $*"; return 0; }
  : >"$folder/installed"
  say "installed $* in $folder"
}

install_package mcp-inspector-2.12.0 @modelcontextprotocol/inspector@2.12.0
install_package powershell-grammar-0.26.4 tree-sitter-powershell@0.26.4 web-tree-sitter@0.27.1
