#!/bin/sh
# Whether TypeScript's client can be tested here: in Node 20 or newer, and in Chromium.
node -e 'process.exitCode = parseInt(process.versions.node) < 20 ? 1 : 0' && command -v npm && command -v chromium
