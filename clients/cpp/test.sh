#!/bin/sh
# Builds the stubs and makes the two calls; the report has a line for each.
set -eu
cd "$(dirname "$0")"
mkdir -p build
../../.tools/bin/buf build ../../protos --as-file-descriptor-set -o build/contract.new.binpb
# One that is newer only by its date would have everything built again.
cmp -s build/contract.new.binpb build/contract.binpb || cp build/contract.new.binpb build/contract.binpb
cmake -S . -B build -DCONTRACT="$PWD/build/contract.binpb" >build/log || { cat build/log; exit 1; }
cmake --build build --parallel 2 >build/log || { cat build/log; exit 1; }
code=0
build/smoke >"$TRUNKLINE_REPORT" || code=$?
cat "$TRUNKLINE_REPORT"
exit $code
