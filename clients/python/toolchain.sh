#!/bin/sh
# Whether Python's client can be tested here.
exec "$(dirname "$0")/../../.venv/bin/python" -c 'import pytest, venv'
