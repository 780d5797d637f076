"""A caller of batches that goes away, at any moment, leaves no task and no connection to the provider."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest

from faults.rig import Rig, rig, until
from faults.upstream import Connection, Script, Upstream
from support import calls
from trunkline.v1 import batch_service_pb2 as pb
from trunkline.v1 import batch_service_pb2_grpc, chat_input_pb2
from trunkline_service.config import Limits, Timeouts

WAYS = ("cancels", "disconnects", "times out")
BATCH = {"id": "b", "processing_status": "ended", "request_counts": {"succeeded": 1000}}
LINE = json.dumps({"custom_id": "a", "result": {"type": "canceled"}, "filling": "x" * 1000}).encode() + b"\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"


def item(number: int, bytes_of_text: int = 10) -> pb.CreateBatchRequest:
    asked = chat_input_pb2.ChatInput(model="m", messages=[calls.user("x" * bytes_of_text)])
    asked.generation.max_output_tokens = 5
    return pb.CreateBatchRequest(items=pb.BatchItems(items=[pb.BatchItem(custom_id=f"row-{number}", input=asked)]))


HEADER = pb.CreateBatchRequest(header=pb.BatchHeader(provider="up"))
END = pb.CreateBatchRequest(end=pb.BatchEnd())


async def few_items() -> AsyncIterator[pb.CreateBatchRequest]:
    yield HEADER
    yield item(1)
    # It ends at some time: the client library leaves it running when a call is out of time.
    await asyncio.sleep(1)


async def endless_items() -> AsyncIterator[pb.CreateBatchRequest]:
    yield HEADER
    for number in range(10_000):
        yield item(number, 200_000)


async def all_items() -> AsyncIterator[pb.CreateBatchRequest]:
    yield HEADER
    yield item(1, 200_000)
    yield item(2)
    yield END


def creates(messages: Callable[[], AsyncIterator[pb.CreateBatchRequest]]) -> Callable[[Any, float], Any]:
    return lambda stub, timeout: stub.CreateBatch(messages(), timeout=timeout)


def reads(stub: Any, timeout: float) -> Any:
    return stub.StreamBatchResults(pb.StreamBatchResultsRequest(id="up/b"), timeout=timeout)


async def takes_no_more(connection: Connection) -> None:
    await connection.head()
    await connection.hang()


async def takes_all(connection: Connection) -> None:
    await connection.head()
    while True:
        await connection._receive(65536)


async def begins_to_answer(connection: Connection) -> None:
    await connection.head()
    await connection.send(HEAD % 1000, b'{"id"')
    await connection.hang()


async def has_no_results(connection: Connection) -> None:
    head = await connection.head()
    if "/results" not in head:
        body = json.dumps(BATCH).encode()
        await connection.send(HEAD % len(body), body)
    await connection.hang()


async def pauses_between_results(connection: Connection) -> None:
    head = await connection.head()
    body = LINE if "/results" in head else json.dumps(BATCH).encode()
    await connection.send(HEAD % (100_000 if "/results" in head else len(body)), body)
    await connection.hang()


async def floods(connection: Connection) -> None:
    head = await connection.head()
    if "/results" not in head:
        body = json.dumps(BATCH).encode()
        await connection.send(HEAD % len(body), body)
        await connection.hang()
    await connection.send(HEAD % 2**30)
    while True:
        await connection.send(LINE * 50)


PLACES: dict[str, tuple[Callable[[Any, float], Any], Script, int]] = {
    "between items": (creates(few_items), takes_all, 1),
    "items that are not taken": (creates(endless_items), takes_no_more, 1),
    "all items sent": (creates(all_items), takes_all, 1),
    "the batch on its way": (creates(all_items), begins_to_answer, 1),
    "asking for the batch": (reads, takes_no_more, 1),
    "asking for the results": (reads, has_no_results, 2),
    "between results": (reads, pauses_between_results, 2),
    "results that are not read": (reads, floods, 2),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
async def test_nothing_is_left(place: str, way: str) -> None:
    begin, script, connections = PLACES[place]
    async with Upstream(script) as upstream, rig(upstream.url, timeouts=Timeouts(first_event=20, idle=20)) as r:
        call = begin(batch_service_pb2_grpc.BatchServiceStub(r.channel), 0.4 if way == "times out" else 30)
        await until(lambda: len(upstream.connections) == connections and upstream.connections[-1].requests)
        await asyncio.sleep(0.1)
        await leave(r, call, way)
        await upstream.connections[-1].gone()
        await r.settled()


async def leave(r: Rig, call: Any, way: str) -> None:
    if way == "cancels":
        call.cancel()
    elif way == "disconnects":
        await r.channel.close()
    code = await call.code()
    # A client whose time runs out while it writes says INTERNAL, whatever the cause.
    late = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL)
    assert code in (late if way == "times out" else (grpc.StatusCode.CANCELLED,))


async def serves(connection: Connection) -> None:
    """Answers everything, as a chunked body must be sent whole before."""
    with suppress(ConnectionError):
        while True:
            head = await connection.head()
            if head.startswith("POST"):
                while b"0\r\n\r\n" not in connection._buffer[-5:]:
                    await connection._receive(65536)
                connection._buffer = b""
            body = LINE * 1000 if "/results" in head else json.dumps(BATCH).encode()
            await connection.send(HEAD % len(body), body)


@pytest.mark.parametrize("begin", [creates(all_items), reads], ids=["create", "results"])
async def test_at_any_moment(begin: Callable[[Any, float], Awaitable[Any]]) -> None:
    moments = random.Random(7)
    async with Upstream(serves) as upstream, rig(upstream.url, limits=Limits(max_concurrent_calls=50), slots=50) as r:
        stub = batch_service_pb2_grpc.BatchServiceStub(r.channel)
        codes = set()
        for _ in range(60):
            call: Any = begin(stub, 20)
            await asyncio.sleep(moments.random() * 0.03)
            call.cancel()
            codes.add(await call.code())
        await r.settled()
        assert grpc.StatusCode.CANCELLED in codes
        call = begin(stub, 20)
        if isinstance(call, grpc.aio.StreamUnaryCall):
            assert (await call).batch.id == "up/b"
        else:
            assert sum([len(message.results) async for message in call]) == 1000
        await r.settled()
