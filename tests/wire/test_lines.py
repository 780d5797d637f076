"""The framing of JSON Lines: cut anywhere, it gives the same lines, and it holds no more than it may."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline_service.upstream.framing import Frame, FrameTooLarge
from trunkline_service.upstream.lines import LineDecoder
from wire.bounded import bounded

LIMIT = 16
TOKENS = [
    b"{}",
    b'{"a": 1}',
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    "\u2028\u0085".encode(),
    b"x" * 9,
]
BODIES = st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)


@st.composite
def split(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> list[bytes]:
    """A body in pieces, of which some may be empty."""
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    return [body[a:b] for a, b in pairwise([0, *cuts, len(body)])]


def lines(pieces: list[bytes], limit: int = 2**20) -> list[bytes]:
    decoder = LineDecoder(limit)
    frames = [*(frame for piece in pieces for frame in decoder.feed(piece)), *decoder.finish()]
    assert all(frame == Frame(b"", frame.data) for frame in frames)
    return [frame.data for frame in frames]


@bounded(300)
@given(split(BODIES | st.binary(max_size=200)))
def test_any_split_gives_the_same_lines(pieces: list[bytes]) -> None:
    assert lines(pieces) == [line for each in b"".join(pieces).split(b"\n") if (line := each.strip())]


@bounded(300)
@given(split(BODIES))
def test_any_split_finds_the_same_lines_too_large(pieces: list[bytes]) -> None:
    too_large = any(len(line) > LIMIT for line in b"".join(pieces).split(b"\n"))
    if not too_large:
        assert lines(pieces, LIMIT) == lines(pieces)
        return
    with pytest.raises(FrameTooLarge):
        lines(pieces, LIMIT)


def test_a_line_without_end_is_not_held() -> None:
    decoder = LineDecoder(LIMIT)
    for _ in range(LIMIT // 8):
        assert decoder.feed(b"x" * 8) == []
    with pytest.raises(FrameTooLarge):
        decoder.feed(b"x")


def test_a_line_in_many_pieces_takes_no_longer_than_in_one() -> None:
    """Each of them must not copy what came before."""
    decoder = LineDecoder(2**20)
    for _ in range(200_000):
        decoder.feed(b"x")
    assert [len(frame.data) for frame in decoder.finish()] == [200_000]
