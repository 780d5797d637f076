"""docs/faults.md says what the tests hold to be true."""

from faults.table.page import PATH, page
from faults.table.rows import ROWS


def test_the_page_is_fresh() -> None:
    assert PATH.read_text() == page(), "stale: make docs"


def test_rows_are_told_apart() -> None:
    assert len({row.title for row in ROWS}) == len(ROWS)


def test_what_is_different_on_a_wire_is_told() -> None:
    """The page shows the ends that hold on most of them."""
    assert all(row.but for row in ROWS for _, ends in row.instead.values() if ends != row.ends)
