"""Where nobody asks for each delta, those that come together are told as one; and the long way to read events."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1.chat_service_pb2 import ChatEvent, StreamChatResponse
from trunkline_service.providers.anthropic import events
from trunkline_service.rpc.writing import stream_chat_response
from wire.bounded import bounded
from wire.corpus import corpus
from wire.decoding import (
    PING,
    answer,
    block,
    block_start,
    block_stop,
    delta,
    message_delta,
    play,
    sse,
    start,
    text_block,
    text_delta,
    tool_block,
)


def texts(played_events: list[ChatEvent]) -> list[str]:
    return [event.block_delta.text for event in played_events if event.HasField("block_delta")]


def test_deltas_of_one_read_are_one_event() -> None:
    played = play(answer(*text_block("How ", "are ", "you", "?")), joins=True)
    assert texts(played.events) == ["How are you?"]
    assert played.joined == 3


def test_those_of_different_reads_are_not() -> None:
    whole = answer(*text_block("How ", "are ", "you", "?"))
    at = whole.index(b"you") + 6
    assert texts(play(whole[:at], whole[at:], joins=True).events) == ["How are ", "you?"]


def test_keep_alives_between_them_make_no_difference() -> None:
    body = answer(block_start({"type": "text", "text": ""}), text_delta("a"), PING, text_delta("b"), block_stop())
    assert texts(play(body, joins=True).events) == ["ab"]


def test_order_is_kept_among_blocks_that_are_open_at_once() -> None:
    opened = [block_start({"type": "text", "text": ""}, index) for index in (0, 1)]
    deltas = [text_delta("a", 0), text_delta("b", 0), text_delta("c", 1), text_delta("d", 0)]
    body = answer(*opened, *deltas, block_stop(0), block_stop(1))
    assert texts(play(body, joins=True).events) == ["ab", "c", "d"]


def test_what_comes_between_deltas_stays_between_them() -> None:
    thought = block(
        {"type": "thinking", "thinking": ""},
        delta("thinking_delta", thinking="a"),
        delta("thinking_delta", thinking="b"),
        delta("signature_delta", signature="s"),
        delta("thinking_delta", thinking="c"),
    )
    found = [event.block_delta.WhichOneof("delta") for event in play(answer(*thought), joins=True).events]
    assert [kind for kind in found if kind] == ["thinking", "signature", "thinking"]


def test_arguments_are_joined_and_still_checked() -> None:
    played = play(answer(*tool_block('{"a"', ": 1", "}", "}"), stop_reason="tool_use"), joins=True)
    assert [event.block_delta.input_json for event in played.events if event.HasField("block_delta")] == ['{"a": 1}}']
    assert len(played.response.completion.warnings) == 1


@pytest.mark.parametrize("name", sorted(corpus()))
def test_the_long_way_says_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that hold something new are read member by member, as all of them are here."""
    body = corpus()[name]
    expected = play(body).serialized()
    monkeypatch.setattr(events, "frequent", msgspec.json.Decoder(events.Ping))
    assert play(body).serialized() == expected


@pytest.mark.parametrize(
    "beside",
    [
        message_delta(stop_reason=None),
        message_delta() | {"delta": {"stop_reason": "end_turn"}},
        message_delta() | {"delta": {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None}},
        message_delta() | {"usage": None},
        message_delta() | {"usage": 5},
        message_delta() | {"usage": []},
        start(),
        start(usage=5),
        block_start({"type": "text", "text": ""}, index=-1),
        block_start({"type": "thinking", "thinking": "t", "signature": None}, index=3),
        block_start({"type": "thinking", "thinking": "t", "signature": "s"}, index=3),
    ],
    ids=lambda event: str(event)[:60],
)
def test_nor_does_it_where_they_are_odd(beside: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    body = answer(*text_block("a"), beside)
    expected = play(body).serialized()
    monkeypatch.setattr(events, "frequent", msgspec.json.Decoder(events.Ping))
    assert play(body).serialized() == expected


NO_TEXT = b'{"input_tokens": 10, "output_tokens": 1, "zz": "\xff"}'


@pytest.mark.parametrize("joins", [False, True])
@pytest.mark.parametrize("place", [b'{"input_tokens": 10, "output_tokens": 1}', b'{"output_tokens": 5}'])
def test_a_usage_that_is_no_text(place: bytes, joins: bool) -> None:
    played = play(answer(*text_block("a")).replace(place, NO_TEXT), joins=joins)
    assert (played.reason, played.complete) == ("UPSTREAM_PROTOCOL_ERROR", False)


def test_an_event_that_is_named_an_error_is_one() -> None:
    body = answer(*text_block("a")).replace(b"event: message_delta", b"event: error")
    assert play(body).reason == "UPSTREAM_ERROR"


def test_an_end_that_was_told_before_the_message_began_is_none() -> None:
    first = sse(message_delta())
    whole = answer(*text_block("a"))
    without = whole.replace(sse(message_delta()), b"")
    assert play(first + without).reason == "UPSTREAM_PROTOCOL_ERROR"
    assert play(first + whole).succeeded


@pytest.mark.parametrize(
    "block", [{"type": "text", "text": ""}, {"type": "tool_use", "id": "t", "name": "n", "input": {}}]
)
def test_an_index_that_is_none(block: dict[str, object]) -> None:
    assert play(answer(block_start(block, 10**12))).reason == "UPSTREAM_PROTOCOL_ERROR"


@pytest.mark.parametrize("usage", [5, [], "many"])
def test_a_message_that_begins_with_a_usage_that_is_none(usage: object, monkeypatch: pytest.MonkeyPatch) -> None:
    body = answer(*text_block("a")).replace(b'{"input_tokens": 10, "output_tokens": 1}', msgspec.json.encode(usage))
    expected = play(body)
    assert expected.reason == "UPSTREAM_PROTOCOL_ERROR"
    monkeypatch.setattr(events, "frequent", msgspec.json.Decoder(events.Ping))
    assert play(body).serialized() == expected.serialized()


sizes = st.sampled_from((0, 1, 100, 119, 120, 121, 122, 123, 124, 125, 16_370, 16_375, 16_380, 16_384, 3_000_000))


@bounded(60)
@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), sizes), max_size=4))
def test_events_are_written_as_the_message_around_them_would_be(shapes: list[tuple[int, int]]) -> None:
    told = [ChatEvent() for _ in shapes]
    for event, (index, size) in zip(told, shapes, strict=True):
        event.block_delta.index = index
        event.block_delta.text = "é" * (size // 2) + "x" * (size % 2)
    assert stream_chat_response(told) == StreamChatResponse(events=told).SerializeToString()
