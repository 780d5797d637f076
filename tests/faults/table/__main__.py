"""`make docs`: writes docs/faults.md."""

from faults.table.page import write

write()
