"""What a finished item says, next to what its deltas have brought."""

from __future__ import annotations

import pytest

from wire_responses.decoding import (
    Json,
    Played,
    created,
    custom_call,
    ended,
    function_call,
    grammar,
    item_events,
    message,
    play,
    refusal,
    sse,
    text,
)


def told(begun: Json, final: Json, *, without: tuple[str, ...] = ()) -> Played:
    """An item that is told as one thing and ends as another, without the events of some kinds."""
    events = [*item_events(begun, 0)[:-1], item_events(final, 0)[-1]]
    events = [event for event in events if not event["type"].endswith(without or ("none",))]
    return play(sse(created(), *events, ended([final])))


def words(played: Played) -> list[str]:
    assert played.succeeded, played.failure
    grammar(played.kinds)
    return [
        block.text.text or block.refusal.text or block.tool_use.input_json or block.tool_use.input_text
        for block in played.response.message.content
    ]


LONGER: dict[str, tuple[Json, Json, str]] = {
    "arguments": (function_call('{"a":'), function_call('{"a":12}'), '{"a":12}'),
    "input": (custom_call("select"), custom_call("select 1;"), "select 1;"),
    "text": (message(text("abc")), message(text("abc d\U0001f600")), "abc d\U0001f600"),
    "refusal": (message(refusal("No")), message(refusal("Nobody")), "Nobody"),
}
OTHER: dict[str, tuple[Json, Json]] = {
    "arguments": (function_call('{"a":1}'), function_call('{"a":12}')),
    "arguments of the same length": (function_call('{"a":1}'), function_call('{"a":2}')),
    "input": (custom_call("select 1;"), custom_call("select 2;")),
    "text of the same length": (message(text("abc")), message(text("abd"))),
    "text that is shorter": (message(text("abc")), message(text("ab"))),
    "refusal": (message(refusal("No")), message(refusal("Na"))),
    "the first of two texts": (message(text("a"), text("b")), message(text("c"), text("b"))),
    "the first of two texts, longer": (message(text("a"), text("b")), message(text("ab"), text("b"))),
    "the name of a call": (function_call("{}"), function_call("{}", name="other")),
    "the id of a call": (function_call("{}"), function_call("{}", "call_2")),
    "the name of a custom call": (custom_call("a"), custom_call("a", name="other")),
}


@pytest.mark.parametrize(("begun", "final", "expected"), LONGER.values(), ids=LONGER)
def test_what_the_deltas_left_out_comes_as_a_last_one(begun: Json, final: Json, expected: str) -> None:
    played = told(begun, final)
    assert words(played) == [expected]
    assert not played.response.completion.warnings


@pytest.mark.parametrize(("begun", "final"), OTHER.values(), ids=OTHER)
def test_another_end_is_a_failure(begun: Json, final: Json) -> None:
    played = told(begun, final)
    assert not played.complete
    assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
    assert "completion" not in played.kinds


@pytest.mark.parametrize(
    ("begun", "final"),
    [
        (function_call('{"a":1}'), function_call("")),
        (custom_call("select"), custom_call("")),
        (message(text("abc")), message(text(""))),
        (message(refusal("No")), message(refusal(""))),
    ],
)
def test_what_only_the_event_at_the_end_of_a_text_says_counts(begun: Json, final: Json) -> None:
    """There are makers of this API that send no deltas, and items without their texts."""
    [said] = words(told(begun, final, without=("delta", "part.done")))
    assert said in ('{"a":1}', "select", "abc", "No")


def test_an_event_at_the_end_of_a_text_that_says_something_else_is_a_failure() -> None:
    events = item_events(function_call('{"a":1}'), 0)
    at = next(number for number, event in enumerate(events) if event["type"].endswith("arguments.done"))
    events[at] = events[at] | {"arguments": '{"a":2}'}
    assert play(sse(created(), *events, ended([]))).reason == "UPSTREAM_PROTOCOL_ERROR"
    # Behind the end of its item, or of none, it says nothing new.
    late = [*events[:at], *events[at + 1 :], events[at], events[at] | {"output_index": None}]
    assert words(play(sse(created(), *late, ended([function_call('{"a":1}')])))) == ['{"a":1}']
