#!/bin/sh
# The suite of tests/clients/cases.md, and what is TypeScript's alone.
set -eu
cd "$(dirname "$0")"
./install.sh
rm -rf build dist
node_modules/.bin/tsc
npm run --silent prepare
node --enable-source-maps --test --test-reporter=dot --test-reporter-destination=stdout \
	--test-reporter=./build/test/support/report.js --test-reporter-destination="$TRUNKLINE_REPORT" build/test/*.test.js
