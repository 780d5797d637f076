"""Streams with something particular in them: odd text, broken format, what comes before and after an answer."""

from __future__ import annotations

import json
import time

import pytest

from trunkline_service.providers.anthropic.blocks_out import MAX_CITATIONS
from wire.decoding import (
    PING,
    STOP,
    Json,
    answer,
    block,
    block_start,
    block_stop,
    delta,
    grammar,
    message_delta,
    play,
    sse,
    start,
    text_block,
    text_delta,
    tool_block,
)

ALMOST = [start(), *text_block("a"), message_delta()]

# What the deltas of a text hold between their quotes, and what that reads.
TEXTS: dict[str, tuple[list[str], str]] = {
    "separators": (["a\u2028b", "\u2029\u0085", "\\u2028"], "a\u2028b\u2029\u0085\u2028"),
    "a pair in one": (["\\ud83d\\ude00"], "😀"),
    "a pair in two": (["a\\ud83d", "\\ude00b"], "a😀b"),
    "a pair in upper case": (["a\\uD83D", "\\uDE00b"], "a😀b"),
    "a pair in two, with nothing between": (["a\\ud83d", "", "\\ude00b"], "a😀b"),
    "pairs in a row": (["\\ud83d", "\\ude00\\ud83d", "\\ude00"], "😀😀"),
    "half at the end": (["a", "b\\ud83d"], "ab\ufffd"),
    "half in the middle": (["a\\ud83d", "b"], "a\ufffdb"),
    "the wrong half": (["a\\ude00", "b"], "a\ufffdb"),
    "two first halves": (["\\ud83d\\ud83d", "\\ude00"], "\ufffd😀"),
    "the two halves turned around": (["\\ude00", "\\ud83d"], "\ufffd\ufffd"),
    "what only looks like half": (["\\\\ud83d", "x"], "\\ud83dx"),
    "an escape": (["\\", ""], ""),
    "controls": (["\\u0000\\u001f", "\x7f"], "\0\x1f\x7f"),
    "nothing": (["", ""], ""),
}  # fmt: skip


def raw_delta(kind: str, member: str, text: str) -> bytes:
    data = f'{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}","{member}":"{text}"}}}}'
    return b"data: " + data.encode() + b"\n\n"


@pytest.mark.parametrize(("kind", "member"), [("text", "text"), ("thinking", "thinking")])
@pytest.mark.parametrize(("pieces", "expected"), TEXTS.values(), ids=TEXTS)
def test_text(kind: str, member: str, pieces: list[str], expected: str) -> None:
    deltas = [raw_delta(f"{kind}_delta", member, piece) for piece in pieces]
    played = play(answer(*block({"type": kind, member: ""}, *deltas)))
    if pieces[0] == "\\":
        assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
        return
    assert played.succeeded
    grammar(played.kinds)
    [content] = played.response.message.content
    assert getattr(content, kind).text == expected
    assert not content.opaque_deltas


def test_halves_of_two_blocks_do_not_meet() -> None:
    first = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}\n\n'
    second = first.replace(b'"index":0', b'"index":1').replace(b"d83d", b"de00")
    blocks = [block_start({"type": "text", "text": ""}, index) for index in (0, 1)]
    played = play(answer(*blocks, first, second, block_stop(0), block_stop(1)))
    assert [content.text.text for content in played.response.message.content] == ["\ufffd", "\ufffd"]


ARGUMENTS = {
    "split in an escape": ['{"a": "\\u00', "e9", '"}'],
    "split between the halves of an escaped pair": ['{"a": "\\ud83d', '\\ude00"}'],
    "split after a backslash": ['{"a": "\\', '"', '"}'],
    "split in a number": ['{"a": 1', "2345678901234567890.", "0e1", "}"],
    "split in a character": ['{"a": "\ud83d', '\ude00"}'],
    "empty pieces": ["", '{"a"', "", ": {}}", ""],
    "half a pair, escaped": ['{"a": "\\ud83d"}'],
}  # fmt: skip


@pytest.mark.parametrize("pieces", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_are_the_pieces_in_a_row(pieces: list[str]) -> None:
    body = b"".join(
        event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n"
        for event in [start(), *tool_block(*pieces), message_delta("tool_use"), STOP]
    )
    played = play(body)
    assert played.succeeded
    text = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    assert played.response.message.content[0].tool_use.input_json == text
    assert not played.response.completion.warnings


def test_half_pairs_by_the_million_take_no_time() -> None:
    deltas = [raw_delta("text_delta", "text", "\\ud83d" * 1_000_000)]
    body = answer(*block({"type": "text", "text": ""}, *deltas))
    began = time.process_time()
    played = play(body)
    assert time.process_time() - began < 1.5
    assert played.response.message.content[0].text.text == "\ufffd" * 1_000_000


@pytest.mark.parametrize("count", [MAX_CITATIONS, MAX_CITATIONS + 1])
def test_citations_have_an_end(count: int) -> None:
    played = play(answer(*block({"type": "text", "text": "", "citations": [{"type": "x"}] * count})))
    if count > MAX_CITATIONS:
        assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
    else:
        assert len(played.response.message.content[0].text.citations) == count


TEXT = {"type": "text", "text": ""}
# What comes after the start of an answer, and what that is.
BROKEN: dict[str, tuple[list[Json | bytes], str]] = {
    "no JSON": ([b"data: Oops\n\n"], "UPSTREAM_PROTOCOL_ERROR"),
    "a list": ([b"data: []\n\n"], "UPSTREAM_PROTOCOL_ERROR"),
    "the mark of another API": ([b"data: [DONE]\n\n"], "UPSTREAM_PROTOCOL_ERROR"),
    "no UTF-8": ([b'data: {"type":"x","a":"\xff"}\n\n'], "UPSTREAM_PROTOCOL_ERROR"),
    "a name that is no UTF-8": ([b"event: \xff\ndata: {}\n\n"], "UPSTREAM_PROTOCOL_ERROR"),
    "no UTF-8 in usage": (
        [b'data: {"type":"message_delta","usage":{"speed":"\xff"}}\n\n', STOP],
        "UPSTREAM_PROTOCOL_ERROR",
    ),
    "no UTF-8 in a summary": (
        [
            block_start({"type": "compaction"}),
            b'data: {"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"\xff"}}\n\n',
            block_stop(),
        ],
        "UPSTREAM_PROTOCOL_ERROR",
    ),
    "an answer within": ([start()], "UPSTREAM_PROTOCOL_ERROR"),
    "a delta without its block": ([text_delta("a")], "UPSTREAM_PROTOCOL_ERROR"),
    "a delta after its block": ([*text_block("a"), text_delta("a")], "UPSTREAM_PROTOCOL_ERROR"),
    "a delta without a number": ([block_start(TEXT), delta("x") | {"index": None}], "UPSTREAM_PROTOCOL_ERROR"),
    "a delta that is none": (
        [block_start(TEXT), b'data: {"type":"content_block_delta","index":0,"delta":"\\ud800"}\n\n'],
        "UPSTREAM_PROTOCOL_ERROR",
    ),
    "half a pair in the name of a member": (
        [block_start(TEXT), b'data: {"type":"content_block_delta","index":0,"delta":{"\\ud800":1}}\n\n'],
        "UPSTREAM_PROTOCOL_ERROR",
    ),
    "an end without its block": ([block_stop(3)], "UPSTREAM_PROTOCOL_ERROR"),
    "a block that begins twice": ([block_start(TEXT), block_start(TEXT)], "UPSTREAM_PROTOCOL_ERROR"),
    "a block without content": ([{"type": "content_block_start", "index": 0}], "UPSTREAM_PROTOCOL_ERROR"),
    "a block that is a word": ([block_start("text")], "UPSTREAM_PROTOCOL_ERROR"),  # type: ignore[arg-type]
    "a block that never ends": ([block_start(TEXT), text_delta("a"), message_delta(), STOP], "UPSTREAM_PROTOCOL_ERROR"),
    "usage that is a number": ([{"type": "message_delta", "delta": {}, "usage": 5}], "UPSTREAM_PROTOCOL_ERROR"),
    "an error": ([{"type": "error", "error": {"type": "overloaded_error"}}], "UPSTREAM_OVERLOADED"),
    "an error by its name only": ([b"event: error\ndata: {}\n\n"], "UPSTREAM_ERROR"),
    "an error in plain words": ([b"event: error\ndata: upstream connect error\n\n"], "UPSTREAM_ERROR"),
    "an error by its type only": (
        [b'data: {"type":"error","error":{"type":"rate_limit_error","message":"x"}}\n\n'],
        "UPSTREAM_RATE_LIMITED",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("after", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_never_succeeds(after: list[Json | bytes], reason: str) -> None:
    for body in (sse(start(), *after), sse(start(), *after, *ALMOST[1:], STOP)):
        played = play(body)
        assert played.reason == reason
        assert not played.complete
        grammar(played.kinds)
        assert played.failure is not None
        assert "Oops" not in played.failure.message
        assert "connect" not in played.failure.message


@pytest.mark.parametrize("before", [text_delta("a"), block_stop(), block_start(TEXT), STOP, b"data: <html>\n\n"])
def test_nothing_comes_before_the_start(before: Json | bytes) -> None:
    played = play(sse(before, *ALMOST, STOP))
    assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
    assert played.events == []


AFTER: list[Json | bytes] = [
    STOP, start(), text_delta("a"), {"type": "afterthought"}, PING, b"data: [DONE]\n\n", b"\xff\n\n",
    {"type": "error", "error": {"type": "api_error", "message": "too late"}}, b"event: error\ndata: x\n\n", b"data: {",
    message_delta(None),
]  # fmt: skip


@pytest.mark.parametrize("after", AFTER)
def test_what_comes_after_the_end_mark_is_no_part_of_the_answer(after: Json | bytes) -> None:
    """It would not be waited for, so it makes no difference either if the same read brought it."""
    whole = sse(*ALMOST, STOP)
    more = sse(after)
    expected = play(whole).serialized()
    assert play(whole + more).serialized() == expected
    assert play(whole, more).serialized() == expected
    assert play(sse(*ALMOST, STOP | {"usage": None}, after)).serialized() == expected


NULLS: dict[str, list[Json | bytes]] = {
    "usage at the beginning": [start(usage=None), *text_block("a"), message_delta(), STOP],
    "usage at the end": [start(), *text_block("a"), message_delta() | {"usage": None}, STOP],
    "a caller": [start(), *tool_block("{}", caller=None), message_delta(), STOP],
    "citations": [start(), *block({"type": "text", "text": "a", "citations": None}), message_delta(), STOP],
    "a cache mark": [start(), *block({"type": "text", "text": "a", "cache_control": None}), message_delta(), STOP],
    "details": [start(stop_details=None), *text_block("a"), message_delta(stop_details=None), STOP],
}


@pytest.mark.parametrize("events", NULLS.values(), ids=NULLS)
def test_what_is_null_is_as_if_it_were_absent(events: list[Json | bytes]) -> None:
    played = play(sse(*events))
    assert played.succeeded
    assert not played.response.message.content[0].provider_fields_json
    assert not played.response.completion.provider_fields_json


@pytest.mark.parametrize("order", [[5, 2], [2**31 - 1, 0], [1, 0]])
def test_blocks_are_numbered_from_0_whatever_the_provider_calls_them(order: list[int]) -> None:
    played = play(answer(*(event for number in order for event in text_block("a", index=number))))
    assert played.succeeded
    starts = [event.block_start.index for event in played.events if event.HasField("block_start")]
    ends = [event.block_end.index for event in played.events if event.HasField("block_end")]
    assert starts == ends == [0, 1]
