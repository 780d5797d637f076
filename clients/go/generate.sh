#!/bin/sh
# Writes the Go stubs of protos/ below the directory $1. Needs `make .tools/.ready`, for its protoc.
set -eu
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
./tools.sh
tools=$PWD/../../.tools
cd ../../protos
PATH="$tools/go:$PATH" exec "$tools/bin/python" -m grpc_tools.protoc -I . \
	--go_out="$out" --go_opt=paths=source_relative \
	--go-grpc_out="$out" --go-grpc_opt=paths=source_relative trunkline/v1/*.proto
