#!/bin/sh
# The suite of tests/clients/cases.md, and the client's own tests.
cd "$(dirname "$0")" || exit
exec mvn --batch-mode --quiet verify
