"""Streams one by one: how they end, what they hold beside blocks, and what makers of this API do in their own way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline.v1 import chat_service_pb2, message_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation
from wire_responses.corpus import COMPUTER, FILE, SEARCH, SHELL, SHELL_OUTPUT, STREAMS, TOKENS, URL
from wire_responses.decoding import (
    PROVIDER,
    TARGET,
    Json,
    answer,
    created,
    custom_call,
    ended,
    frame,
    function_call,
    item_events,
    message,
    play,
    reasoning,
    refusal,
    response,
    sse,
    text,
    whole,
)

F = chat_service_pb2.FinishReason
LONG = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
FILTERED = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
STEERED = {"status": "incomplete", "incomplete_details": {"reason": "steered", "by": "x"}}

ENDINGS: dict[str, tuple[list[Json], Json, int, str]] = {
    "a text": ([message(text("a"))], {}, F.FINISH_REASON_STOP, "completed"),
    "nothing": ([], {}, F.FINISH_REASON_STOP, "completed"),
    "a call": ([function_call("{}")], {}, F.FINISH_REASON_TOOL_USE, "completed"),
    "a custom call": ([message(text("a")), custom_call("x")], {}, F.FINISH_REASON_TOOL_USE, "completed"),
    "a screenshot to take": ([COMPUTER], {}, F.FINISH_REASON_TOOL_USE, "completed"),
    "a shell of the caller's": ([SHELL], {}, F.FINISH_REASON_TOOL_USE, "completed"),
    "a shell of the provider's": ([SHELL, SHELL_OUTPUT], {}, F.FINISH_REASON_STOP, "completed"),
    "a search of the provider's": (
        [{"type": "tool_search_call", "execution": "server", "call_id": "c"}], {}, F.FINISH_REASON_STOP, "completed"
    ),
    "a refusal": ([message(refusal("no"))], {}, F.FINISH_REASON_REFUSAL, "completed"),
    "a refusal after a call": ([function_call("{}"), message(refusal("no"))], {}, F.FINISH_REASON_REFUSAL, "completed"),
    "too long": ([message(text("a"))], LONG, F.FINISH_REASON_MAX_OUTPUT_TOKENS, "max_output_tokens"),
    "too long within a call": ([function_call('{"a')], LONG, F.FINISH_REASON_MAX_OUTPUT_TOKENS, "max_output_tokens"),
    "filtered": ([message(text("a"))], FILTERED, F.FINISH_REASON_CONTENT_FILTER, "content_filter"),
    "something new": ([], STEERED, F.FINISH_REASON_OTHER, "steered"),
    "cut for no reason": ([], {"status": "incomplete"}, F.FINISH_REASON_OTHER, "incomplete"),
}  # fmt: skip


@pytest.mark.parametrize(("items", "members", "reason", "word"), ENDINGS.values(), ids=ENDINGS)
def test_endings(items: list[Json], members: Json, reason: int, word: str) -> None:
    for got in (play(answer(*items, **members)).response, whole(items, **members)):
        assert (got.completion.finish_reason, got.completion.provider_finish_reason) == (reason, word)


def test_what_a_final_response_says_beside_its_items() -> None:
    body = answer(message(text("a")), mood="good", metadata={"a": 1.0}, model="gpt-6-other", **STEERED)
    completion = play(body).response.completion
    assert json.loads(completion.provider_fields_json) == {
        "created_at": 1746812437, "background": False, "parallel_tool_calls": True, "store": False,
        "temperature": 1.0, "mood": "good", "metadata": {"a": 1.0},
        "incomplete_details": {"reason": "steered", "by": "x"},
    }  # fmt: skip
    assert completion.origin == message_pb2.Origin(provider="openai", provider_type="openai", model="gpt-6-other")
    assert play(body).response.message.origin.model == "gpt-6-other"
    assert completion.usage.service_tier == "default"
    assert json.loads(completion.usage.provider_usage_json)["total_tokens"] == 98
    assert not play(answer()).response.completion.HasField("origin")


def test_progress_of_the_providers_tools_is_told_in_its_place() -> None:
    played = play(answer(SEARCH, message(text("Found"))))
    assert played.kinds == [
        "start", "opaque", "opaque", "opaque", "block_start", "block_end",
        "block_start", "block_delta", "block_delta", "block_delta", "block_end", "completion",
    ]  # fmt: skip
    told = [event.opaque.type for event in played.events if event.HasField("opaque")]
    assert told == [f"response.web_search_call.{step}" for step in ("in_progress", "searching", "completed")]
    [search, _] = played.response.message.content
    assert (search.opaque.provider_type, search.opaque.type) == ("openai", "web_search_call")
    assert json.loads(search.opaque.raw_json) == SEARCH


def test_citations_and_tokens_come_as_deltas() -> None:
    played = play(STREAMS["citations"])
    citations = [each.block_delta.citation for each in played.events if each.block_delta.HasField("citation")]
    assert citations[0].web_location == message_pb2.WebLocation(url="https://e.org", title="É")
    assert json.loads(citations[0].provider_fields_json) == {"start_index": 3, "end_index": 9}
    assert (citations[1].opaque.type, json.loads(citations[1].opaque.raw_json)) == ("file_citation", FILE)
    played = play(STREAMS["logprobs"])
    tokens = [each.block_delta.logprobs.tokens for each in played.events if each.block_delta.HasField("logprobs")]
    assert [token.token for [token] in tokens] == ["Yes", "\U0001f600"]
    assert (tokens[0][0].raw_bytes, tokens[0][0].logprob) == (b"Yes", -0.03)
    assert [(top.token, top.logprob) for top in tokens[0][0].top] == [("Yes", -0.03), ("No", -3.5)]


def delta_of(index: int = 0, **members: Any) -> Json:
    return {"type": "response.output_text.delta", "output_index": index, "content_index": 0, "delta": "x"} | members


def test_members_of_a_delta_that_nobody_knows_are_kept() -> None:
    """What serves the wire alone is not."""
    told = item_events(message(text("xx")), 0)
    odd = [delta_of(mood={"n": 1.0}, item_id="m", obfuscation="a"), delta_of(logprobs=[TOKENS[0] | {"new": 1}])]
    played = play(sse(created(), *told[:2], *odd, *told[3:], ended([message(text("xx"))])))
    fields = [
        json.loads(event.block_delta.provider_fields_json)
        for event in played.events
        if event.block_delta.provider_fields_json
    ]
    assert fields == [{"mood": {"n": 1.0}}, {"logprobs": [TOKENS[0] | {"new": 1}]}]
    assert played.response.message.content[0].text.text == "xx"
    assert not played.response.completion.warnings


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (['"\\ud83d"', '"\\ude00!"'], "\U0001f600!"),
        (['"a\\ud83d"', '"b"'], "a\ufffdb"),
        (['"a\\ud83d"'], "a\ufffd"),
        (['"\\ude00"', '"b"'], "\ufffdb"),
        (['"\\ud83d"', '"\\ud83d"', '"\\ude00"'], "\ufffd\U0001f600"),
    ],
)
@pytest.mark.parametrize("kind", ["text", "refusal", "reasoning", "arguments", "input"])
def test_halves_of_surrogate_pairs(kind: str, pieces: list[str], said: str) -> None:
    item = {
        "text": message(text(said)),
        "refusal": message(refusal(said)),
        "reasoning": reasoning(said),
        "arguments": function_call(said),
        "input": custom_call(said),
    }[kind]
    told = item_events(item, 0)
    at = next(number for number, event in enumerate(told) if event["type"].endswith(".delta"))
    raw = [frame(told[at] | {"delta": "PIECE"}).replace(b'"PIECE"', piece.encode()) for piece in pieces]
    played = play(sse(created(), *told[:at], *raw, told[-1], ended([item])))
    assert played.succeeded
    [block] = played.response.message.content
    found = (
        block.text.text or block.refusal.text or block.thinking.text or block.tool_use.input_json
        or block.tool_use.input_text
    )  # fmt: skip
    assert found == said


HELLO = message(text("Yes\U0001f600", annotations=[URL], logprobs=TOKENS))
SLOPPY: dict[str, tuple[list[Json], list[Json]]] = {
    "no deltas at all": (
        [event for event in item_events(HELLO, 0) if "delta" not in event and "annotation" not in event], [HELLO]
    ),
    "no events about parts": (
        [event for event in item_events(HELLO, 0) if "content_part" not in event["type"]], [HELLO]
    ),
    "items that only end": ([item_events(HELLO, 0)[-1], item_events(function_call("{}"), 1)[-1]],
                            [HELLO, function_call("{}")]),
    "items that never end": (
        [*item_events(reasoning("a"), 0)[:-1], *item_events(HELLO, 1)[:-1]], [reasoning("a"), HELLO]
    ),
    "nothing but the final response": ([], [reasoning("a", "b"), HELLO, function_call('{"a":1}'), SEARCH]),
    "only the first item": (item_events(reasoning("a"), 0), [reasoning("a"), HELLO]),
    "a call that is named at its end": (
        [
            event | {"item": event["item"] | {"name": ""}} if event["type"].endswith("item.added") else event
            for event in item_events(function_call('{"a":1}'), 0)
        ],
        [function_call('{"a":1}')],
    ),
    "a call that is whole at once": (
        [event for event in item_events(function_call('{"a":1}'), 0) if "arguments" not in event["type"]],
        [function_call('{"a":1}')],
    ),
    "always the same index": (
        [*item_events(reasoning("a"), 0), *item_events(HELLO, 0)], [reasoning("a"), HELLO]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "items"), SLOPPY.values(), ids=SLOPPY)
def test_what_events_leave_out_is_taken_from_where_it_is_told(told: list[Json], items: list[Json]) -> None:
    played = play(sse(created(), *told, ended(items)))
    assert played.succeeded
    assert played.response == whole(items)


def test_a_part_that_the_item_does_not_tell_again_ends_with_it() -> None:
    told = item_events(message(text("one"), text("two")), 0)
    final = message(text("one"))
    played = play(sse(created(), *told[:-1], item_events(final, 0)[-1], ended([final])))
    assert played.succeeded
    assert [block.text.text for block in played.response.message.content] == ["one", "two"]
    assert played.kinds.count("block_end") == 2


def test_a_citation_may_come_first() -> None:
    told = [event for event in item_events(HELLO, 0) if "content_part" not in event["type"]]
    at = next(number for number, event in enumerate(told) if "annotation" in event)
    told.insert(1, told.pop(at))
    assert play(sse(created(), *told, ended([HELLO]))).response == whole([HELLO])


def test_a_stream_that_begins_with_its_end() -> None:
    items = [message(text("Hi"))]
    assert play(sse(ended(items))).response == whole(items)
    assert play(sse({**created(), "type": "response.queued"}, *item_events(items[0], 0), ended(items))).succeeded


def test_events_before_the_beginning_wait() -> None:
    played = play(sse({"type": "response.weather", "sky": 1}, created(), ended([])))
    assert played.kinds == ["start", "opaque", "completion"]


def test_done_of_other_makers_is_no_end() -> None:
    told = item_events(message(text("a")), 0)
    assert play(sse(created(), *told, ended([message(text("a"))]), b"data: [DONE]\n\n")).succeeded
    assert play(sse(created(), *told, b"data: [DONE]\n\n")).reason == "UPSTREAM_UNREACHABLE"


WARNED: dict[str, tuple[Json, Json, str]] = {
    "reasoning that is not its parts": (reasoning("abc"), reasoning("abd"), "message.content[0]"),
    "a text that is not told again": (message(text("abc")), message(text("")), "message.content[0]"),
    "arguments that are no JSON": (
        function_call('{"a":'), function_call('{"a":'), "message.content[0].tool_use.input_json"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "final", "field"), WARNED.values(), ids=WARNED)
def test_what_is_not_what_it_should_be_comes_with_a_warning(told: Json, final: Json, field: str) -> None:
    played = play(sse(created(), *item_events(told, 0)[:-1], item_events(final, 0)[-1], ended([final])))
    [warning] = played.response.completion.warnings
    assert (warning.code, warning.field) == (3, field)
    [block] = played.response.message.content
    assert block.text.text in ("", "abc")


def events_of(item: Json) -> list[Json]:
    return item_events(item, 0)


BROKEN: dict[str, list[Json | bytes]] = {
    "an item before the response": [events_of(message(text("a")))[0]],
    "an item twice": [created(), *events_of(message(text("a")))[:1] * 2],
    "a delta of no item": [created(), delta_of()],
    "an item without a place": [created(), {"type": "response.output_item.added", "item": {}}],
    "an item that is none": [created(), {"type": "response.output_item.added", "output_index": 0, "item": 1}],
    "an item that changes": [created(), events_of(reasoning("a"))[0], events_of(message(text("a")))[-1]],
    "a part that changes": [
        created(), *events_of(message(text("a")))[:3], events_of(message(refusal("b")))[-1]
    ],
    "a part that comes back": [
        created(), *events_of(message(text("a"), text("b")))[:-1], delta_of(content_index=0)
    ],
    "a delta of another kind": [created(), *events_of(message(refusal("a")))[:2], delta_of()],
    "a delta without a text": [created(), *events_of(message(text("a")))[:2], delta_of(delta=None)],
    "a citation of nothing": [
        created(),
        *events_of(message(refusal("a")))[:2],
        {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": URL},
    ],
    "arguments of a message": [
        created(),
        *events_of(message(text("a")))[:2],
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"},
    ],
    "an end without the response": [created(), {"type": "response.completed"}],
    "an end of what goes on": [created(), {"type": "response.completed", "response": response(status="queued")}],
    "an end before the items' end": [created(), *events_of(message(text("a")))[:3], ended([])],
    "no JSON": [created(), b"data: {\n\n"],
    "no object": [created(), b"data: []\n\n"],
    "no UTF-8": [created(), b'data: {"type":"x","y":"\xff"}\n\n'],
}  # fmt: skip


@pytest.mark.parametrize("events", BROKEN.values(), ids=BROKEN)
def test_what_breaks_the_format_ends_the_stream(events: list[Json | bytes]) -> None:
    played = play(sse(*events, ended([])))
    assert not played.complete
    assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
    assert played.failure is not None
    assert played.failure.message.startswith("the provider broke its own format: ")


ERRORS: dict[str, tuple[Json, str, str]] = {
    "flat": (
        {"type": "error", "code": "rate_limit_exceeded", "message": "m", "param": None},
        "UPSTREAM_RATE_LIMITED", "rate_limit_exceeded",
    ),
    "in an envelope": (
        {"type": "error", "error": {"type": "invalid_request_error", "code": "context_length_exceeded"}},
        "CONTEXT_LENGTH_EXCEEDED", "context_length_exceeded",
    ),
    "without a type": ({"error": {"code": "insufficient_quota"}}, "UPSTREAM_QUOTA_EXHAUSTED", "insufficient_quota"),
    "a response that failed": (
        {"type": "response.failed", "response": response(status="failed", error={"code": "server_error"})},
        "UPSTREAM_ERROR", "server_error",
    ),
    "a response that failed for no reason": (
        {"type": "response.failed", "response": response(status="failed")}, "UPSTREAM_ERROR", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("event", "reason", "code"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("before", [True, False], ids=["in the answer", "at once"])
def test_errors_within_the_stream(event: Json, reason: str, code: str, before: bool) -> None:
    played = play(sse(*([created()] if before else []), event))
    assert played.reason == reason
    assert played.failure is not None
    assert played.failure.metadata.get("upstream_code", "") == code


def test_a_whole_answer_that_is_none() -> None:
    for body in (b"{}", b"[]", b"x", b'{"output": []}', json.dumps(response(status="in_progress")).encode()):
        with pytest.raises(ProtocolViolation):
            PROVIDER.decode_message(body, TARGET)
    failed = response(status="failed", error={"code": "server_error", "message": "m"})
    with pytest.raises(GatewayError):
        PROVIDER.decode_message(json.dumps(failed).encode(), TARGET)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"", b'{"input_tokens": -1}', b'{"input_tokens": "3"}', b'{"object":"x","input_tokens":1}']
)
def test_a_count_that_is_none(body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        PROVIDER.decode_count(body, TARGET)
