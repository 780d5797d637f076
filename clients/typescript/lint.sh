#!/bin/sh
# Style and types. `./lint.sh --fix` mends what can be mended.
set -eu
cd "$(dirname "$0")"
./install.sh
node_modules/.bin/biome check --error-on-warnings ${1:+--write}
node_modules/.bin/tsc --noEmit
