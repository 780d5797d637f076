"""`make docs`: writes docs/routing.md and docs/routing.svg."""

from routing.hour.page import write

write()
