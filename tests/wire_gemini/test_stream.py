"""What Gemini's chunks add up to."""

from __future__ import annotations

import base64
import json

import pytest

from trunkline.v1 import chat_service_pb2, message_pb2
from trunkline_service.providers.gemini.parts_out import is_made_up
from wire.decoding import Json, grammar
from wire_gemini.decoding import (
    PROVIDER,
    TARGET,
    answer,
    blocks,
    call,
    chunk,
    error,
    kinds,
    play,
    sse,
    text,
    thought,
)

SIGNATURE = base64.b64encode(b"\x12\x34 signed").decode()


def test_text_in_several_chunks_is_one_block() -> None:
    played = play(answer(text("Hel"), text("lo"), text(" there")))
    assert played.kinds == ["start", "block_start", "block_delta", "block_delta", "block_end", "completion"]
    response = played.response
    assert [block.text.text for block in response.message.content] == ["Hello there"]
    assert response.id == "resp-1"
    assert response.message.origin == message_pb2.Origin(
        provider="gemini", provider_type="gemini", model="gemini-3.8-flash"
    )
    assert response.completion.finish_reason == chat_service_pb2.FINISH_REASON_STOP
    assert response.completion.provider_finish_reason == "STOP"
    assert not response.completion.provider_fields_json
    assert not response.completion.HasField("origin")


def test_thoughts_and_text_are_blocks_of_their_own() -> None:
    content = blocks(thought("Let "), thought("me see"), text("It is "), text("4"), thought("Hm"), text("."))
    assert kinds(content) == ["thinking", "text", "thinking", "text"]
    assert [block.thinking.text or block.text.text for block in content] == ["Let me see", "It is 4", "Hm", "."]


def test_a_signature_stays_on_its_very_part() -> None:
    content = blocks(
        thought("Hm"),
        text("before"),
        text("signed", thoughtSignature=SIGNATURE),
        text("after"),
        call() | {"thoughtSignature": SIGNATURE},
        call("other"),
        text("", thoughtSignature=SIGNATURE),
    )
    assert kinds(content) == ["thinking", "text", "text", "text", "tool_use", "tool_use", "text"]
    signed = [number for number, block in enumerate(content) if block.provider_state]
    assert signed == [2, 4, 6]
    assert all(content[number].provider_state == b"\x12\x34 signed" for number in signed)
    assert content[6].text.text == ""


@pytest.mark.parametrize("written", ["_-8=", "_-8", "/+8=", "/+8"])
def test_signatures_are_read_in_either_alphabet(written: str) -> None:
    (block,) = blocks(text("", thoughtSignature=written))
    assert block.provider_state == b"\xff\xef"
    assert not block.provider_fields_json


def test_a_signature_that_is_no_base64_is_kept_as_it_is() -> None:
    (block,) = blocks(text("", thoughtSignature="not base64!"))
    assert json.loads(block.provider_fields_json) == {"thoughtSignature": "not base64!"}
    assert not block.provider_state


def test_an_empty_part_without_anything_else_is_nothing() -> None:
    assert blocks(text("Hello"), text(""))[0].text.text == "Hello"
    assert blocks(text("")) == []


def test_calls_come_whole_and_ask_for_their_results() -> None:
    played = play(answer(text("I look."), call(id="c1"), call("get_time", {"big": 12345678901234567}, id="c2")))
    grammar(played.kinds)
    response = played.response
    first, second = response.message.content[1:]
    assert (first.tool_use.id, first.tool_use.name) == ("c1", "get_weather")
    assert first.tool_use.runner == message_pb2.TOOL_RUNNER_CLIENT
    assert second.tool_use.input_json == '{"big": 12345678901234567}'
    assert response.completion.finish_reason == chat_service_pb2.FINISH_REASON_TOOL_USE
    assert response.completion.provider_finish_reason == "STOP"


def test_calls_without_ids_get_the_same_ones_whenever_they_are_read() -> None:
    body = answer(call(), call())
    ids = [block.tool_use.id for block in play(body).response.message.content]
    assert len(set(ids)) == 2
    assert all(map(is_made_up, ids))
    assert [block.tool_use.id for block in play(body).response.message.content] == ids
    other = body.replace(b"resp-1", b"resp-2")
    assert not {block.tool_use.id for block in play(other).response.message.content} & set(ids)


def test_a_call_without_arguments_has_none() -> None:
    (block,) = blocks({"functionCall": {"name": "now"}})
    assert block.tool_use.input_json == ""


def test_calls_in_pieces_break_the_format() -> None:
    pieces: list[Json] = [
        {"functionCall": {"name": "f", "willContinue": True}},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Os"}]}},
    ]
    for part in pieces:
        assert play(answer(text("a"), part)).reason == "UPSTREAM_PROTOCOL_ERROR"


OPAQUE: list[Json] = [
    {"executableCode": {"language": "PYTHON", "code": "print(1)", "id": "x"}, "thoughtSignature": SIGNATURE},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
    {"toolCall": {"id": "s", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["x"]}}},
    {"somethingNew": 1, "thought": True},
    {"text": 7},
    {"inlineData": {"mimeType": "image/png", "data": "!"}},
    {},
]


@pytest.mark.parametrize("part", OPAQUE, ids=lambda part: next(iter(part), "empty"))
def test_parts_that_have_no_type_are_kept_whole(part: Json) -> None:
    (block,) = blocks(part)
    assert block.opaque.provider_type == "gemini"
    assert block.opaque.type == next(iter(part), "")
    assert json.loads(block.opaque.raw_json) == part


@pytest.mark.parametrize(
    ("media_type", "kind"), [("image/png", "image"), ("audio/L16;rate=24000", "audio"), ("application/pdf", "document")]
)
def test_media_come_as_bytes(media_type: str, kind: str) -> None:
    data = base64.b64encode(b"\x00bytes").decode()
    (block,) = blocks({"inlineData": {"mimeType": media_type, "data": data, "displayName": "d"}})
    media = getattr(block, kind).media
    assert (media.data, media.media_type) == (b"\x00bytes", media_type)
    assert json.loads(block.provider_fields_json) == {"inlineData": {"displayName": "d"}}
    (block,) = blocks({"fileData": {"mimeType": media_type, "fileUri": "gs://b/o"}})
    assert getattr(block, kind).media.url == "gs://b/o"


def test_members_beside_a_text_are_kept_with_it() -> None:
    first, second = blocks(text("a"), text("b", partMetadata={"x": 1.0}))
    assert first.text.text == "a"
    assert second.text.text == "b"
    assert second.provider_fields_json == '{"partMetadata":{"x": 1.0}}'


def test_halves_of_surrogate_pairs_are_joined() -> None:
    halves = (
        b'{"candidates":[{"content":{"parts":[{"text":"a\\ud83d"}]}}]}',
        (b'{"candidates":[{"content":{"parts":[{"text":"\\ude00b"}]},"finishReason":"STOP"}]}'),
    )
    body = b"".join(b"data: " + half + b"\n\n" for half in halves)
    assert play(body).response.message.content[0].text.text == "a\U0001f600b"
    cut = body.replace(b"\\ude00b", b"", 1)
    assert play(cut).response.message.content[0].text.text == "a\ufffd"
    turned = body.replace(b'"text":"\\ude00b"', b'"text":"b","thought":true')
    assert [b.text.text or b.thinking.text for b in play(turned).response.message.content] == ["a\ufffd", "b"]
    waiting = halves[0] + b"\n\ndata: " + halves[0].replace(b"a\\ud83d", b"c")
    between = body.replace(halves[0], waiting, 1).replace(b"\\ude00b", b"d")
    assert play(between).response.message.content[0].text.text == "a\ufffdcd"
    alone = body.replace(b'"a\\ud83d"', b'"\\ud83d"').replace(b"\\ude00b", b"c")
    assert play(alone).response.message.content[0].text.text == "\ufffdc"


def test_what_is_beside_the_content_is_kept_as_it_stands_on_the_wire() -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}]
    feedback = {"safetyRatings": ratings}
    played = play(
        sse(
            chunk(text("a"), candidate={"safetyRatings": ratings}, promptFeedback=feedback),
            chunk(text("b"), candidate={"safetyRatings": [], "urlContextMetadata": {"urlMetadata": [{"n": 1}]}}),
            chunk(
                finish="STOP",
                candidate={"avgLogprobs": -0.5, "urlContextMetadata": {"urlMetadata": [{"n": 2}], "x": 1}},
                modelStatus={"modelStage": "STABLE"},
            ),
        )
    )
    assert json.loads(played.response.completion.provider_fields_json) == {
        "candidates": [
            {
                "safetyRatings": [],
                "urlContextMetadata": {"urlMetadata": [{"n": 1}, {"n": 2}], "x": 1},
                "avgLogprobs": -0.5,
            }
        ],
        "promptFeedback": feedback,
        "modelStatus": {"modelStage": "STABLE"},
    }


def test_pages_are_cited_in_the_text_that_rests_on_them() -> None:
    segment = {"startIndex": 0, "endIndex": 5, "text": "Hello"}
    grounding = {
        "webSearchQueries": ["q"],
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}, {"retrievedContext": {"uri": "x"}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0, 1, 7], "confidenceScores": [0.9]}],
    }
    repeated = {"citationSources": [{"startIndex": 1, "endIndex": 2, "uri": "https://b.example", "license": "mit"}]}
    candidate = {"groundingMetadata": grounding, "citationMetadata": repeated}
    last = chunk(text("", thoughtSignature=SIGNATURE), finish="STOP", candidate=candidate)
    played = play(sse(chunk(text("Hello"), candidate=candidate), last))
    grammar(played.kinds)
    cited, signed = played.response.message.content
    assert [each.web_location.url for each in cited.text.citations] == ["https://a.example", "https://b.example"]
    assert cited.text.citations[0].web_location.title == "A"
    assert json.loads(cited.text.citations[0].provider_fields_json) == {"segment": segment}
    assert json.loads(cited.text.citations[1].provider_fields_json)["license"] == "mit"
    assert not signed.text.citations
    kept = json.loads(played.response.completion.provider_fields_json)["candidates"][0]
    assert kept["groundingMetadata"] == grounding
    assert kept["citationMetadata"] == repeated


def test_logprobs_belong_to_the_text() -> None:
    tokens = [{"token": "He", "tokenId": 1, "logProbability": -0.1}, {"token": "y", "logProbability": -0.2}]
    result = {"chosenCandidates": tokens, "topCandidates": [{"candidates": tokens}]}
    played = play(sse(chunk(text("Hey"), finish="STOP", candidate={"logprobsResult": result})))
    first, second = played.response.message.content[0].text.logprobs
    assert (first.token, first.logprob, [each.token for each in first.top]) == ("He", -0.1, ["He", "y"])
    assert (second.token, len(second.top)) == ("y", 0)
    (delta,) = [event.block_delta for event in played.events if event.block_delta.HasField("logprobs")]
    assert json.loads(delta.provider_fields_json) == {"logprobsResult": result}


FINISH = {
    "STOP": "STOP",
    "MAX_TOKENS": "MAX_OUTPUT_TOKENS",
    "SAFETY": "CONTENT_FILTER",
    "RECITATION": "CONTENT_FILTER",
    "BLOCKLIST": "CONTENT_FILTER",
    "PROHIBITED_CONTENT": "CONTENT_FILTER",
    "SPII": "CONTENT_FILTER",
    "MODEL_ARMOR": "CONTENT_FILTER",
    "IMAGE_SAFETY": "CONTENT_FILTER",
    "LANGUAGE": "OTHER",
    "OTHER": "OTHER",
    "WHATEVER_COMES_NEXT": "OTHER",
}


@pytest.mark.parametrize(("word", "expected"), FINISH.items())
def test_every_reason_to_finish_has_its_own_word(word: str, expected: str) -> None:
    held = {"finishReason": word, "finishMessage": "because"}
    completion = play(sse(chunk(text("a")), {"candidates": [held]})).response.completion
    assert chat_service_pb2.FinishReason.Name(completion.finish_reason) == f"FINISH_REASON_{expected}"
    assert completion.provider_finish_reason == word
    assert json.loads(completion.provider_fields_json) == {"candidates": [{"finishMessage": "because"}]}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("MALFORMED_FUNCTION_CALL", "UPSTREAM_ERROR"),
        ("MALFORMED_RESPONSE", "UPSTREAM_ERROR"),
        ("UNEXPECTED_TOOL_CALL", "UPSTREAM_ERROR"),
        ("TOO_MANY_TOOL_CALLS", "UPSTREAM_ERROR"),
        ("MISSING_THOUGHT_SIGNATURE", "UPSTREAM_REJECTED_REQUEST"),
    ],
)
def test_a_model_that_failed_has_not_answered(word: str, reason: str) -> None:
    held = {"finishReason": word, "finishMessage": "because"}
    played = play(sse(chunk(text("a")), {"candidates": [held], "usageMetadata": {"promptTokenCount": 3}}))
    failure = played.failure
    assert failure is not None
    assert not played.succeeded
    assert failure.reason_name == f"ERROR_REASON_{reason}"
    assert (failure.metadata["upstream_code"], failure.metadata["upstream_status"]) == (word, "200")
    assert ("upstream_message" in failure.metadata) == (reason == "UPSTREAM_REJECTED_REQUEST")
    # What came before counts, and was paid for.
    assert [event.block_start.block.text.text for event in played.events if event.HasField("block_start")] == ["a"]


def test_calls_before_another_reason_do_not_hide_it() -> None:
    completion = play(answer(call(), text("x"), finish="MAX_TOKENS")).response.completion
    assert completion.finish_reason == chat_service_pb2.FINISH_REASON_MAX_OUTPUT_TOKENS


@pytest.mark.parametrize("finish", ["", "FINISH_REASON_UNSPECIFIED"])
def test_an_answer_without_a_reason_to_finish_is_broken_off(finish: str) -> None:
    played = play(answer(text("a"), text("b"), finish=finish))
    assert played.reason == "UPSTREAM_UNREACHABLE"
    assert "completion" not in played.kinds
    assert play(b"").reason == "UPSTREAM_PROTOCOL_ERROR"


def test_what_comes_cut_after_the_end_takes_the_end_back() -> None:
    body = answer(text("a"))
    assert play(body).succeeded
    assert play(body + b'data: {"usageMetadata": {"prom').reason == "UPSTREAM_UNREACHABLE"
    assert play(body + b'{\n  "error": {\n    "code": 500').reason == "UPSTREAM_UNREACHABLE"


def test_usage_may_come_after_the_end() -> None:
    played = play(answer(text("a")) + sse({"usageMetadata": {"thoughtsTokenCount": 5}}))
    assert played.succeeded
    assert played.response.completion.usage.output_total == 9


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"promptTokenCount": 10}, {"input_total": 10, "input_uncached": 10}),
        (
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 80,
                "toolUsePromptTokenCount": 7,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 20,
            },
            {
                "input_total": 107,
                "input_uncached": 27,
                "cache_read": 80,
                "output_total": 25,
                "output_reasoning": 20,
            },
        ),
        ({"thoughtsTokenCount": 3, "trafficType": "ON_DEMAND"}, {"output_total": 3, "output_reasoning": 3}),
        ({"promptTokenCount": "10", "candidatesTokenCount": 1}, {"output_total": 1}),
        ({"promptTokenCount": -1}, {}),
        ({"promptTokenCount": 2**31}, {}),
        ({"promptTokenCount": 2**31 - 1, "toolUsePromptTokenCount": 2**31 - 1}, {}),
    ],
)
def test_usage_is_counted_the_contracts_way(metadata: Json, expected: Json) -> None:
    played = play(sse({"candidates": [{"finishReason": "STOP"}], "usageMetadata": metadata}))
    usage = played.response.completion.usage
    told = {field.name: value for field, value in usage.ListFields()}
    assert json.loads(told.pop("provider_usage_json")) == metadata
    assert told.pop("service_tier", "") == metadata.get("trafficType", "")
    assert told == expected


def test_a_blocked_prompt_is_an_error() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "No."}
    played = play(sse({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}}))
    assert played.reason == "CONTENT_BLOCKED"
    assert played.failure is not None
    assert played.failure.metadata["upstream_code"] == "PROHIBITED_CONTENT"
    assert played.failure.metadata["upstream_message"] == "No."
    assert played.events == []


BARE = json.dumps(error(503, "UNAVAILABLE", "The model is overloaded."), indent=2).encode()


@pytest.mark.parametrize(
    "tail",
    [BARE, BARE + b"\n", BARE + b"\n\n", BARE.replace(b"\n", b"\r\n") + b"\r\n\r\n", b"[" + BARE + b"\n]\n",
     BARE.replace(b"\n", b"\n\n"), b"data: " + json.dumps(json.loads(BARE)).encode()],
)  # fmt: skip
def test_an_error_in_the_stream_is_found_with_and_without_data(tail: bytes) -> None:
    for before in (b"", sse(chunk(text("a"))), sse(chunk(text("a")), chunk(text("b"), finish="STOP"))):
        played = play(before + tail)
        assert played.reason == "UPSTREAM_OVERLOADED"
        assert "completion" not in played.kinds


@pytest.mark.parametrize(
    "broken",
    [
        b"data: nonsense\n\n",
        b"data: 7\n\n",
        b'data: {"candidates": [7]}\n\n',
        b'data: {"candidates": [{"content": {"parts": [7]}}]}\n\n',
        b'data: {"candidates": [{}, {}]}\n\n',
        b'data: {"candidates": [{"index": 1}]}\n\n',
        b'data: {"usageMetadata": []}\n\n',
        b'data: {"x": "\xff"}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":"x"}]}}],"usageMetadata":{"a":"\xff"}}\n\n',
    ],
)
def test_what_is_not_the_format_breaks_the_answer(broken: bytes) -> None:
    assert play(broken + answer(text("a"))).reason == "UPSTREAM_PROTOCOL_ERROR"
    assert play(sse(chunk(text("a"))) + broken).reason == "UPSTREAM_PROTOCOL_ERROR"


def test_a_model_that_changes_on_its_way_is_told_in_the_end() -> None:
    chunks = [chunk(text("a")), *(chunk(text(each), modelVersion="gemini-other") for each in "bc")]
    played = play(sse(*chunks) + answer(text("d")).replace(b"gemini-3.8-flash", b""))
    assert played.events[0].start.origin.model == "gemini-3.8-flash"
    assert played.response.message.origin.model == "gemini-other"


@pytest.mark.parametrize("as_list", [False, True])
def test_an_answer_in_one_piece_is_what_its_stream_would_be(as_list: bool) -> None:
    parts = [thought("Hm"), text("It is "), text("4", thoughtSignature=SIGNATURE), call()]
    whole = chunk(*parts, finish="STOP")
    chunks = [*map(chunk, parts[:-1]), chunk(parts[-1], finish="STOP")]
    body = json.dumps(chunks if as_list else whole).encode()
    played = play(sse(*chunks))
    played.events = PROVIDER.decode_message(body, TARGET)
    assert played.response == play(sse(*chunks)).response
