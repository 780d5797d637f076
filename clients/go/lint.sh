#!/bin/sh
# Style and mistakes.
set -eu
cd "$(dirname "$0")"
./tools.sh
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "Not as gofmt writes it: $unformatted" >&2; exit 1; }
go mod tidy -diff
go vet ./...
../../.tools/go/staticcheck ./...
