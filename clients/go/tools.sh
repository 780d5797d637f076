#!/bin/sh
# Installs the tools of tools.txt into .tools/go, if it has not been done.
set -eu
cd "$(dirname "$0")"
bin=$PWD/../../.tools/go
cmp -s tools.txt "$bin/tools.txt" && exit
mkdir -p "$bin"
grep -v '^#' tools.txt | while read -r tool; do GOBIN=$bin go install "$tool"; done
cp tools.txt "$bin"
