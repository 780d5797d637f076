#!/bin/sh
# Whether Java's client can be built and tested here: a JDK of version 17 or newer, and Maven.
set -eu
javac -version 2>&1 | grep -qE 'javac (1[7-9]|[2-9][0-9])'
mvn --version >/dev/null
