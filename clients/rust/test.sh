#!/bin/sh
# Builds the stubs and makes the two calls; the report has a line for each.
cd "$(dirname "$0")" || exit
output=$(cargo test --locked --quiet --test smoke --no-run 2>&1) || { echo "$output"; exit 1; }
output=$(cargo test --locked --test smoke 2>&1)
code=$?
echo "$output"
echo "$output" | sed -n 's/^test \(.*\) \.\.\. ok$/\1\tok/p; s/^test \(.*\) \.\.\. FAILED$/\1\tfailed/p' >"$TRUNKLINE_REPORT"
exit $code
