"""How long the property tests search."""

from __future__ import annotations

import os

from hypothesis import settings

EFFORT = int(os.environ.get("WIRE_EFFORT", "1"))


def bounded(examples: int) -> settings:
    """So many examples. WIRE_EFFORT=100 makes it a hundred times as many, to search at night, with `-o timeout=0`."""
    return settings(max_examples=examples * EFFORT, deadline=None)
