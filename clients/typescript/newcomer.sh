#!/bin/sh
# A newcomer's path, in the empty directory $1: `npm install trunkline`, here packed from this tree, and the README's first
# example.
set -eu
client=$(cd "$(dirname "$0")" && pwd)
cd "$1"
"$client/install.sh"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund "$(npm pack --silent --pack-destination "$PWD" "$client" | tail -n 1)"
sed -n '/^```ts$/,/^```$/{/^```$/q;/^```/d;p;}' "$client/README.md" >chat.mjs
node chat.mjs
