#!/bin/sh
# A newcomer's path, in the empty directory $1: the package, here built from this tree, and the README's pom.xml and
# first streamed example.
set -eu
client=$(cd "$(dirname "$0")" && pwd)
mvn --batch-mode --quiet --file "$client" install -Dmaven.test.skip
cd "$1"
block() {
	sed -n '/^```'"$1"'$/,/^```$/{/^```$/q;/^```/d;p;}' "$client/README.md"
}
block xml >pom.xml
mkdir -p src/main/java
block java >src/main/java/Chat.java
mvn --batch-mode --quiet compile exec:java -Dexec.mainClass=Chat
