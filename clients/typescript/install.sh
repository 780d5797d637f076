#!/bin/sh
# Installs what package-lock.json says, once.
set -eu
cd "$(dirname "$0")"
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then npm ci --ignore-scripts --no-audit --no-fund; fi >&2
