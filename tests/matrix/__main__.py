"""`make docs`: writes docs/providers.md."""

from matrix.page import write

write()
