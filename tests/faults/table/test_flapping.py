"""See `courses.FLAPPING`."""

from __future__ import annotations

import asyncio
import time

import pytest

from faults.table.courses import FLAPPING
from faults.table.ends import Setup
from faults.table.pair import A_SECOND, SAVED, SHARE, pair
from faults.table.row import ECHO, SEEDED
from faults.table.wires import ANTHROPIC, CHAT, Wire
from support import calls
from support.timing import Late, timely
from trunkline.v1 import chat_service_pb2, route_pb2

CALLS = 100
PERIOD = 0.2
WORDS = 20
CELLS = [pytest.param(wire, setup, id=f"{wire.name}-{setup}") for wire in (ANTHROPIC, CHAT) for setup in FLAPPING.comes]


@pytest.mark.parametrize(("wire", "setup"), CELLS)
@timely
async def test_a_hundred_calls(wire: Wire, setup: Setup) -> None:
    """They begin in both of its times, and no answer of its ends before the last call has begun."""
    async with pair(wire, setup, f"flapping-{PERIOD * 1000:.0f}-paced-n{WORDS}-g25") as targets:

        async def call(number: int) -> chat_service_pb2.ChatResponse | calls.Failure:
            await asyncio.sleep(number * 2 * PERIOD / CALLS)
            return await targets.ask("stream" if number % 2 or setup == "restart" else "whole")

        began = time.monotonic()
        found = await asyncio.gather(*map(call, range(CALLS)))
        await targets.rests()
        budget = SAVED + SHARE * CALLS + A_SECOND * (time.monotonic() - began)
        failed = [each for each in found if isinstance(each, calls.Failure)]
        for each in found:
            if isinstance(each, calls.Failure):
                assert each.reason == "UPSTREAM_OVERLOADED"
                assert each.retry is not None
                continue
            attempts = each.completion.route_report.attempts
            assert [a.outcome for a in attempts].count(route_pb2.ATTEMPT_OUTCOME_ANSWERED) == 1
            said = calls.said(each)
            if attempts[-1].provider == "second":
                assert said == ECHO
            else:
                assert said.startswith(SEEDED)
                assert len(said.split()) == WORDS
        if {each.status for each in targets.first} != {200, 529}:
            raise Late("all calls came in one of its times")
        if setup == "alone":
            assert len(targets.first) == CALLS
            assert failed
        elif setup == "retried":
            assert CALLS <= len(targets.first) <= CALLS + budget
        else:
            assert failed == []
            assert len(targets.first) <= CALLS + budget
            assert sum(each.status == 200 for each in targets.first) + len(targets.second) == CALLS
        again = await targets.ask("whole")
        assert not isinstance(again, calls.Failure) or setup in ("alone", "retried")
