"""Every cell of the table."""

from __future__ import annotations

import asyncio

import pytest

from faults.table.playing import Seen, play
from faults.table.row import Cell, Row
from faults.table.rows import ROWS
from faults.table.scoring import complaints, is_late
from support.timing import Late, timely

CELLS = [pytest.param(row, cell, id=f"{row.title}-{cell}") for row in ROWS for cell in row.cells()]

_played: dict[str, asyncio.Task[dict[Cell, Seen]]] = {}


@pytest.mark.parametrize(("row", "cell"), CELLS)
@timely
async def test_cell(row: Row, cell: Cell) -> None:
    """The cells of a row are played at once, as all of them mostly wait."""
    if row.title not in _played:
        _played[row.title] = asyncio.create_task(play(row))
    seen = (await _played[row.title])[cell]
    if is_late(row, cell, seen):
        del _played[row.title]
        raise Late(row.title)
    assert complaints(row, cell, seen) == []
