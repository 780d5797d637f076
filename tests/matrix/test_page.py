"""docs/providers.md says what the tests hold to be true."""

from matrix.page import PATH, page


def test_the_page_is_fresh() -> None:
    assert PATH.read_text() == page(), "stale: make docs"
