"""Reads of the network that are handled together, where nobody reads along."""

from __future__ import annotations

import asyncio
import time
from typing import TypeAlias

import pytest

from support.calls import chat_failure, request
from support.timing import in_time, timely
from support.upstream import STREAM, ScriptedUpstream
from support.upstream import Answer as Scripted
from trunkline.v1 import chat_service_pb2_grpc
from trunkline_service.upstream.answer import MAX_GATHERED, Answer, Lost
from wire.decoding import answer, frame, play, sse, start, text_block

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PATIENCE = 0.05
LONG = 30.0


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def begun() -> Answer:
    result = Answer(asyncio.get_running_loop(), lambda _: None)
    result.feed(HEAD)
    return result


async def test_without_patience_every_read_is_told() -> None:
    body = begun()
    waiter = body.more()
    body.feed(chunk(b"a"))
    assert waiter.done()
    assert body.take() == b"a"


async def test_with_patience_reads_are_gathered() -> None:
    body = begun()
    waiter = body.more(PATIENCE)
    for piece in (b"a", b"b", b"c"):
        body.feed(chunk(piece))
        await asyncio.sleep(0)
        assert not waiter.done()
    await waiter
    assert body.take() == b"abc"
    assert body.take() is None
    # The next ones have their own time.
    waiter = body.more(LONG)
    body.feed(chunk(b"d"))
    await asyncio.sleep(PATIENCE * 2)
    assert not waiter.done()
    body.fail(Lost())
    await waiter
    assert body.take() == b"d"


@pytest.mark.parametrize("end", ["whole", "lost", "broken", "much"])
async def test_what_ends_patience_at_once(end: str) -> None:
    body = begun()
    waiter = body.more(LONG)
    body.feed(chunk(b"a"))
    match end:
        case "whole":
            body.feed(b"0\r\n\r\n")
        case "lost":
            body.lost()
        case "broken":
            body.feed(b"no chunk\r\n")
        case "much":
            body.feed(chunk(b"b" * MAX_GATHERED))
    assert waiter.done()
    assert (body.take() or b"")[:1] == b"a"


async def test_a_reader_that_was_cancelled_leaves_nothing_behind() -> None:
    body = begun()
    waiter = body.more(PATIENCE)
    body.feed(chunk(b"a"))
    waiter.cancel()
    await asyncio.sleep(PATIENCE * 2)
    assert body.take() == b"a"


async def test_patience_ends_before_it_is_too_late() -> None:
    body = begun()
    waiter = body.more(PATIENCE, asyncio.get_running_loop().time() + PATIENCE / 2)
    body.feed(chunk(b"a"))
    assert waiter.done()


MODEL = "anthropic/claude-sonnet-4-6"
# As text: it is there for type checkers alone.
Stub: TypeAlias = "chat_service_pb2_grpc.ChatServiceAsyncStub"


async def test_a_slow_answer_in_one_piece(wire: Stub, upstream: ScriptedUpstream) -> None:
    body = answer(*text_block(*(f"word{number} " for number in range(40))))
    pieces = [piece + b"\n\n" for piece in body.split(b"\n\n") if piece]
    upstream.answer(Scripted(pieces, headers=STREAM, pause=0.003))
    response = await wire.Chat(request(MODEL), timeout=20)
    assert response.message == play(body).response.message


@timely
async def test_an_error_in_the_middle_is_told_at_once(wire: Stub, upstream: ScriptedUpstream) -> None:
    """Though its body does not end with it."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    pieces = [sse(start(), *text_block("a")), frame(error), *([b": and on\n\n"] * 100)]
    upstream.answer(Scripted(pieces, headers=STREAM, pause=0.05))
    began = time.monotonic()
    failure = await chat_failure(wire, request(MODEL))
    in_time(began, 1)
    assert (failure.reason, failure.info.metadata["cause"]) == (
        "STREAM_INTERRUPTED",
        "ERROR_REASON_UPSTREAM_OVERLOADED",
    )
