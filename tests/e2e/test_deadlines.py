"""Deadlines: the caller's own, the default, and the ceiling."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import grpc
import pytest

from e2e.gateways import posts, provider, running, until
from support.calls import (
    Failure,
    Stub,
    chat_failure,
    chat_input,
    failure,
    request,
    said,
    stream_failure,
    stream_request,
)
from support.timing import ours, timely
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import Limits
from trunkline_service.simulator import Simulator


async def no_deadline(stub: Stub, model: str) -> tuple[Failure, float]:
    began = time.monotonic()
    found = await chat_failure(stub, request(model), timeout=None)  # type: ignore[arg-type]
    return found, time.monotonic() - began


async def test_the_default_deadline() -> None:
    async with running(limits=Limits(default_deadline=0.5)) as own:
        # A caller that asks for more gets it.
        patient = asyncio.ensure_future(own.stub.Chat(request("simulator/slow-t700"), timeout=5))
        ended = await asyncio.gather(*(no_deadline(own.stub, f"simulator/{model}") for model in ("silence", "stall")))
        for stage, (found, took) in zip(("first_event", "idle"), ended, strict=True):
            assert (found.code, found.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
            assert found.info.metadata["stage"] == stage
            assert found.retry is None
            assert 0.35 < took < 3
        assert said(await patient) == "You said: Hello"


async def test_the_ceiling() -> None:
    async with running(limits=Limits(default_deadline=0.5, max_deadline=0.5)) as own:
        began = time.monotonic()
        events, found = await stream_failure(own.stub, stream_request("simulator/paced-n500-g20"), timeout=60)
        assert (found.code, found.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert time.monotonic() - began < 3
        assert len(events) > 5
        assert events[-1].WhichOneof("kind") == "block_delta"


@timely
async def test_the_callers_deadline_is_answered_in_time(stub: Stub, simulator: Simulator) -> None:
    """By the gateway, with its details, before the caller's own clock says the same without any."""

    async def one(model: str, timeout: float) -> Failure:
        return await chat_failure(stub, request(model), timeout=timeout)

    found = await asyncio.gather(*(one(f"simulator/{model}", 0.6) for model in ("silence", "silence-headers", "stall")))
    for each in found:
        assert (each.code, ours(each).reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert each.info.metadata["provider"] == "simulator"
    assert [each.info.metadata["stage"] for each in found] == ["first_event", "first_event", "idle"]
    await until(lambda: all(call.outcome == "hung_up" for call in posts(simulator)), 1)


async def test_the_deadline_of_a_count(stub: Stub) -> None:
    async with running(limits=Limits(default_deadline=0.3), providers=nobody()) as own:
        asked = chat_service_pb2.CountTokensRequest(input=chat_input("nobody/text"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await own.stub.CountTokens(asked)
        found = failure(caught.value)
        assert found.reason == "DEADLINE_EXCEEDED"


_silent = socket.socket()

_silent.bind(("127.0.0.1", 0))
_silent.listen()


def nobody() -> dict[str, Any]:
    """A provider that takes connections and says nothing."""
    return {"nobody": provider(f"http://127.0.0.1:{_silent.getsockname()[1]}", "nobody")}
