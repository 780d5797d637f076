"""Recorded exchanges with OpenAI, both ways: each answer is what its bytes say, each request can be sent again."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from trunkline.v1 import chat_service_pb2, error_reason_pb2, message_pb2
from trunkline_service.providers.openai import headers
from trunkline_service.providers.openai.platform import AZURE, COMPATIBLE, OPENAI, Platform
from wire.recordings import Recording, each
from wire_openai.decoding import AZURE_PROVIDER, COMPATIBLE_PROVIDER, PROVIDER, TARGET, Json, fold, grammar, play
from wire_openai.lift import lift
from wire_openai.recorded import answers, recordings

FINISH = {"stop": "STOP", "length": "MAX_OUTPUT_TOKENS", "tool_calls": "TOOL_USE"}


def message_of(body: bytes) -> Json:
    """The answer that a stream adds up to, read without the service's decoder."""
    result: Json = {}
    message: Json = {"content": "", "tool_calls": []}
    for line in body.decode().split("\n"):
        if not line.startswith("data: {"):
            continue
        chunk: dict[str, Any] = json.loads(line[6:])
        choices = chunk.pop("choices")
        result |= {name: value for name, value in chunk.items() if value is not None}
        for choice in choices:
            message["content"] += choice["delta"].get("content") or ""
            for piece in choice["delta"].get("tool_calls") or ():
                if "id" in piece:
                    message["tool_calls"].append({"id": piece["id"], "function": dict(piece["function"])})
                else:
                    message["tool_calls"][piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
            result["choices"] = [{"message": message, "finish_reason": choice["finish_reason"]}]
    return result


def blocks(message: Json) -> list[message_pb2.ContentBlock]:
    found = []
    if message["content"]:
        found.append(message_pb2.ContentBlock(text=message_pb2.TextBlock(text=message["content"])))
    for call in message.get("tool_calls") or ():
        use = message_pb2.ToolUseBlock(
            id=call["id"],
            name=call["function"]["name"],
            input_json=call["function"]["arguments"],
            runner=message_pb2.TOOL_RUNNER_CLIENT,
        )
        found.append(message_pb2.ContentBlock(tool_use=use))
    return found


def assert_says(response: chat_service_pb2.ChatResponse, said: Json) -> None:
    first, *others = said["choices"]
    completion = response.completion
    assert response.id == said["id"]
    assert response.message.origin.model == said["model"]
    assert response.message.role == message_pb2.ROLE_ASSISTANT
    assert list(response.message.content) == blocks(first["message"])
    finish = chat_service_pb2.FinishReason.Name(completion.finish_reason)
    assert finish == f"FINISH_REASON_{FINISH[first['finish_reason']]}"
    assert completion.provider_finish_reason == first["finish_reason"]
    usage = said.get("usage", {})
    assert json.loads(completion.usage.provider_usage_json or "{}") == usage
    if usage:
        details = usage["prompt_tokens_details"]
        assert completion.usage.input_total == usage["prompt_tokens"]
        assert completion.usage.cache_read == details["cached_tokens"]
        assert completion.usage.cache_write == details.get("cache_write_tokens", 0)
        parts = completion.usage.input_uncached + completion.usage.cache_read + completion.usage.cache_write
        assert completion.usage.input_total == parts
        assert completion.usage.output_total == usage["completion_tokens"]
        assert completion.usage.output_reasoning == usage["completion_tokens_details"]["reasoning_tokens"]
    assert completion.usage.service_tier == said["service_tier"]
    kept = {name: said[name] for name in ("created", "system_fingerprint") if said.get(name) is not None}
    assert json.loads(completion.provider_fields_json) == kept | ({"choices": others} if others else {})
    assert not completion.warnings


@each(answers)
def test_an_answer_is_what_its_bytes_say(recording: Recording) -> None:
    if recording.is_stream:
        played = play(recording.body)
        assert played.succeeded
        grammar(played.kinds)
        assert_says(played.response, message_of(recording.body))
    else:
        events = PROVIDER.decode_message(recording.body, TARGET)
        grammar([event.WhichOneof("kind") or "" for event in events])
        assert_says(fold(events), json.loads(recording.body))


@each(recordings)
@pytest.mark.parametrize("platform", [OPENAI, COMPATIBLE, AZURE], ids=["openai", "compatible", "azure"])
def test_a_request_can_be_sent_again(recording: Recording, platform: Platform) -> None:
    provider = {OPENAI: PROVIDER, COMPATIBLE: COMPATIBLE_PROVIDER, AZURE: AZURE_PROVIDER}[platform]
    chat_input = lift(recording.request)
    sent = provider.encode_chat(chat_input, dataclasses.replace(TARGET, model=chat_input.model))
    expected = dict(recording.request)
    # A call has one answer.
    expected.pop("n", None)
    expected |= {"stream": True, "stream_options": {"include_usage": True}}
    for name in ("max_tokens", "max_completion_tokens"):
        if name in expected:
            expected[platform.length_member] = expected.pop(name)
    assert json.loads(sent.body) == expected
    assert not sent.warnings
    assert sent.url == "https://api.invalid/v1/chat/completions"


@each(recordings)
def test_the_headers_of_an_answer(recording: Recording) -> None:
    assert PROVIDER.request_id(recording.headers) == recording.headers["x-request-id"]
    limits = {limit.name: limit for limit in PROVIDER.rate_limits(recording.headers)}
    for name in ("requests", "tokens", "input-images"):
        if (limit := recording.headers.get(f"x-ratelimit-limit-{name}")) is None:
            assert name not in limits
            continue
        assert limits[name].limit == int(limit)
        assert limits[name].remaining == int(recording.headers[f"x-ratelimit-remaining-{name}"])
        assert limits[name].HasField("reset_time")


@each(lambda: [recording for recording in recordings() if recording.status == 401])
def test_a_rejected_key(recording: Recording) -> None:
    error = PROVIDER.decode_error(recording.status, recording.headers, recording.body, TARGET)
    assert error.reason == error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED
    assert error.metadata["upstream_code"] == "invalid_api_key"
    assert error.metadata["upstream_request_id"] == headers.request_id(recording.headers)
    # The provider's own words hold a part of the key.
    assert "upstream_message" not in error.metadata
