#!/bin/sh
# Writes the Python stubs of protos/ below the directory $1. Needs `make .tools/.ready`.
set -eu
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../protos"
PATH="$PWD/../.tools/bin:$PATH"
python -m grpc_tools.protoc -I . --python_out="$out" --mypy_out=quiet:"$out" trunkline/v1/*.proto trunkline/admin/v1/*.proto
python -m grpc_tools.protoc -I . --grpc_python_out="$out" --mypy_grpc_out=quiet:"$out" trunkline/v1/*_service.proto \
	trunkline/admin/v1/*_service.proto
