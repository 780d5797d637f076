"""What the chunks of a stream, or one whole answer, are in the contract's terms."""

from __future__ import annotations

import json

import pytest

from trunkline.v1 import chat_service_pb2, message_pb2, usage_pb2
from wire_openai.corpus import SYNTHETIC
from wire_openai.decoding import (
    DONE,
    FIRST,
    USED,
    Json,
    Played,
    answer,
    calls,
    chunk,
    envelope,
    grammar,
    piece,
    play,
    sse,
    text,
    whole,
)


def shown(played: Played) -> list[tuple[str, ...]]:
    """The blocks of an answer, each in a few words."""
    assert played.succeeded, played.failure
    grammar(played.kinds)
    result: list[tuple[str, ...]] = []
    for block in played.response.message.content:
        match kind := block.WhichOneof("kind") or "":
            case "tool_use":
                use = block.tool_use
                assert use.runner == message_pb2.TOOL_RUNNER_CLIENT
                result.append((use.id, use.name, use.input_text if use.HasField("input_text") else use.input_json))
            case "opaque":
                result.append((kind, block.opaque.type))
            case _:
                result.append((kind, getattr(block, kind).text))
    return result


BLOCKS: dict[str, list[tuple[str, ...]]] = {
    "text": [("text", "Bonjour é🎉")],
    "separators": [("text", "a\u2028b\u2029c\u0085d\x0b\x0c\x1c\x1d\x1e\x7f\ufeff\\u2028\r\n\0")],
    "empty": [],
    "no end mark": [("text", "ab")],
    "done alone": [("text", "a")],
    "calls": [
        ("call_1", "get_weather", '{"city": "San \\u00e9"}'),
        ("call_2", "nothing", ""),
        ("call_3", "count", '{"n": 12345678901234567890}'),
        ("c4", "cut", "{"),
    ],
    "interleaved calls": [("call_1", "a", '{"a":1}'), ("call_2", "b", '{"b":2}')],
    "calls without index": [("call_1", "a", '{"a":1}'), ("call_2", "b", "{}")],
    "calls of index 0": [("call_1", "a", '{"a":1}'), ("call_2", "b", '{"b":1}')],
    "custom": [("call_1", "sql", "select 1;")],
    "text around calls": [("text", "Let me see."), ("call_1", "a", "{}"), ("text", "And more.")],
    "refusal": [("refusal", "I will not.")],
    "reasoning_content": [("thinking", "Hm…"), ("text", "So.")],
    "reasoning": [("thinking", "Hm!"), ("text", "So."), ("opaque", "reasoning_details")],
    "the older form of a call": [("call_0c3cd8fc90d0642b_0", "a", '{"n": 1}')],
    "both reasonings": [("thinking", "Hm"), ("text", "So.")],
    "parts": [("thinking", "Hm"), ("text", "So"), ("opaque", "reference"), ("text", ".")],
    "logprobs": [("text", "éa b")],
    "citations": [("text", "Grass")],
    "audio": [("opaque", "audio")],
    "azure": [("text", "ab")],
    "envelopes": [("text", "ab")],
    "surrogates": [("text", "a😀b\ufffd\ufffd😀\ufffd")],
}


@pytest.mark.parametrize(("name", "expected"), BLOCKS.items())
def test_the_blocks_of_a_stream(name: str, expected: list[tuple[str, ...]]) -> None:
    assert shown(play(SYNTHETIC[name])) == expected


FAILURES = {
    "error": "UPSTREAM_ERROR",
    "flat error": "UPSTREAM_REJECTED_REQUEST",
    "failed": "UPSTREAM_ERROR",
    "cut": "UPSTREAM_UNREACHABLE",
    "nothing": "UPSTREAM_PROTOCOL_ERROR",
}
BROKEN = {
    "done before an answer": sse(DONE),
    "an envelope and no answer": sse(USED, DONE),
    "not JSON": sse(FIRST, b"data: {]\n\n", DONE),
    "not an object": sse(FIRST, b"data: [1]\n\n", DONE),
    "not UTF-8": sse(FIRST, b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n', DONE),
    "choices that are no list": sse(FIRST, envelope(choices={}), DONE),
    "a choice that is no object": sse(FIRST, envelope(choices=[1]), DONE),
    "a call without a name": answer(calls(piece(0, "{}", id="c"))),
    "arguments after the end of a call": answer(
        calls(piece(0, "{}", name="a", id="c")), calls(piece(1, "{}", name="b", id="d")), calls(piece(0, "{}"))
    ),
    "a call of an unknown kind": answer(calls({"index": 0, "id": "c", "type": "spell", "spell": {}})),
}


@pytest.mark.parametrize(("name", "reason"), FAILURES.items())
def test_streams_that_fail(name: str, reason: str) -> None:
    assert play(SYNTHETIC[name]).reason == reason


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_streams_that_break_the_format(body: bytes) -> None:
    played = play(body)
    assert played.reason == "UPSTREAM_PROTOCOL_ERROR"
    assert not played.complete


FINISH: list[tuple[str, str]] = [
    ("stop", "STOP"),
    ("length", "MAX_OUTPUT_TOKENS"),
    ("tool_calls", "TOOL_USE"),
    ("function_call", "TOOL_USE"),
    ("content_filter", "CONTENT_FILTER"),
    ("eos", "STOP"),
    ("model_length", "CONTEXT_WINDOW"),
    ("a new one", "OTHER"),
]


@pytest.mark.parametrize(("reason", "expected"), FINISH)
def test_why_it_ended(reason: str, expected: str) -> None:
    for completion in (play(answer(finish_reason=reason)).response.completion, whole({}, reason).completion):
        name = chat_service_pb2.FinishReason.Name(completion.finish_reason)
        assert name == f"FINISH_REASON_{expected}"
        assert completion.provider_finish_reason == reason


def finish_of(name: str) -> chat_service_pb2.FinishReason.ValueType:
    return play(SYNTHETIC[name]).response.completion.finish_reason


def test_the_same_word_ends_different_things() -> None:
    assert finish_of("refusal") == chat_service_pb2.FINISH_REASON_REFUSAL
    # A forced call ends with "stop", and so do those of several servers.
    assert finish_of("calls of index 0") == chat_service_pb2.FINISH_REASON_TOOL_USE
    assert finish_of("envelopes") == chat_service_pb2.FINISH_REASON_STOP_SEQUENCE
    assert play(SYNTHETIC["envelopes"]).response.completion.stop_sequence == "END"
    assert finish_of("done alone") == chat_service_pb2.FINISH_REASON_OTHER


def test_usage() -> None:
    assert play(answer()).response.completion.usage == usage_pb2.Usage(
        input_total=75,
        input_uncached=30,
        cache_read=40,
        cache_write=5,
        output_total=23,
        output_reasoning=7,
        service_tier="default",
        provider_usage_json=json.dumps(USED["usage"]),
    )
    assert not play(SYNTHETIC["no usage"]).response.completion.usage.HasField("input_total")


ODD_USAGE: list[tuple[Json, Json]] = [
    ({"prompt_tokens": 3}, {"input_total": 3, "input_uncached": 3}),
    ({"prompt_tokens": 3, "completion_tokens": "many"}, {"input_total": 3, "input_uncached": 3}),
    ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}}, {"input_total": 3, "cache_read": 5}),
    ({"prompt_tokens": -1, "completion_tokens": 2**31}, {}),
    ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, {"input_total": 9, "input_uncached": 5, "cache_read": 4}),
]


@pytest.mark.parametrize(("told", "expected"), ODD_USAGE)
def test_odd_usage(told: Json, expected: Json) -> None:
    usage = play(sse(FIRST, chunk({}, "stop"), USED | {"usage": told}, DONE)).response.completion.usage
    assert json.loads(usage.provider_usage_json) == told
    usage.ClearField("provider_usage_json")
    assert usage == usage_pb2.Usage(service_tier="default", **expected)


def test_the_last_usage_counts() -> None:
    told = [chunk({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": n}) for n in (1, 2)]
    played = play(sse(FIRST, *told))
    assert not played.succeeded
    assert play(sse(FIRST, *told, chunk({}, "stop"), DONE)).response.completion.usage.output_total == 2


def test_what_is_beside_the_answer() -> None:
    fields = json.loads(play(SYNTHETIC["envelopes"]).response.completion.provider_fields_json)
    assert fields == {
        "created": 1775237393, "system_fingerprint": "fp_1", "provider": "Groq", "x_groq": {"id": "req_1"},
        "native_finish_reason": "eos", "moderation": {"flagged": False},
    }  # fmt: skip
    azure = json.loads(play(SYNTHETIC["azure"]).response.completion.provider_fields_json)
    assert azure["prompt_filter_results"] == [{"prompt_index": 0}]
    assert azure["content_filter_results"]["hate"]["filtered"] is True


def test_events_that_nobody_knows() -> None:
    played = play(SYNTHETIC["envelopes"])
    assert [event.opaque.type for event in played.events if event.HasField("opaque")] == ["warm.up", "progress"]
    assert played.kinds[:2] == ["start", "opaque"]


def test_who_answers() -> None:
    start = play(SYNTHETIC["azure"]).events[0].start
    assert start.id == "chatcmpl-1"
    assert start.origin == message_pb2.Origin(provider="openai", provider_type="openai", model="gpt-6-sol-2026")
    assert not play(answer()).response.completion.HasField("origin")
    other = sse(FIRST, *text("a"), chunk({"content": "b"}, model="other"), chunk({}, "stop", model="other"), DONE)
    response = play(other).response
    assert response.completion.origin.model == response.message.origin.model == "other"


def test_calls_come_as_they_are_written() -> None:
    """The first call is not held back, and a further one only as long as that before it is open."""
    decoded = play(SYNTHETIC["calls"])
    assert decoded.kinds[:5] == ["start", "block_start", "block_delta", "block_delta", "block_delta"]
    start = decoded.events[1].block_start.block.tool_use
    assert (start.id, start.name, start.input_json) == ("call_1", "get_weather", "")


def test_a_call_without_an_id_gets_one() -> None:
    unnamed = [piece(0, "{}", name="a"), piece(1, "{}", name="b")]
    first, second = shown(play(answer(calls(*unnamed))))
    assert (first[1:], second[1:]) == (("a", "{}"), ("b", "{}"))
    assert first[0]
    assert second[0] not in ("", first[0])


def test_a_name_may_come_late() -> None:
    late = [calls(piece(0, "", id="c")), calls(piece(0, "{")), calls(piece(0, "}", name="a"))]
    assert shown(play(answer(*late))) == [("c", "a", "{}")]


def test_arguments_that_are_no_text() -> None:
    function: Json = {"name": "a", "arguments": {"n": 1.0}}
    assert shown(play(answer(calls({"index": 0, "id": "c", "function": function})))) == [("c", "a", '{"n": 1.0}')]


def test_broken_arguments_are_told() -> None:
    [warning] = play(SYNTHETIC["calls"]).response.completion.warnings
    assert warning.field == "message.content[3].tool_use.input_json"


def test_odds_and_citations() -> None:
    [block] = play(SYNTHETIC["logprobs"]).response.message.content
    assert [each.token for each in block.text.logprobs] == ["é", "a", " b"]
    assert block.text.logprobs[0].raw_bytes == "é".encode()
    assert [top.token for top in block.text.logprobs[0].top] == ["é", "e"]
    [block] = play(SYNTHETIC["citations"]).response.message.content
    first, second = block.text.citations
    assert (first.web_location.url, first.web_location.title) == ("https://e.org", "É")
    assert json.loads(first.provider_fields_json) == {"start_index": 0, "end_index": 5}
    assert json.loads(second.opaque.raw_json) == {"type": "moon", "crater": 7}


def test_sound() -> None:
    [block] = play(SYNTHETIC["audio"]).response.message.content
    assert json.loads(block.opaque.raw_json) == {
        "type": "audio", "id": "audio_1", "transcript": "Hello", "data": "AAAABAgggg==", "expires_at": 1729234747
    }  # fmt: skip
