"""docs/routing.md and its picture show what comes of the routes as they are."""

import pytest

from routing.hour.page import DOCS, page, results
from routing.hour.plot import plot


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_page_is_fresh() -> None:
    found = results()
    assert (DOCS / "routing.md").read_text() == page(found), "stale: make docs"
    assert (DOCS / "routing.svg").read_text() == plot(found), "stale: make docs"
