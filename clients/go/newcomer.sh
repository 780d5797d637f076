#!/bin/sh
# A newcomer's path, in the empty directory $1: `go get trunkline.dev/go/trunkline`, here from this tree, and the README's
# first example.
set -eu
client=$(cd "$(dirname "$0")" && pwd)
cd "$1"
go mod init example.com/chat
go mod edit -require trunkline.dev/go@v0.0.0 -replace "trunkline.dev/go=$client"
sed -n '/^```go$/,/^```$/{/^```$/q;/^```/d;p;}' "$client/README.md" >main.go
go mod tidy
go run .
