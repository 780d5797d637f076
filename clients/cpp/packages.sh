#!/bin/sh
# What toolchain.sh asks for, on Debian and its kin.
set -eu
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	cmake g++ libgrpc++-dev libprotobuf-dev make pkg-config protobuf-compiler protobuf-compiler-grpc >/dev/null
