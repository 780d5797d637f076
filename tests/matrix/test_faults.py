"""Every fault over every provider: never success, and the same reason for the caller."""

from __future__ import annotations

import asyncio

import pytest

from matrix.faults import FAULTS, Fault
from matrix.homes import HOMES, Home
from matrix.rig import Rig
from support.calls import Failure, chat_failure, request, said, stream_failure, stream_request

CELLS = [pytest.param(home, fault, id=f"{home.name}-{fault.model}") for home in HOMES for fault in FAULTS]


@pytest.mark.parametrize(("home", "fault"), CELLS)
async def test_fault(running: Rig, impatient: Rig, home: Home, fault: Fault) -> None:
    rig = impatient if fault.reason == "UPSTREAM_TIMEOUT" else running
    reason = home.of(fault.instead) if home.among(fault.instead) else fault.reason
    model = f"{home.name}/{fault.model}"
    if reason is None:
        answer = await rig.stub.Chat(request(model), timeout=5)
        assert said(answer) == "The river runs"
        return
    (events, streamed), whole = await asyncio.gather(
        stream_failure(rig.stub, stream_request(model), timeout=5),
        chat_failure(rig.stub, request(model), timeout=5),
    )
    assert not any(event.HasField("completion") for event in events)
    begun = fault.begun and not home.among(fault.at_once)
    assert bool(events) == begun
    for failed in (streamed, whole):
        _check(failed, reason, begun=begun)
        assert failed.info.metadata["provider"] == home.name


def _check(failed: Failure, reason: str, *, begun: bool) -> None:
    if begun:
        assert (failed.reason, failed.info.metadata["cause"]) == ("STREAM_INTERRUPTED", f"ERROR_REASON_{reason}")
    else:
        assert failed.reason == reason, failed


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
async def test_the_quota_is_not_worth_a_retry_but_the_rate_is(running: Rig, home: Home) -> None:
    limited = await chat_failure(running.stub, request(f"{home.name}/error-429"))
    assert limited.retry is not None
    assert limited.retry.retry_delay.seconds == 7
    spent = await chat_failure(running.stub, request(f"{home.name}/error-429-spend"))
    assert (spent.retry is None) == (spent.reason == "UPSTREAM_QUOTA_EXHAUSTED")


@pytest.mark.parametrize("model", ["paced-n500-g10", "silence"])
@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
async def test_a_cancelled_call_hangs_up(running: Rig, home: Home, model: str) -> None:
    running.simulator.clear()
    call = running.stub.StreamChat(stream_request(f"{home.name}/{model}"), timeout=5)
    if model.startswith("paced"):
        await call.read()
    else:
        async with asyncio.timeout(4):
            while not any(each.model for each in running.simulator.calls):  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)
    call.cancel()
    upstream = running.last()
    async with asyncio.timeout(1):
        while upstream.outcome == "running":  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    assert (upstream.model, upstream.outcome) == (model, "hung_up")
