"""See `courses.RETURNING`; a second stands for two minutes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import cache

import pytest

from faults.table.courses import RETURNING
from faults.table.ends import Call, Setup
from faults.table.pair import A_SECOND, SAVED, SHARE, pair
from faults.table.row import ECHO
from faults.table.wires import WIRES, Wire
from support import calls
from trunkline.v1 import chat_service_pb2

CALLS = 20
DOWN = 0.5
EJECTION = 0.1
WAYS: list[tuple[Setup, Call]] = [
    (setup, call) for setup in RETURNING.comes for call in ("stream", "whole") if (setup, call) != ("restart", "whole")
]
CELLS = [pytest.param(wire, setup, call, id=f"{wire.name}-{setup}-{call}") for wire in WIRES for setup, call in WAYS]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of each call, the statuses that the first target gave, and how often the second one was asked."""

    found: list[chat_service_pb2.ChatResponse | calls.Failure]
    statuses: list[int | None]
    second: int
    seconds: float


async def play(wire: Wire, setup: Setup, call: Call) -> Seen:
    async with pair(wire, setup, f"down-{DOWN * 1000:.0f}-text-s503") as targets:
        began = time.monotonic()
        found = []
        for _ in range(CALLS):
            found.append(await targets.ask(call))
            await asyncio.sleep(2 * DOWN / CALLS)
        await targets.rests()
        statuses = [each.status for each in targets.first]
        return Seen(found, statuses, len(targets.second), time.monotonic() - began)


@cache
def _played(wire: Wire) -> asyncio.Task[list[Seen]]:
    """All on one wire at once: they mostly wait."""

    async def all_of_them() -> list[Seen]:
        return await asyncio.gather(*(play(wire, setup, call) for setup, call in WAYS))

    return asyncio.create_task(all_of_them())


@pytest.mark.parametrize(("wire", "setup", "call"), CELLS)
async def test_a_primary_that_returns(wire: Wire, setup: Setup, call: Call) -> None:
    seen = (await _played(wire))[WAYS.index((setup, call))]
    failed = [each.reason if isinstance(each, calls.Failure) else "" for each in seen.found]
    assert all(isinstance(each, calls.Failure) or calls.said(each) == ECHO for each in seen.found)
    # It was down, and is back.
    asked_while_down = seen.statuses.count(503)
    assert asked_while_down >= 3
    assert seen.statuses[-1] == 200
    if setup in ("alone", "retried"):
        outage = failed.index("")
        assert failed == ["UPSTREAM_OVERLOADED"] * outage + [""] * (CALLS - outage)
        assert outage
        budget = 0.0 if setup == "alone" else SAVED + SHARE * CALLS + A_SECOND * seen.seconds
        assert CALLS <= len(seen.statuses) <= CALLS + budget
        assert seen.second == 0
    else:
        assert failed == [""] * CALLS
        # The first call, until the breaker opens; then one call each time that it is half open.
        assert asked_while_down <= 3 + DOWN / EJECTION + 1
        assert seen.second + seen.statuses.count(200) == CALLS
