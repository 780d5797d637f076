#!/bin/sh
# Style and warnings: google-java-format, and javac and javadoc with all their checks, as errors. `lint.sh --replace`
# formats.
set -eu
cd "$(dirname "$0")"
VERSION=1.28.0 # the last that runs on Java 17
FORMATTER=target/tools/google-java-format-$VERSION-all-deps.jar
[ -f "$FORMATTER" ] || mvn --batch-mode --quiet dependency:copy -DoutputDirectory=target/tools \
	-Dartifact=com.google.googlejavaformat:google-java-format:$VERSION:jar:all-deps
EXPORTS=$(printf -- '--add-exports=jdk.compiler/com.sun.tools.javac.%s=ALL-UNNAMED ' api code file parser tree util)
# shellcheck disable=SC2046,SC2086 # lists of words
java $EXPORTS -jar "$FORMATTER" ${1:---set-exit-if-changed --dry-run} $(find src -name '*.java')
mvn --batch-mode --quiet test-compile
