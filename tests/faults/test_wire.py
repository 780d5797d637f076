"""What providers, and proxies before them, do to HTTP: what can be read is read, and all else is an error in time."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from typing import NamedTuple

import grpc
import pytest

from faults.rig import rig
from faults.upstream import (
    ANSWER,
    BEGINNING,
    END,
    LAST_CHUNK,
    MESSAGE,
    START,
    Connection,
    Script,
    Upstream,
    answer,
    chunk,
    head,
)
from support import calls
from support.timing import in_time, timely
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import Timeouts

JSON = "application/json"
OLD = b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
HTML = b"<!doctype html><title>Sign in</title>"
ZIPPED = gzip.compress(MESSAGE)
TOO_LONG = b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8"}}'
PAUSE = b""
FIN = b"FIN"
RST = b"RST"


class Wire(NamedTuple):
    """What the upstream sends once it has a request, and what the caller gets: an answer, if there is no `reason`."""

    name: str
    pieces: tuple[bytes, ...]
    reason: str = ""
    interrupted: bool = False


def good(name: str, *pieces: bytes) -> Wire:
    return Wire(name, pieces)


def bad(name: str, reason: str, *pieces: bytes) -> Wire:
    return Wire(name, pieces, reason)


def breaks(name: str, reason: str, *pieces: bytes) -> Wire:
    return Wire(name, pieces, reason, interrupted=True)


UNREACHABLE, PROTOCOL = "UPSTREAM_UNREACHABLE", "UPSTREAM_PROTOCOL_ERROR"
WIRES = (
    good("one chunk", head(), chunk(ANSWER), LAST_CHUNK),
    good("byte by byte", head(), *(chunk(ANSWER[place : place + 1]) for place in range(len(ANSWER))), LAST_CHUNK),
    good("a known length", head(content_length=str(len(ANSWER))), ANSWER),
    good("until the connection closes", head(connection="close"), BEGINNING, PAUSE, END, FIN),
    good("HTTP/1.0", OLD, ANSWER, FIN),
    good("lines that end with LF", b"HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n", ANSWER, FIN),
    good("trailers", head(trailer="x-checksum"), chunk(ANSWER), b"0\r\nx-checksum: 1\r\n\r\n"),
    good("chunk extensions", head(), b"%x;a=b\r\n%b\r\n" % (len(ANSWER), ANSWER), LAST_CHUNK),
    good("100 first", b"HTTP/1.1 100 Continue\r\n\r\n" * 3, head(), chunk(ANSWER), LAST_CHUNK),
    good("103 first", b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", head(), chunk(ANSWER), LAST_CHUNK),
    good("a type in other letters", head(content_type="Text/Event-Stream; Charset=UTF-8"), chunk(ANSWER), LAST_CHUNK),
    good("a message, not events", head(content_type=JSON, content_length=str(len(MESSAGE))), MESSAGE),
    good("a message in other letters", head(content_type="Application/JSON"), chunk(MESSAGE), LAST_CHUNK),
    good("no end of the body", head(), chunk(ANSWER)),
    good("a body cut after the end mark", head(), chunk(ANSWER), RST),
    good("more than was asked for", head(), chunk(ANSWER), LAST_CHUNK + head() + chunk(BEGINNING)),
    good("headers in Latin-1", head(request_id="r\xe9q"), chunk(ANSWER), LAST_CHUNK),
    bad("hangs up", UNREACHABLE, FIN),
    bad("resets", UNREACHABLE, RST),
    bad("hangs up in the headers", UNREACHABLE, b"HTTP/1.1 200 OK\r\ncontent-ty", FIN),
    bad("resets after the headers", UNREACHABLE, head(), PAUSE, RST),
    bad("hangs up after the headers", UNREACHABLE, head(), PAUSE, FIN),
    bad("hangs up after message_start", UNREACHABLE, head(), chunk(START), PAUSE, FIN),
    bad("a cut message", UNREACHABLE, head(content_type=JSON, content_length="500"), MESSAGE[:50], PAUSE, FIN),
    bad("not HTTP", PROTOCOL, b"SSH-2.0-OpenSSH_9.2\r\n"),
    bad("HTTP/2", PROTOCOL, b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" * 4),
    bad("a header too long", PROTOCOL, head(x="y" * 100_000)),
    bad("headers too many", PROTOCOL, b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 1500, b"\r\n"),
    bad("headers without end", PROTOCOL, b"HTTP/1.1 200 OK\r\n", *([b"x: " + b"y" * 1000 + b"\r\n"] * 1500)),
    bad("two lengths", PROTOCOL, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\n", ANSWER),
    bad("a length below nothing", PROTOCOL, b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", ANSWER),
    bad("a chunk size that is none", PROTOCOL, head(), PAUSE, b"zz\r\n"),
    bad("an empty body", PROTOCOL, head(content_length="0")),
    bad("an empty message", PROTOCOL, head(content_type=JSON, content_length="0")),
    bad("204", PROTOCOL, head(204, content_length="0")),
    bad("no type", PROTOCOL, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", ANSWER, FIN),
    bad("plain text", PROTOCOL, head(content_type="text/plain"), chunk(ANSWER), LAST_CHUNK),
    bad("HTML", PROTOCOL, head(content_type="text/html"), chunk(HTML), LAST_CHUNK),
    bad("HTML that says it is events", PROTOCOL, head(), chunk(HTML), LAST_CHUNK),
    bad("HTML that says it is JSON", PROTOCOL, head(content_type=JSON), chunk(HTML), LAST_CHUNK),
    bad("compressed events", PROTOCOL, head(content_encoding="gzip"), chunk(gzip.compress(ANSWER)), LAST_CHUNK),
    bad("a compressed message", PROTOCOL, head(content_type=JSON, content_encoding="gzip"), chunk(ZIPPED), LAST_CHUNK),
    bad("another protocol", PROTOCOL, head(101, connection="upgrade", upgrade="websocket")),
    bad("noise", PROTOCOL, head(), chunk(bytes(range(256)) * 40), LAST_CHUNK),
    breaks("hangs up in the middle", UNREACHABLE, head(), chunk(BEGINNING), PAUSE, FIN),
    breaks("resets in the middle", UNREACHABLE, head(), chunk(BEGINNING), PAUSE, RST),
    breaks("ends in the middle", UNREACHABLE, head(), chunk(BEGINNING), PAUSE, LAST_CHUNK),
    breaks("hangs up in a chunk", UNREACHABLE, head(), chunk(BEGINNING), b"ff\r\nevent: con", PAUSE, FIN),
    breaks("hangs up before its length", UNREACHABLE, head(content_length="5000"), BEGINNING, PAUSE, FIN),
    breaks("closes a body that ends so", UNREACHABLE, head(connection="close"), BEGINNING, PAUSE, FIN),
    breaks("HTTP/1.0 in the middle", UNREACHABLE, OLD, BEGINNING, PAUSE, FIN),
    breaks("a later chunk size that is none", PROTOCOL, head(), chunk(BEGINNING), PAUSE, b"zz\r\n"),
    breaks("a chunk longer than it says", PROTOCOL, head(), chunk(BEGINNING), PAUSE, b"3\r\nabcdef\r\n"),
    breaks("noise in the middle", PROTOCOL, head(), chunk(BEGINNING), PAUSE, chunk(b"data: \xff\xfe\n\n")),
    breaks("a second message", PROTOCOL, head(), chunk(BEGINNING), PAUSE, chunk(START)),
)


def plays(wire: Wire) -> Script:
    async def script(connection: Connection) -> None:
        await connection.request()
        for piece in wire.pieces:
            if piece in (RST, PAUSE):
                await asyncio.sleep(0.02)
            if piece == RST:
                connection.reset()
            if piece in (RST, FIN):
                return
            await connection.send(piece)
        await answer(connection)

    return script


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@timely
async def test_stream(wire: Wire) -> None:
    timeouts = Timeouts(first_event=5, idle=5)
    async with Upstream(plays(wire)) as upstream, rig(upstream.url, timeouts=timeouts) as r:
        began = time.monotonic()
        if not wire.reason:
            events = await calls.events_of(r.stub, calls.stream_request("up/m"))
            assert "".join(event.block_delta.text or event.block_start.block.text.text for event in events) == "Hello"
            assert [event.HasField("completion") for event in events].count(True) == 1
            assert events[-1].completion.usage.output_total == 2
        else:
            events, failure = await calls.stream_failure(r.stub, calls.stream_request("up/m"))
            check(wire, failure)
            assert [event.block_delta.text for event in events] == (["", "", "Hello"] if wire.interrupted else [])
        in_time(began, 2)
        upstream.script = answer
        await r.serves()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, gzip.compress(TOO_LONG), "CONTEXT_LENGTH_EXCEEDED"),
        (400, zlib.compress(TOO_LONG), "CONTEXT_LENGTH_EXCEEDED"),
        (400, gzip.compress(TOO_LONG)[:-12], "UPSTREAM_REJECTED_REQUEST"),
        (401, b"\x8b\x03", "UPSTREAM_CREDENTIALS_REJECTED"),
        (429, gzip.compress(b"x" * 2**24), "UPSTREAM_RATE_LIMITED"),
    ],
    ids=["gzip", "deflate", "cut", "another way", "a bomb"],
)
async def test_an_error_that_was_compressed(status: int, body: bytes, reason: str) -> None:
    """Its status holds, whatever can be read of the rest."""
    headers = head(status, content_type=JSON, content_encoding="gzip", retry_after="9")
    async with Upstream(plays(Wire("", (headers, chunk(body), LAST_CHUNK)))) as upstream, rig(upstream.url) as r:
        failure = await calls.chat_failure(r.stub, calls.request("up/m"))
        assert (failure.reason, failure.info.metadata["upstream_status"]) == (reason, str(status))
        if failure.retry is not None:
            assert (reason, failure.retry.retry_delay.seconds) == ("UPSTREAM_RATE_LIMITED", 9)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
async def test_answer_in_one_piece(wire: Wire) -> None:
    async with Upstream(plays(wire)) as upstream, rig(upstream.url) as r:
        if not wire.reason:
            response = await r.stub.Chat(calls.request("up/m"), timeout=3)
            assert response.message.content[0].text.text == "Hello"
        else:
            check(wire, await calls.chat_failure(r.stub, calls.request("up/m"), timeout=3))


def check(wire: Wire, failure: calls.Failure) -> None:
    said = failure.info.metadata
    if wire.interrupted:
        assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "STREAM_INTERRUPTED")
        assert said["cause"] == f"ERROR_REASON_{wire.reason}"
        assert (said["events_sent"], said["input_tokens"]) == ("3", "3")
        # How long the answer is, Anthropic says at its end.
        assert "output_tokens" not in said
        assert failure.retry is None
    else:
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, wire.reason)
        assert failure.retry is not None


COUNTS = (
    bad("hangs up", UNREACHABLE, FIN),
    bad("not HTTP", PROTOCOL, b"SSH-2.0-OpenSSH_9.2\r\n"),
    bad("HTML", PROTOCOL, head(content_type="text/html"), chunk(HTML), LAST_CHUNK),
    bad("no number", PROTOCOL, head(content_type=JSON), chunk(b'{"input_tokens":"many"}'), LAST_CHUNK),
    bad("cut", UNREACHABLE, head(content_type=JSON), chunk(b'{"input_'), PAUSE, FIN),
    bad("a failure", "UPSTREAM_ERROR", head(502, content_type="text/html"), chunk(HTML), LAST_CHUNK),
    bad("a failure that is cut", "UPSTREAM_ERROR", head(502, content_type="text/html"), chunk(HTML), PAUSE, RST),
)


@pytest.mark.parametrize("wire", COUNTS, ids=lambda wire: wire.name)
async def test_count(wire: Wire) -> None:
    async with Upstream(plays(wire)) as upstream, rig(upstream.url) as r:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await r.stub.CountTokens(chat_service_pb2.CountTokensRequest(input=calls.chat_input("up/m")), timeout=3)
        check(wire, calls.failure(caught.value))
        upstream.script = answer
        await r.serves()


@pytest.mark.parametrize("wire", COUNTS, ids=lambda wire: wire.name)
async def test_maximum_that_cannot_be_looked_up(wire: Wire) -> None:
    asked = calls.request("up/m")
    asked.input.ClearField("generation")
    async with Upstream(plays(wire)) as upstream, rig(upstream.url) as r:
        failure = await calls.chat_failure(r.stub, asked, timeout=3)
        if wire.reason == PROTOCOL:
            # The provider does not tell; then it is for the caller to say a number.
            assert (failure.reason, failure.fields) == ("INVALID_REQUEST", ["input.generation.max_output_tokens"])
        else:
            check(wire, failure)
        upstream.script = answer
        await r.serves()
