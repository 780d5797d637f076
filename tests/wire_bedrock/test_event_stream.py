"""The framing of AWS's event stream, beside botocore's own."""

from __future__ import annotations

import base64
import json
import zlib
from itertools import pairwise

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from trunkline_service.upstream.event_stream import EventStreamDecoder
from trunkline_service.upstream.framing import Frame, FrameTooLarge, FramingError
from wire.bounded import bounded
from wire_bedrock.aws import chunk, exception, message, raw

EVENTS = [{"type": "message_start", "é": "\u2028"}, {"type": "ping"}, {"type": "x", "long": "y" * 3000}]
BODY = b"".join(
    [
        *map(chunk, EVENTS),
        exception("throttlingException", message="Slow down"),
        message(b"{}", event_type="something-new", message_type="event"),
        message(b"", error_code="InternalError", error_message="m", message_type="error"),
        chunk({"type": "last"}),
    ]
)


def read(*pieces: bytes, limit: int = 2**20) -> tuple[list[Frame], FramingError | None]:
    framing, frames = EventStreamDecoder(limit), []
    try:
        for piece in pieces:
            frames += framing.feed(piece)
        frames += framing.finish()
    except FramingError as error:
        return frames, error
    return frames, None


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    return [body[a:b] for a, b in pairwise([0, *sorted(cuts), len(body)])]


def test_frames_are_the_events_and_what_went_wrong() -> None:
    frames, error = read(BODY)
    assert error is None
    assert frames[:3] == [Frame(b"", json.dumps(event).encode()) for event in EVENTS]
    assert frames[3:] == [
        Frame(b"exception:throttlingException", b'{"message": "Slow down"}'),
        Frame(b"something-new", b"{}"),
        Frame(b"exception:InternalError", b'{"message":"m"}'),
        Frame(b"", b'{"type": "last"}'),
    ]


def test_botocore_reads_the_same() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(BODY)
    theirs = list(buffer)
    frames, _ = read(BODY)
    assert len(theirs) == len(frames)
    for their, own in zip(theirs, frames, strict=True):
        headers = their.headers
        if headers.get(":event-type") == "chunk":
            assert own == Frame(b"", base64.b64decode(json.loads(their.payload)["bytes"]))
        else:
            name = headers.get(":exception-type") or headers.get(":error-code") or headers[":event-type"]
            assert own.event.decode().removeprefix("exception:") == name
            # An error says what it is in a header, and only there.
            assert own.data == (their.payload or b'{"message":"m"}')


@bounded(80)
@given(st.lists(st.integers(0, len(BODY)), max_size=30))
def test_any_split_gives_the_same_frames(cuts: list[int]) -> None:
    assert read(*pieces(BODY, cuts)) == read(BODY)


def test_byte_by_byte() -> None:
    assert read(*(BODY[at : at + 1] for at in range(len(BODY)))) == read(BODY)


def test_a_cut_gives_the_whole_messages_before_it() -> None:
    body = b"".join(map(chunk, [{"n": 1}, {"n": 2}]))
    for at in range(len(body)):
        frames, error = read(body[:at])
        assert error is None
        assert len(frames) == (at >= len(chunk({"n": 1})))


def test_every_flipped_bit_is_seen() -> None:
    """Whole messages before it come through, whatever the reads; nothing behind it does."""
    first, second = chunk({"n": 1}), chunk({"n": 2})
    for at in range(len(first), len(first) + len(second)):
        for bit in range(8):
            body = bytearray(first + second + first)
            body[at] ^= 1 << bit
            for cut in (at, len(body)):
                frames, error = read(bytes(body[:cut]), bytes(body[cut:]))
                assert frames == [Frame(b"", b'{"n": 1}')]
                assert isinstance(error, FramingError)
                assert not isinstance(error, FrameTooLarge)


HEADERS: dict[str, bytes] = {
    "no kind": b"",
    "a kind that is none": b"\x0d:message-type\x07\x00\x03odd",
    "a name cut short": b"\x20:message-type",
    "a value cut short": b"\x0d:message-type\x07\x00\x10event",
    "a length cut short": b"\x0d:message-type\x07\x00",
    "a type that is none": b"\x0d:message-type\x0a\x00",
}


@pytest.mark.parametrize("head", HEADERS.values(), ids=HEADERS)
def test_headers_that_are_none(head: bytes) -> None:
    frames, error = read(raw(head, b"{}"))
    assert (frames, isinstance(error, FramingError)) == ([], True)


def test_headers_of_every_type() -> None:
    others = [
        b"\x00",
        b"\x01",
        b"\x02a",
        b"\x03ab",
        b"\x04abcd",
        b"\x05abcdefgh",
        b"\x06\x00\x03abc",
        b"\x08abcdefgh",
        b"\x09" + b"u" * 16,
    ]
    head = b"".join(b"\x01" + bytes([97 + number]) + other for number, other in enumerate(others))
    kind = b"\x0d:message-type\x07\x00\x05event\x0b:event-type\x07\x00\x05chunk"
    assert read(raw(head + kind, b'{"bytes":"e30="}')) == ([Frame(b"", b"{}")], None)
    buffer = EventStreamBuffer()
    buffer.add_data(raw(head + kind, b""))
    assert len(next(buffer).headers) == len(others) + 2


CHUNKS = [b"", b"{}", b"[]", b'{"bytes":1}', b'{"bytes":"%"}', b'{"bytes":null}', b'"bytes"', b"\xff", b"[" * 5000]


@pytest.mark.parametrize("payload", CHUNKS)
def test_chunks_without_an_event(payload: bytes) -> None:
    frames, error = read(message(payload, event_type="chunk", message_type="event"))
    assert (frames, type(error)) == ([], FramingError)


def test_a_message_too_large_is_refused_by_its_head() -> None:
    body = chunk({"long": "x" * 5000})
    assert len(read(body, limit=len(body))[0]) == 1
    frames, error = read(chunk({"n": 1}) + body[:12], limit=len(body) - 1)
    assert len(frames) == 1
    assert isinstance(error, FrameTooLarge)


def test_lengths_that_contradict_each_other() -> None:
    for total, headers in ((0, 0), (15, 0), (20, 5), (16, 2**32 - 1)):
        lengths = total.to_bytes(4, "big") + headers.to_bytes(4, "big")
        head = lengths + zlib.crc32(lengths).to_bytes(4, "big")
        assert type(read(head + b"\0" * 100)[1]) is FramingError


@bounded(300)
@given(st.binary(max_size=200), st.integers(0, len(BODY)))
def test_arbitrary_bytes_end_in_an_error_or_nothing(noise: bytes, at: int) -> None:
    frames, error = read(BODY[:at] + noise + BODY[at:])
    assert error is not None or frames == read(BODY)[0][: len(frames)]
    frames, _ = read(noise)
    assert frames == []


def test_after_an_error_nothing_comes() -> None:
    framing = EventStreamDecoder()
    with pytest.raises(FramingError):
        framing.feed(b"\0" * 12)
    for _ in range(2):
        with pytest.raises(FramingError):
            framing.feed(chunk({"n": 1}))
        with pytest.raises(FramingError):
            framing.finish()
