"""`PYTHONPATH=tests .venv/bin/python -m matrix` writes docs/providers.md."""

from matrix.page import write

write()
