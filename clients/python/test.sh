#!/bin/sh
# The suite of tests/clients/cases.md.
cd "$(dirname "$0")/../.." || exit
exec .venv/bin/python -m pytest -q -p clients.reporting \
	tests/clients/test_cases.py tests/clients/test_case_errors.py tests/clients/test_vectors.py
