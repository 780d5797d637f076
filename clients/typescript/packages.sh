#!/bin/sh
# What toolchain.sh asks for beside Node, on Debian and its kin.
set -eu
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
