"""Events that say no more than nearly all do are read in one go, and mean what they do member by member."""

from __future__ import annotations

import msgspec
import pytest

from trunkline_service.providers.anthropic import events
from wire.corpus import corpus
from wire.decoding import (
    answer,
    block_start,
    message_delta,
    play,
    sse,
    start,
    text_block,
)


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
