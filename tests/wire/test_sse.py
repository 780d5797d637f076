"""The framing of server-sent events, against a naive implementation of the standard, and against abuse."""

from __future__ import annotations

import re
import time
import tracemalloc
from itertools import cycle, islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline_service.upstream.framing import Frame, FrameTooLarge, FramingError
from trunkline_service.upstream.sse import MAX_LINES, SseDecoder
from wire.bounded import bounded
from wire.corpus import corpus

BOM = b"\xef\xbb\xbf"
TOKENS = [
    b"data", b"event", b"id", b"retry", b"x", b":", b":", b" ", b"  ", b"\n", b"\n", b"\r", b"\r\n", b"\n\n", b"{}",
    "\u2028".encode(), "\u2029".encode(), "\u0085".encode(), b"\x0b", b"\x0c", b"\x1c", b"\0", BOM, b"\xff", b"data: ",
    b"event: ", b"\ndata: ", b"\nevent: ",
]  # fmt: skip


def naive(body: bytes) -> list[Frame]:
    """The standard, section 9.2.6, line by line; but an event that the end of the body cuts short is kept."""
    frames = []
    event = b""
    data: list[bytes] = []
    for line in [*re.split(rb"\r\n|\n|\r", body.removeprefix(BOM)), b""]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                frames.append(Frame(event, b"\n".join(data)))
            event, data = b"", []
        elif name == b"data":
            data.append(value)
        elif name == b"event":
            event = value
    return frames


def frames(*pieces: bytes) -> list[Frame]:
    decoder = SseDecoder()
    return [*(frame for piece in pieces for frame in decoder.feed(piece)), *decoder.finish()]


@st.composite
def split(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> list[bytes]:
    """A body in pieces, of which some may be empty."""
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    return [body[a:b] for a, b in pairwise([0, *cuts, len(body)])]


@bounded(300)
@given(split(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)))
def test_any_bytes_in_any_pieces_are_what_the_standard_says(pieces: list[bytes]) -> None:
    assert frames(*pieces) == naive(b"".join(pieces))


@bounded(200)
@given(split(st.binary(max_size=200)))
def test_any_bytes_are_framed(pieces: list[bytes]) -> None:
    assert frames(*pieces) == naive(b"".join(pieces))


CASES = {
    "two lines of data": (b"data: a\ndata:  b\ndata\n\n", [Frame(b"", b"a\n b\n")]),
    "a name without data": (b"event: x\n\ndata: a\n\n", [Frame(b"", b"a")]),
    "a name that is taken back": (b"event: x\nevent\ndata: a\n\n", [Frame(b"", b"a")]),
    "comments and other fields": (b": c\nid: 1\nretry: 2\ndatax: 3\ndata:a\n\n", [Frame(b"", b"a")]),
    "no final blank line": (b"data: a\n\nevent: e\ndata: b\n", [Frame(b"", b"a"), Frame(b"e", b"b")]),
    "no final newline": (b"data: a", [Frame(b"", b"a")]),
    "a mark of byte order": (BOM + b"event: e\ndata: b\n\n", [Frame(b"e", b"b")]),
    "only the first mark": (BOM + BOM + b"data: b\n\ndata: c\n\n", [Frame(b"", b"c")]),
    "part of a mark": (b"\xef\xbbdata: b\n\n", []),
    "CR": (b"event: e\rdata: a\r\rdata: b\r\r", [Frame(b"e", b"a"), Frame(b"", b"b")]),
    "all three": (b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\n\r", [Frame(b"", b"a\nb\nc"), Frame(b"", b"d")]),
    "other separators": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
        [Frame(b"", "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode())],
    ),
}


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_cases(body: bytes, expected: list[Frame]) -> None:
    assert naive(body) == expected
    assert frames(body) == expected
    assert frames(*(bytes([byte]) for byte in body)) == expected
    for at in range(len(body)):
        assert frames(body[:at], b"", body[at:]) == expected


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("name", corpus())
def test_newlines_make_no_difference(name: str, newline: bytes) -> None:
    body = corpus()[name]
    changed = body.replace(b"\n", newline)
    expected = frames(body)
    assert frames(changed) == expected
    for size in (1, 2, 3, 5, 64):
        assert frames(*(changed[at : at + size] for at in range(0, len(changed), size))) == expected


ENDLESS = {
    "a line": b"x",
    "lines of data": b"data: x\n",
    "comments": b": x\n",
    "CR": b"data: x\r",
    "names": b"event: x\r\n",
}


@pytest.mark.parametrize("unit", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_an_endless_event_is_given_up_in_bounded_memory(unit: bytes, size: int) -> None:
    limit = 2**14
    decoder = SseDecoder(max_event_bytes=limit)
    source = bytes(islice(cycle(unit), 2 * limit))
    tracemalloc.start()
    try:
        # No two pieces are the same object, as those that a network brings are not.
        with pytest.raises(FrameTooLarge, match=str(limit)):
            assert not any(decoder.feed(source[at : at + size]) for at in range(0, len(source), size))
        assert tracemalloc.get_traced_memory()[1] < 3 * limit
    finally:
        tracemalloc.stop()


def seconds(body: bytes, size: int) -> float:
    best = float("inf")
    for _ in range(2):
        decoder = SseDecoder()
        began = time.process_time()
        for at in range(0, len(body), size):
            decoder.feed(body[at : at + size])
        decoder.finish()
        best = min(best, time.process_time() - began)
    return best


SHAPES = {
    "one event": (b"data: " + b"x" * 4_000_000 + b"\n\n", 512),
    "one event of many lines, in CRLF": (b"data: x\r\n" * 100_000 + b"\r\n", 1024),
    "many events": (b"data: x\n\n" * 50_000, 65536),
    "many events in tiny pieces": (b"data: x\n\n" * 20_000, 3),
    "blank lines": (b"\n" * 200_000, 1000),
}


@pytest.mark.parametrize(("body", "size"), SHAPES.values(), ids=SHAPES)
def test_time_is_linear(body: bytes, size: int) -> None:
    """Twice the bytes take about twice the time; quadratic work would take four times."""
    half = seconds(body[: len(body) // 2], size)
    assert seconds(body, size) < 3 * half + 0.1


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_an_event_that_is_too_large_is_so_however_it_comes(pieces: int) -> None:
    def feed(size: int) -> list[Frame]:
        data = b"data: " + b"x" * size + b"\n\n"
        step = -(-len(data) // pieces)
        decoder = SseDecoder(1000)
        return [frame for at in range(0, len(data), step) for frame in decoder.feed(data[at : at + step])]

    assert len(feed(994)) == 1
    with pytest.raises(FrameTooLarge):
        feed(995)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_an_event_of_too_many_lines_is_none(newline: bytes) -> None:
    def feed(lines: int) -> list[Frame]:
        return SseDecoder().feed((b"data:" + newline) * lines + newline)

    assert feed(MAX_LINES) == [Frame(b"", b"\n" * (MAX_LINES - 1))]
    with pytest.raises(FramingError, match=str(MAX_LINES)):
        feed(MAX_LINES + 1)
