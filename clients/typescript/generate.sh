#!/bin/sh
# Writes the TypeScript code of protos/ below the directory $1. Needs buf in .tools.
set -eu
out=$(cd "$1" && pwd)/src/gen
cd "$(dirname "$0")"
./install.sh
plugin=$PWD/node_modules/.bin/protoc-gen-es
mkdir -p "$out"
cd ../../protos
../.tools/bin/buf generate --template "{\"version\": \"v2\", \"plugins\": [{\"local\": \"$plugin\",
    \"out\": \"$out\", \"opt\": [\"target=ts\", \"import_extension=js\"]}]}"
