"""Requests that take long to check or to encode: other calls go on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from faults.rig import rig
from support import calls
from support.timing import in_time, timely
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2
from trunkline_service.simulator import Simulator

WAIT = 0.5
"""So long may a probe take while a heavy request is dealt with: a share of a core, not the rest of a second of it."""
TRIES = 3
"""What holds others up does so every time; what else the machine does, does not."""


def text(count: int) -> list[message_pb2.ContentBlock]:
    return [message_pb2.ContentBlock(text=message_pb2.TextBlock(text="x")) for _ in range(count)]


def with_content(*blocks: message_pb2.ContentBlock) -> chat_input_pb2.ChatInput:
    message = message_pb2.Message(role=message_pb2.ROLE_USER, content=blocks)
    return chat_input_pb2.ChatInput(model="up/text", messages=[message])


def results(number: int, blocks: int) -> chat_input_pb2.ChatInput:
    result = message_pb2.ToolResultBlock(tool_use_id="a", content=text(blocks))
    return with_content(*(message_pb2.ContentBlock(tool_result=result) for _ in range(number)))


def many_fields(number: int) -> chat_input_pb2.ChatInput:
    block = message_pb2.ContentBlock(text=message_pb2.TextBlock(text="x"), provider_fields_json='{"a":1}')
    return with_content(*(block for _ in range(number)))


async def slowest_probe(channel: grpc.aio.Channel, until: asyncio.Task[object]) -> float:
    health = health_pb2_grpc.HealthStub(channel)
    slowest = 0.0
    while not until.done():
        began = time.monotonic()
        await health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.01)
    return slowest


async def least(probed: Callable[[], Awaitable[float]]) -> float:
    """The least of up to `TRIES` measurements, the first that is short enough."""
    slowest = [await probed()]
    while slowest[-1] >= WAIT and len(slowest) < TRIES:
        # Whatever else the machine is doing may be over soon.
        await asyncio.sleep(1)
        slowest.append(await probed())
    return min(slowest)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [many_fields(30_000), results(10, 5_000)], ids=["fields", "results"])
@pytest.mark.parametrize("method", ["Chat", "CountTokens"])
async def test_others_do_not_wait(sim: Simulator, asked: chat_input_pb2.ChatInput, method: str) -> None:
    request = {"Chat": chat_service_pb2.ChatRequest, "CountTokens": chat_service_pb2.CountTokensRequest}[method]
    async with rig(sim.url) as r:

        async def probed() -> float:
            call = asyncio.ensure_future(getattr(r.stub, method)(request(input=asked), timeout=30))
            slowest = await slowest_probe(r.channel, call)
            await asyncio.gather(call, return_exceptions=True)
            return slowest

        assert await least(probed) < WAIT


@timely
async def test_it_can_be_left(sim: Simulator) -> None:
    async with rig(sim.url) as r:
        call = r.stub.Chat(chat_service_pb2.ChatRequest(input=many_fields(90_000)), timeout=30)
        await asyncio.sleep(0.1)
        began = time.monotonic()
        call.cancel()
        await r.settled(sockets=len(sim.calls))
        in_time(began, WAIT)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (results(30, 4_000), "input.messages"),
        (
            chat_input_pb2.ChatInput(
                model="up/text",
                messages=[calls.user("Hi")],
                tools=[
                    chat_input_pb2.Tool(
                        function=chat_input_pb2.FunctionTool(name="a", input_examples_json=["{}"] * 1_000)
                    )
                ]
                * 11,
            ),
            "input.tools",
        ),
    ],
    ids=["blocks in blocks", "examples"],
)
async def test_too_many_are_refused_before_they_are_looked_at(
    sim: Simulator, asked: chat_input_pb2.ChatInput, field: str
) -> None:
    async with rig(sim.url) as r:
        failure = await calls.chat_failure(r.stub, chat_service_pb2.ChatRequest(input=asked))
        assert failure.reason == "INVALID_REQUEST"
        assert field in failure.fields
