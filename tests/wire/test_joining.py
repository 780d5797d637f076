"""Where nobody asks for each delta, those that come together are told as one."""

from __future__ import annotations

from trunkline.v1.chat_service_pb2 import ChatEvent
from wire.decoding import (
    PING,
    answer,
    block,
    block_start,
    block_stop,
    delta,
    play,
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
