"""Real exchanges: what the API answered, and what it was asked, through the adapter and through a running gateway."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import grpc
import pytest

from support.calls import chat_failure, events_of
from support.upstream import Answer, ScriptedUpstream
from trunkline.v1 import chat_input_pb2, chat_service_pb2, chat_service_pb2_grpc
from wire.decoding import PROVIDER, TARGET, Json, fold, grammar, play
from wire.lift import lift
from wire.reading import assert_limits, assert_says, message_of
from wire.recordings import Recording, answers, each, recordings, streams

Stub = "chat_service_pb2_grpc.ChatServiceAsyncStub"


def message_in(recording: Recording) -> Json:
    return message_of(recording.body) if recording.is_stream else json.loads(recording.body)


def normalised(request: Json) -> Json:
    """A request with blocks in the place of strings, and without `stream`, which is the gateway's to decide."""

    def blocks(content: Any) -> Any:
        return [{"type": "text", "text": content}] if isinstance(content, str) else content

    result = {name: value for name, value in request.items() if name != "stream"}
    if "system" in result:
        result["system"] = blocks(result["system"])
    result["messages"] = [
        message if isinstance(message, str) else message | {"content": blocks(message["content"])}
        for message in result["messages"]
    ]
    return result


@each(streams)
def test_a_stream_says_what_its_bytes_say(recording: Recording) -> None:
    played = play(recording.body)
    assert played.succeeded
    grammar(played.kinds)
    assert_says(played.response, message_of(recording.body))


@each(lambda: [recording for recording in answers() if not recording.is_stream])
def test_a_whole_answer_says_what_its_bytes_say(recording: Recording) -> None:
    events = PROVIDER.decode_message(recording.body, TARGET)
    grammar([event.WhichOneof("kind") or "" for event in events])
    assert_says(fold(events), json.loads(recording.body))


@each(recordings)
def test_headers_say_what_they_say(recording: Recording) -> None:
    assert_limits(PROVIDER.rate_limits(recording.headers), recording.headers)
    assert PROVIDER.request_id(recording.headers) == recording.headers.get("request-id", "")


@each(recordings)
def test_a_lifted_request_is_sent_out_equal(recording: Recording) -> None:
    chat_input = lift(json.dumps(recording.request).encode(), recording.request_headers)
    sent = PROVIDER.encode_chat(chat_input, dataclasses.replace(TARGET, model=chat_input.model))
    body = json.loads(sent.body)
    assert body.pop("stream") is True
    assert body == normalised(recording.request)
    for name in ("anthropic-version", "anthropic-beta", "content-type"):
        assert sent.headers.get(name) == recording.request_headers.get(name)
    assert not sent.warnings


@each(lambda: [recording for recording in recordings() if recording.status != 400])
def test_a_lifted_request_needs_no_escape_hatch(recording: Recording) -> None:
    chat_input = lift(json.dumps(recording.request).encode())
    assert not chat_input.provider_options_json
    blocks = [block for message in chat_input.messages for block in message.content]
    assert not [block for block in blocks if block.provider_fields_json or block.HasField("opaque")]


@each(answers)
@pytest.mark.parametrize("size", [None, 100, 7])
async def test_a_gateway_says_what_the_bytes_say(
    recording: Recording, size: int | None, wire: chat_service_pb2_grpc.ChatServiceAsyncStub, upstream: ScriptedUpstream
) -> None:
    size = size or len(recording.body)
    pieces = [recording.body[at : at + size] for at in range(0, len(recording.body), size)]
    upstream.answer(Answer(pieces, headers=recording.headers))
    chat_input = lift(json.dumps(recording.request).encode(), recording.request_headers)
    unary = await wire.Chat(chat_service_pb2.ChatRequest(input=chat_input), timeout=20)
    streamed = await events_of(wire, chat_service_pb2.StreamChatRequest(input=chat_input))
    grammar([event.WhichOneof("kind") or "" for event in streamed])
    for response in (unary, fold(streamed)):
        assert response.message.origin.provider == "anthropic"
        assert_says(response, message_in(recording))
        [attempt] = response.completion.route_report.attempts
        assert attempt.upstream_status == 200
        assert attempt.upstream_request_id == recording.headers.get("request-id", "")
        assert_limits(list(attempt.rate_limits), recording.headers)
    for received in upstream.received:
        assert received.path == "/v1/messages"
        assert normalised(received.json) == normalised(recording.request)
        assert received.headers["anthropic-version"] == recording.request_headers["anthropic-version"]
        assert received.headers.get("anthropic-beta") == recording.request_headers.get("anthropic-beta")


# What the recorded errors mean, by their status.
ERRORS = {
    400: (grpc.StatusCode.INVALID_ARGUMENT, "UPSTREAM_REJECTED_REQUEST", ["input.messages[0]"]),
    401: (grpc.StatusCode.FAILED_PRECONDITION, "UPSTREAM_CREDENTIALS_REJECTED", []),
}


@each(lambda: [recording for recording in recordings() if recording.status != 200])
async def test_a_gateway_fails_as_the_bytes_say(
    recording: Recording, wire: chat_service_pb2_grpc.ChatServiceAsyncStub, upstream: ScriptedUpstream
) -> None:
    upstream.answer(Answer(recording.body, recording.status, recording.headers))
    chat_input = lift(json.dumps(recording.request).encode(), recording.request_headers)
    failed = await chat_failure(wire, chat_service_pb2.ChatRequest(input=chat_input))
    said = json.loads(recording.body)["error"]
    code, reason, fields = ERRORS[recording.status]
    assert (failed.code, failed.reason, failed.fields) == (code, reason, fields)
    assert failed.info.metadata["upstream_status"] == str(recording.status)
    assert failed.info.metadata["upstream_code"] == said["type"]
    assert failed.info.metadata["upstream_request_id"] == recording.headers["request-id"]
    assert failed.retry is None
    assert (said["message"] in failed.message) == (recording.status == 400)


def test_the_model_is_the_only_thing_that_the_gateway_needs() -> None:
    """Nothing but what a request holds goes upstream."""
    sent = PROVIDER.encode_chat(chat_input_pb2.ChatInput(), TARGET)
    assert json.loads(sent.body) == {
        "model": TARGET.model,
        "messages": [],
        "max_tokens": TARGET.max_output_tokens,
        "stream": True,
    }
