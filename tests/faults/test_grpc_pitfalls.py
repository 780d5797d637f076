"""What grpc.aio gets wrong by itself, or lets a service get wrong: each measured once, and kept from coming back."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest

import trunkline_service.rpc
from faults.caller import Caller, Method
from faults.rig import OPTIONS, Stub, rig, until
from support import calls
from support.timing import in_time, timely
from trunkline.v1 import chat_service_pb2, chat_service_pb2_grpc
from trunkline_service.app import make_endpoint
from trunkline_service.config import Settings
from trunkline_service.routing.generations import Generations
from trunkline_service.rpc.edge import Edge
from trunkline_service.rpc.server import LOOKAHEAD_BYTES
from trunkline_service.simulator import Simulator

CODE = grpc.StatusCode
# Of HTTP/2: a type of frame, and what one says.
SETTINGS = 4
INITIAL_WINDOW_SIZE = 4
METHODS: tuple[Method, ...] = ("unary", "stream", "batched", "count")
SECRET = "sk-ant-a-key-in-a-text"
EVENT = chat_service_pb2.StreamChatResponse(events=[chat_service_pb2.ChatEvent(start=chat_service_pb2.StreamStart())])
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Act = Callable[[Context], Awaitable[None]]


class Servicer(chat_service_pb2_grpc.ChatServiceServicer):
    """Does what a test tells it to, whichever method is called."""

    def __init__(self, act: Act) -> None:
        self._act = act

    async def Chat(self, request: chat_service_pb2.ChatRequest, context: Context) -> chat_service_pb2.ChatResponse:
        await self._act(context)
        return chat_service_pb2.ChatResponse()

    async def StreamChat(self, request: chat_service_pb2.StreamChatRequest, context: Context) -> None:  # type: ignore[override]
        if request.allow_restart:
            await context.write(EVENT)
        await self._act(context)

    async def CountTokens(
        self, request: chat_service_pb2.CountTokensRequest, context: Context
    ) -> chat_service_pb2.CountTokensResponse:
        raise NotImplementedError


@asynccontextmanager
async def behind_the_edge(
    act: Act, server_options: Sequence[tuple[str, Any]] = (), client_options: Sequence[tuple[str, Any]] = ()
) -> AsyncIterator[tuple[Stub, Edge]]:
    """A server with nothing but our edge around a handler that does `act`."""
    server = grpc.aio.server(options=server_options)
    generations = await Generations.begin(Settings(), make_endpoint)
    edge = Edge(server, generations, max_request_bytes=2**20)
    chat_service_pb2_grpc.add_ChatServiceServicer_to_server(Servicer(act), edge)  # type: ignore[arg-type]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        options = [*OPTIONS, *client_options]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            await channel.channel_ready()
            yield chat_service_pb2_grpc.ChatServiceStub(channel), edge  # type: ignore[misc]
    finally:
        await server.stop(0)
        await generations.close()


async def fails(stub: Stub, method: str) -> calls.Failure:
    if method == "unary":
        return await calls.chat_failure(stub, chat_service_pb2.ChatRequest())
    late = method == "stream, later"
    _, failure = await calls.stream_failure(stub, chat_service_pb2.StreamChatRequest(allow_restart=late))
    return failure


AT_ANY_TIME = pytest.mark.parametrize("method", ["unary", "stream", "stream, later"])


@AT_ANY_TIME
@timely
async def test_a_stray_cancellation_does_not_hang(method: str, caplog: pytest.LogCaptureFixture) -> None:
    async def act(context: Context) -> None:
        raise asyncio.CancelledError

    async with behind_the_edge(act) as (stub, edge):
        began = time.monotonic()
        failure = await fails(stub, method)
        in_time(began, 0.1)
        assert (failure.code, failure.reason) == (CODE.INTERNAL, "INTERNAL")
        await asyncio.wait_for(edge.idle.wait(), 1)
    caplog.clear()


async def leaks_a_cancellation(context: Context) -> None:
    """A cancellation of something else, that nobody caught."""
    other = asyncio.get_running_loop().create_future()
    other.cancel()
    await other


async def times_out_within(context: Context) -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(1)


@pytest.mark.parametrize("act", [leaks_a_cancellation, times_out_within])
async def test_nor_does_one_from_further_inside(act: Act, caplog: pytest.LogCaptureFixture) -> None:
    async with behind_the_edge(act) as (stub, _):
        assert (await fails(stub, "unary")).reason == "INTERNAL"
    caplog.clear()


@AT_ANY_TIME
async def test_the_text_of_an_exception_reaches_nobody(method: str, caplog: pytest.LogCaptureFixture) -> None:
    async def act(context: Context) -> None:
        raise RuntimeError(SECRET)

    async with behind_the_edge(act) as (stub, _):
        failure = await fails(stub, method)
    assert (failure.code, failure.reason, failure.retry) == (CODE.INTERNAL, "INTERNAL", None)
    assert failure.request_info is not None
    assert SECRET not in str(failure)
    # The log says it in its own words, and our formatter leaves the text out.
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == ["trunkline.service"]
    caplog.clear()


def test_what_a_handler_catches_is_never_the_end_of_its_own_call() -> None:
    """`AbortError` is an Exception: a handler that aborts and catches would run on after its status has gone.

    Calls are aborted in one place. The operators' methods are not calls, and abort where nothing is caught.
    """
    sources = Path(trunkline_service.rpc.__path__[0])
    aborting = {file.name for file in sources.glob("*.py") if re.search(r"context\.abort", file.read_text())}
    assert aborting == {"admin.py", "edge.py"}


@pytest.mark.parametrize("method", ["unary", "stream", "batched"])
async def test_a_cancelled_handler_ends_as_cancelled(
    sim: Simulator, method: Method, caplog: pytest.LogCaptureFixture
) -> None:
    """One that returns instead leaks native memory with every call."""
    async with rig(sim.url) as r:
        with caplog.at_level(logging.DEBUG, "grpc._cython.cygrpc"):
            caller = Caller(r, method, calls.chat_input("up/stall"))
            await until(lambda: sim.calls and sim.calls[0].frames_sent > 4)
            await caller.leave()
            await caller.end()
            await r.settled()
    # What gRPC says of a handler that let the cancellation pass.
    assert "RPC cancelled for servicer method" in caplog.text


async def test_calls_cancelled_before_they_begin(sim: Simulator) -> None:
    async with rig(sim.url, slots=4) as r:
        for number in range(200):
            caller = Caller(r, METHODS[number % len(METHODS)], calls.chat_input("up/text"))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            await caller.leave()
            await caller.end()
        await until(lambda: all(call.outcome != "running" for call in sim.calls))
        await r.serves()


RETRIES = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": "trunkline.v1.ChatService"}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.1s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED"],
                },
            }
        ]
    }
)


@asynccontextmanager
async def retrying(address: str) -> AsyncIterator[Stub]:
    """A client that repeats by itself what fails."""
    options = [*OPTIONS, ("grpc.service_config", RETRIES), ("grpc.enable_retries", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield chat_service_pb2_grpc.ChatServiceStub(channel)  # type: ignore[misc]


@pytest.mark.parametrize("model", ["error-529", "error-429", "reset", "error-event-n0", "cut"])
@pytest.mark.parametrize("method", ["unary", "stream"])
async def test_clients_do_not_multiply_attempts(sim: Simulator, method: str, model: str) -> None:
    async with rig(sim.url) as r, retrying(r.gateway.address) as stub:
        if method == "unary":
            await calls.chat_failure(stub, calls.request(f"up/{model}"))
        else:
            events, _ = await calls.stream_failure(stub, calls.stream_request(f"up/{model}"))
            assert [event.WhichOneof("kind") for event in events].count("start") == (model == "cut")
        await asyncio.sleep(0.3)
        assert len(sim.calls) == 1


async def test_clients_may_repeat_what_reached_no_provider(sim: Simulator) -> None:
    async with rig(sim.url) as r, retrying(r.gateway.address) as stub:
        first = Caller(r, "stream", calls.chat_input("up/stall"))
        await until(lambda: sim.calls)
        second = asyncio.ensure_future(stub.Chat(calls.request("up/text"), timeout=5))
        await asyncio.sleep(0.06)
        await first.leave()
        assert (await second).completion.provider_finish_reason == "end_turn"
        assert len(sim.calls) == 2


async def test_a_compressed_request_is_read(sim: Simulator) -> None:
    async with rig(sim.url) as r:
        asked = calls.request("up/text")
        answer = await r.stub.Chat(asked, timeout=5, compression=grpc.Compression.Gzip)
        assert answer.message.content[0].text.text == "You said: Hello"


async def test_large_requests_need_not_wait_for_acknowledgements(sim: Simulator) -> None:
    """gRPC's own window is so small that a long way makes a prompt of megabytes slow, unless it measures the way, which
    costs a ping for nearly every request.
    """
    async with rig(sim.url) as r:
        host, _, port = r.gateway.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
            size, kind = struct.unpack(">IB", b"\0" + (await reader.readexactly(9))[:4])
            assert kind == SETTINGS
            settings = dict(struct.iter_unpack(">HI", await reader.readexactly(size)))
            assert settings[INITIAL_WINDOW_SIZE] == LOOKAHEAD_BYTES
        finally:
            writer.close()
            await writer.wait_closed()
