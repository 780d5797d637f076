#!/bin/sh
# Style, mistakes, and whether the stubs are fresh.
set -eu
cd "$(dirname "$0")"
./tools.sh
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "Not as gofmt writes it: $unformatted" >&2; exit 1; }
go mod tidy -diff
go vet ./...
../../.tools/go/staticcheck ./...
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
./generate.sh "$fresh"
diff -r "$fresh/trunkline/v1" trunkline/v1 || { echo "Stale stubs: clients/go/generate.sh clients/go" >&2; exit 1; }
