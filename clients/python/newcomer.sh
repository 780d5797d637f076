#!/bin/sh
# A newcomer's path, in the empty directory $1: `pip install trunkline`, here from this tree, and the README's first
# streamed example.
set -eu
client=$(cd "$(dirname "$0")" && pwd)
cd "$1"
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check "$client/../.."
sed -n '/^```python$/,/^```$/{/^```$/q;/^```/d;p;}' "$client/README.md" >chat.py
.venv/bin/python -u chat.py
