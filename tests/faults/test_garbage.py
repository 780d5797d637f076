"""A request is freed with its call, however that ends: tens of megabytes must not wait for the garbage collector."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator

import grpc
import pytest

from faults import places
from faults.caller import Caller, Method
from faults.rig import Rig, rig, until
from support import calls
from trunkline_service.config import Limits, Timeouts
from trunkline_service.simulator import Simulator

MODELS = (
    "text",
    "json",
    "error-529",
    "html",
    "garbage",
    "reset",
    "silence",
    "silence-headers",
    "stall",
    "cut",
    "cut-clean",
    "malformed",
    "error-event",
    "error-event-n0",
    "paced-n1000-g20",
)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def requests() -> int:
    """The requests there are: as they came, and as they go on to the provider."""
    kinds = ("ChatInput", "UpstreamRequest", "BytesPayload")
    return sum(type(each).__name__ in kinds for each in gc.get_objects())


async def call(r: Rig, method: Method, model: str) -> None:
    caller = Caller(r, method, calls.chat_input(model))
    with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError):
        await asyncio.wait_for(caller.end(), 0.1)
    await caller.leave()
    await caller.end()


async def nothing_stays(r: Rig, method: Method, model: str) -> None:
    await call(r, method, model)
    await asyncio.sleep(0.05)
    before = requests()
    for _ in range(3):
        await call(r, method, model)
    # What only the collector would find stays for ever, and the last of a call goes soon.
    await until(lambda: requests() <= before, pause=0.05)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", ["unary", "batched"])
async def test_after_what_the_provider_does(sim: Simulator, no_collector: None, method: Method, model: str) -> None:
    async with rig(sim.url, timeouts=Timeouts(first_event=0.03, idle=0.03)) as r:
        await nothing_stays(r, method, f"up/{model}")


@pytest.mark.parametrize("model", ["silence", "stall"])
@pytest.mark.parametrize("limits", [Limits(), Limits(max_deadline=0.05)], ids=["cancelled", "out of time"])
async def test_after_what_the_caller_does(sim: Simulator, no_collector: None, limits: Limits, model: str) -> None:
    async with rig(sim.url, limits=limits) as r:
        await nothing_stays(r, "stream", f"up/{model}")


async def test_after_a_refusal(sim: Simulator, no_collector: None) -> None:
    async with rig(sim.url) as r:
        await nothing_stays(r, "stream", "nowhere/text")
        await nothing_stays(r, "unary", "")


@pytest.mark.parametrize("place", [places.closed, places.full])
async def test_without_a_connection(no_collector: None, place: places.Place) -> None:
    with place() as port:
        async with rig(f"http://127.0.0.1:{port}", timeouts=Timeouts(connect=0.05)) as r:
            await nothing_stays(r, "stream", "up/m")
