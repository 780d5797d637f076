#!/bin/sh
# The suite of tests/clients/cases.md, and the client's own tests. Looks for races where there is a C compiler.
set -eu
cd "$(dirname "$0")"
: "${TRUNKLINE_ADDRESS:?run make test-clients LANGUAGES=go}"
go build ./...
race=
[ "$(go env CGO_ENABLED)" = 0 ] || race=-race
exec go test -count=1 $race ./...
