"""How answers end: stop reasons, refusals, usage, what else is in the envelope, and what nobody knows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from trunkline.v1 import chat_service_pb2
from trunkline_service.providers.base import ProtocolViolation
from wire.corpus import FALLBACK, FULL_USAGE, REFUSAL
from wire.decoding import (
    PROVIDER,
    STOP,
    TARGET,
    Json,
    answer,
    block,
    delta,
    fold,
    message_delta,
    play,
    sse,
    start,
    text_block,
)
from wire.reading import FINISH, assert_usage


def both(message: Json) -> list[chat_service_pb2.ChatResponse]:
    """The responses to an answer without content, streamed and whole; `message` is laid over it."""
    whole = start()["message"] | {"stop_reason": "end_turn"} | message
    ends = {name: value for name, value in whole.items() if name.startswith("stop_")}
    streamed = sse(start(**message | dict.fromkeys(ends)), message_delta(delta=ends), STOP)
    return [play(streamed).response, fold(PROVIDER.decode_message(json.dumps(whole).encode(), TARGET))]


@pytest.mark.parametrize(("word", "name"), [*FINISH.items(), ("future_reason", "OTHER")])
def test_stop_reasons(word: str, name: str) -> None:
    for response in both({"stop_reason": word, "stop_sequence": "END"}):
        assert response.completion.provider_finish_reason == word
        assert response.completion.finish_reason == chat_service_pb2.FinishReason.Value(f"FINISH_REASON_{name}")
        assert response.completion.stop_sequence == "END"
        assert not response.completion.warnings


@pytest.mark.parametrize("word", [None, 7])
def test_an_answer_that_does_not_say_why_it_ended_is_not_whole(word: Any) -> None:
    played = play(sse(start(), *text_block("a"), message_delta(delta={"stop_reason": word}), STOP))
    assert not played.succeeded
    assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
    whole = start()["message"] | {"stop_reason": word}
    with pytest.raises(ProtocolViolation, match="why it ended"):
        PROVIDER.decode_message(json.dumps(whole).encode(), TARGET)


DETAILS: list[tuple[Any, Json | None, Json]] = [
    (None, None, {}),
    ({"type": "refusal", "category": "cyber", "explanation": "No."}, {"category": "cyber", "explanation": "No."}, {}),
    ({"type": "refusal", "category": None, "explanation": None}, {}, {}),
    (
        REFUSAL | {"fallback_credit_token": "t"},
        {
            "category": "cyber",
            "explanation": "No.",
            "provider_fields_json": '{"recommended_model":"x","fallback_credit_token":"t"}',
        },
        {},
    ),
    ({"type": "pause", "until": 3}, None, {"stop_details": {"type": "pause", "until": 3}}),
    ("words", None, {"stop_details": "words"}),
]  # fmt: skip


@pytest.mark.parametrize(("details", "refusal", "others"), DETAILS)
def test_refusal_details(details: Any, refusal: Json | None, others: Json) -> None:
    for response in both({"stop_reason": "refusal", "stop_details": details}):
        completion = response.completion
        assert completion.HasField("refusal_details") == (refusal is not None)
        got = MessageToDict(completion.refusal_details, preserving_proto_field_name=True)
        if "provider_fields_json" in got:
            got["provider_fields_json"] = got["provider_fields_json"].replace(": ", ":").replace(", ", ",")
        assert got == (refusal or {})
        assert json.loads(completion.provider_fields_json or "{}") == others


NULLS = dict.fromkeys(("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"))
# What message_start says, what each message_delta says, and what that makes.
USAGE: dict[str, tuple[Json, list[Json], Json]] = {
    "everything": (FULL_USAGE, [{"output_tokens": FULL_USAGE["output_tokens"]}], FULL_USAGE),
    "cumulative": (
        {"input_tokens": 10, "output_tokens": 63},
        [{"output_tokens": 5}],
        {"input_tokens": 10, "output_tokens": 5},
    ),
    "in several parts": (
        {"input_tokens": 2234, "output_tokens": 1, "cache_read_input_tokens": 7},
        [{"output_tokens": 3, "input_tokens": 9281}, {"output_tokens": 9, "server_tool_use": {"x_requests": 2}}],
        {"input_tokens": 9281, "output_tokens": 9, "cache_read_input_tokens": 7, "server_tool_use": {"x_requests": 2}},
    ),
    "nulls": (
        {"input_tokens": 1} | NULLS,
        [{"output_tokens": 0, "server_tool_use": None, "output_tokens_details": None, "service_tier": None}],
        {"input_tokens": 1, "output_tokens": 0, "server_tool_use": None, "output_tokens_details": None,
         "service_tier": None} | NULLS,
    ),
    "null keeps": (
        {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 7, "service_tier": "priority"},
        [{"output_tokens": 3, "input_tokens": None, "cache_read_input_tokens": None, "service_tier": None}],
        {"input_tokens": 1, "output_tokens": 3, "cache_read_input_tokens": 7, "service_tier": "priority"},
    ),
    "the largest numbers": (
        {"input_tokens": 2**31 - 1, "output_tokens": 0}, [{"output_tokens": 2**31 - 1}],
        {"input_tokens": 2**31 - 1, "output_tokens": 2**31 - 1},
    ),
    "unknown members": (
        FULL_USAGE, [{"output_tokens": 5, "dreams": {"n": 1.0}, "fallback_credit": {"status": "redeemed"}}],
        FULL_USAGE | {"output_tokens": 5, "dreams": {"n": 1.0}, "fallback_credit": {"status": "redeemed"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("first", "later", "expected"), USAGE.values(), ids=USAGE)
def test_usage(first: Json, later: list[Json], expected: Json) -> None:
    deltas = [message_delta(None, each) for each in later[:-1]]
    last = message_delta(usage=later[-1]) if later else message_delta() | {"usage": {}}
    played = play(sse(start(usage=first), *deltas, last, STOP))
    assert_usage(played.response.completion.usage, expected)
    whole = start(usage=expected, stop_reason="end_turn")["message"]
    assert_usage(fold(PROVIDER.decode_message(json.dumps(whole).encode(), TARGET)).completion.usage, expected)


# Usage that cannot be right, and what is still known of it.
STRANGE: dict[str, tuple[Any, Json]] = {
    "too many": ({"input_tokens": 5, "output_tokens": 2**31}, {"input_total": 5, "input_uncached": 5}),
    "too many by far": ({"input_tokens": 10**30, "output_tokens": 4}, {"output_total": 4}),
    "too many together": (
        {"input_tokens": 2**31 - 1, "cache_read_input_tokens": 1, "output_tokens": 4},
        {"input_uncached": 2**31 - 1, "cache_read": 1, "output_total": 4},
    ),
    "fewer than none": ({"input_tokens": -5, "output_tokens": 4}, {"output_total": 4}),
    "words": ({"input_tokens": "5", "output_tokens": 4, "speed": 7}, {"output_total": 4, "speed": "7"}),
    "half of them": ({"input_tokens": 1.5, "output_tokens": 4}, {"output_total": 4}),
    "a new shape": (
        {"output_tokens": 4, "server_tool_use": {"web_search_requests": 1, "by_engine": {"a": 1}}, "cache_creation": 5},
        {"output_total": 4},
    ),
    "nothing": ({}, {}),
    "null": (None, {}),
}  # fmt: skip


@pytest.mark.parametrize(("usage", "known"), STRANGE.values(), ids=STRANGE)
def test_usage_that_is_wrong_leaves_out_what_is_wrong(usage: Any, known: Json) -> None:
    streams = [
        sse(start(usage=usage), message_delta() | {"usage": usage}, STOP),
        sse(start(usage=None), message_delta() | {"usage": usage}, STOP),
    ]
    whole = start(usage=usage, stop_reason="end_turn")["message"]
    responses = [
        *(play(stream).response for stream in streams),
        fold(PROVIDER.decode_message(json.dumps(whole).encode(), TARGET)),
    ]
    for response in responses:
        got = MessageToDict(response.completion.usage, preserving_proto_field_name=True)
        assert json.loads(got.pop("provider_usage_json", "{}")) == (usage or {})
        assert got == known


CONTAINER = {"container": {"id": "c", "expires_at": "t", "skills": []}}
EDITS = {"context_management": {"applied_edits": [{"n": 1.0}]}}
DIAGNOSTICS = {"diagnostics": {"cache_miss_reason": None}}
EARLY = {"content": [{"type": "text", "text": "x"}]}
# What message_start has, what the delta has, what is beside the delta, and what that makes.
ENVELOPE: dict[str, tuple[Json, Json, Json, Json]] = {
    "container": (CONTAINER, {}, {}, CONTAINER),
    "container that comes late": ({}, CONTAINER, {}, CONTAINER),
    "container that changes": (CONTAINER, {"container": {"id": "d"}}, {}, {"container": {"id": "d"}}),
    "container that goes": (CONTAINER, {"container": None}, {}, {}),
    "context management": ({}, {}, EDITS, EDITS),
    "an empty list replaces": ({"input_transformations": [1]}, {}, {"input_transformations": []},
                               {"input_transformations": []}),
    "absent keeps": (DIAGNOSTICS, {}, {}, DIAGNOSTICS),
    "something new": ({"a": 1}, {"b": "2"}, {"c": [3.0]}, {"a": 1, "b": "2", "c": [3.0]}),
    "content too early": (EARLY, {}, {}, EARLY),
}  # fmt: skip


@pytest.mark.parametrize(("first", "inside", "beside", "expected"), ENVELOPE.values(), ids=ENVELOPE)
def test_members_of_the_envelope_are_kept(first: Json, inside: Json, beside: Json, expected: Json) -> None:
    ends = {"stop_reason": "end_turn", "stop_sequence": None} | inside
    response = play(sse(start(**first), message_delta(delta=ends, **beside), STOP)).response
    assert json.loads(response.completion.provider_fields_json or "{}") == expected
    if "content" not in first:
        whole = start(**first)["message"] | ends | beside
        unary = fold(PROVIDER.decode_message(json.dumps(whole).encode(), TARGET))
        assert json.loads(unary.completion.provider_fields_json or "{}") == expected


def test_a_fallback_changes_who_answers() -> None:
    second = FALLBACK | {"from": {"model": "b"}, "to": {"model": "c"}}
    played = play(
        answer(*text_block("Un"), *block(FALLBACK, index=1), *block(second, index=2), *text_block("z", index=3))
    )
    assert played.events[0].start.origin.model == "claude-sonnet-4-6"
    completion = played.events[-1].completion
    assert (completion.origin.model, completion.origin.provider) == ("c", "anthropic")
    assert played.response.message.origin == completion.origin
    assert [held.WhichOneof("kind") for held in played.response.message.content] == ["text", "opaque", "opaque", "text"]
    assert not play(answer(*text_block("a"))).events[-1].completion.HasField("origin")


@pytest.mark.parametrize("to", [None, "b", {}, {"model": None}, {"model": 5}])
def test_a_fallback_that_does_not_say_to_what_changes_nothing(to: Any) -> None:
    played = play(answer(*block(FALLBACK | {"to": to})))
    assert played.succeeded
    assert not played.events[-1].completion.HasField("origin")


UNKNOWN_DELTAS: dict[str, tuple[Json, Json]] = {
    "a new kind": ({"type": "text", "text": ""}, delta("rhyme_delta", rhyme="é", n=1.0)),
    "of another block": ({"type": "text", "text": ""}, delta("thinking_delta", thinking="x")),
    "no kind": ({"type": "thinking", "thinking": ""}, {"type": "content_block_delta", "index": 0, "delta": {"x": 1}}),
    "for a new kind of block": ({"type": "poem"}, delta("rhyme_delta", rhyme="é", n=1.0)),
    "arguments that are not JSON": ({"type": "x_use"}, delta("input_json_delta", partial_json="{")),
}


@pytest.mark.parametrize(("begun", "unknown"), UNKNOWN_DELTAS.values(), ids=UNKNOWN_DELTAS)
def test_deltas_that_nobody_knows_are_kept(begun: Json, unknown: Json) -> None:
    [content] = play(answer(*block(begun, unknown))).response.message.content
    [kept] = content.opaque_deltas
    assert json.loads(kept.raw_json) == unknown["delta"]
    assert kept.type == unknown["delta"].get("type", "")
    assert kept.provider_type == "anthropic"


KNOWN_DELTAS = [
    ({"type": "text", "text": ""}, delta("text_delta", text="a"), "text"),
    ({"type": "thinking", "thinking": ""}, delta("thinking_delta", thinking="a"), "thinking"),
    ({"type": "thinking", "thinking": ""}, delta("signature_delta", signature="a"), "signature"),
    ({"type": "tool_use", "id": "t", "name": "n"}, delta("input_json_delta", partial_json="{}"), "input_json"),
    ({"type": "text", "text": ""}, delta("citations_delta", citation={"type": "moon"}), "citation"),
]  # fmt: skip


@pytest.mark.parametrize(("begun", "known", "kind"), KNOWN_DELTAS, ids=[kind for *_, kind in KNOWN_DELTAS])
def test_members_of_deltas_that_nobody_knows_are_kept(begun: Json, known: Json, kind: str) -> None:
    plain = play(answer(*block(begun, known)))
    known = known | {"delta": known["delta"] | {"estimated_tokens": 3, "x": {"y": 1.0}}}
    played = play(answer(*block(begun, known)))
    [event] = [event for event in played.events if event.WhichOneof("kind") == "block_delta"]
    assert event.block_delta.WhichOneof("delta") == kind
    assert json.loads(event.block_delta.provider_fields_json) == {"estimated_tokens": 3, "x": {"y": 1.0}}
    assert played.response == plain.response


def test_events_that_nobody_knows_come_through() -> None:
    raw = b'{"type":"progress", "n" : 1.0, "half":"\\ud83d"}'
    early, late = (
        b"event: progress\ndata: " + raw + b"\n\n",
        b"event: later\ndata: " + raw.replace(b"progress", b"later") + b"\n\n",
    )
    played = play(sse(early, start(), *text_block("a"), late, message_delta(), STOP, early))
    assert played.succeeded
    opaque = [event.opaque for event in played.events if event.HasField("opaque")]
    assert [(each.type, each.provider_type) for each in opaque] == [("progress", "anthropic"), ("later", "anthropic")]
    assert opaque[0].raw_json.encode() == raw
    assert played.kinds[:2] == ["start", "opaque"]
