#!/bin/sh
# Envoy, which is installed below this folder if it is not there: `./envoy.sh -c envoy.yaml`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -x "$here/.venv/bin/envoy" ]; then
	python3 -m venv "$here/.venv"
	"$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
fi
exec "$here/.venv/bin/envoy" "$@"
