"""What stands between the events of a stream, and is none."""

from __future__ import annotations

import json

import pytest

from wire_gemini.decoding import chunk, error, play, sse, text

BARE = json.dumps(error(503, "UNAVAILABLE"), indent=2).encode()
BEFORE = [
    b"",
    sse(chunk(text("a"))),
    sse(chunk(text("a")), chunk(text("b"), finish="STOP")),
    sse(chunk(text("a"), finish="STOP"), newline=b"\n").rstrip(b"\n") + b"\n",
]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(
    "tail", [b",\n" + BARE + b"\n]", b",\r\n" + BARE + b"\r\n]\r\n", b"," + BARE, b",\n\n" + BARE, BARE + b"\n]\n"]
)
def test_an_error_as_an_item_of_a_list_is_found(before: bytes, tail: bytes) -> None:
    body = before + tail
    for played in (play(body), play(*(body[at : at + 1] for at in range(len(body))))):
        assert played.reason == "UPSTREAM_OVERLOADED"
        assert "completion" not in played.kinds


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(
    "tail",
    [
        b"Internal Server Error", b"Internal Server Error\n", b"<html>\n\n<body>502</body>\n\n</html>\n",
        b"upstream connect error or disconnect/reset before headers. reset reason: overflow", b"]\n", b"\xff\n",
    ],
)  # fmt: skip
def test_text_between_events_breaks_the_format(before: bytes, tail: bytes) -> None:
    for ending in (b"", b"\n\n", b"\n\n" + sse(chunk(text("b"), finish="STOP"))):
        played = play(before + tail + ending)
        assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
        assert "completion" not in played.kinds


@pytest.mark.parametrize("cut", [b",", b",\n{", b",\n" + BARE[:-2], BARE[:9], b"d", b"dat", b"data", b"data: {"])
def test_what_is_cut_behind_the_reason_of_the_end_is_no_success(cut: bytes) -> None:
    played = play(sse(chunk(text("a"), finish="STOP")) + cut)
    assert played.reason == "UPSTREAM_UNREACHABLE"


def test_comments_and_unknown_fields_are_ignored() -> None:
    body = sse(b": ping\n\n", b"retry: 5\n\n", chunk(text("a")), b"x-more: 1\n\n", b":\n\n", b" \n\n")
    assert play(body + sse(chunk(text("b"), finish="STOP"))).succeeded
