"""A server that speaks Chat Completions behind the contract, by its address in the configuration alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from e2e.gateways import until
from support.calls import chat_failure, chat_input, events_of, failure_of, said, stream_failure, user
from support.upstream import JSON, STREAM, Answer, ScriptedUpstream
from trunkline.v1 import chat_input_pb2, chat_service_pb2, chat_service_pb2_grpc, message_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import parse
from wire.decoding import fold, grammar

CONFIGURATION = """
listen: 127.0.0.1:0
providers:
  local:
    type: openai_compatible
    base_url: {url}/v1
    timeouts: {{first_event: 2s, idle: 1s}}
  azure:
    type: azure_openai
    api: chat
    base_url: {url}
    version: 2024-10-21
    api_key: {{env: AZURE_KEY}}
  mistral:
    type: openai_compatible
    base_url: http://api.mistral.ai/v1
    # Which is how an address on the internet is found on this machine.
    proxy: {url}
models:
  fast: local/qwen3
"""
TOOL = chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="weather/now"))


@dataclass
class Front:
    """A gateway in front of a scripted server."""

    stub: chat_service_pb2_grpc.ChatServiceAsyncStub
    server: ScriptedUpstream


@pytest.fixture(scope="module")
async def front() -> AsyncIterator[Front]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AZURE_KEY", "azure-key")
        async with ScriptedUpstream() as server:
            settings = parse(CONFIGURATION.format(url=server.url), "trunkline.yaml")
            async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
                yield Front(chat_service_pb2_grpc.ChatServiceStub(channel), server)  # type: ignore[arg-type]


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    held = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "qwen3", "choices": [choice]}
    return b"data: " + json.dumps(held).encode() + b"\n\n"


def answer(*chunks: bytes, **fields: Any) -> Answer:
    return Answer(list(chunks), headers=STREAM, **fields)


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}\n\n'
THOUGHT = chunk({"role": "assistant", "reasoning_content": "Hm."})
TEXT = [chunk({"content": piece}) for piece in ("Bon", "jour")]
STOP = chunk({}, "stop")
DONE = b"data: [DONE]\n\n"


def asked(model: str = "local/qwen3", **fields: Any) -> chat_service_pb2.ChatRequest:
    return chat_service_pb2.ChatRequest(input=chat_input(model, **fields))


def streamed(model: str = "local/qwen3", **fields: Any) -> chat_service_pb2.StreamChatRequest:
    return chat_service_pb2.StreamChatRequest(input=chat_input(model, **fields))


@pytest.mark.parametrize("model", ["local/qwen3", "fast"])
async def test_a_stream(front: Front, model: str) -> None:
    front.server.answer(answer(THOUGHT, *TEXT, STOP, USAGE, DONE))
    events = await events_of(front.stub, streamed(model))
    grammar([event.WhichOneof("kind") or "" for event in events])
    response = fold(events)
    thinking, text = response.message.content
    assert (thinking.thinking.text, text.text.text) == ("Hm.", "Bonjour")
    assert response.message.origin == message_pb2.Origin(provider="local", provider_type="openai", model="qwen3")
    completion = response.completion
    assert (completion.usage.input_total, completion.usage.output_total) == (9, 4)
    [attempt] = completion.route_report.attempts
    assert (attempt.provider, attempt.upstream_status) == ("local", 200)
    [received] = front.server.received
    assert received.path == "/v1/chat/completions"
    assert "authorization" not in received.headers
    assert received.json == {
        "model": "qwen3",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 100,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_an_answer_in_one_piece(front: Front) -> None:
    front.server.answer(answer(*TEXT, STOP))
    assert said(await front.stub.Chat(asked(), timeout=5)) == "Bonjour"
    message = {"role": "assistant", "content": "Bonjour"}
    whole = {"id": "c", "model": "qwen3", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    front.server.answer(Answer(json.dumps(whole).encode(), headers=JSON))
    assert said(await front.stub.Chat(asked(), timeout=5)) == "Bonjour"


async def test_names_of_tools_come_back(front: Front) -> None:
    front.server.answer(answer(*TEXT, STOP))
    await front.stub.Chat(asked(tools=[TOOL]), timeout=5)
    name = front.server.received[0].json["tools"][0]["function"]["name"]
    assert name != "weather/now"
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
    front.server.answer(answer(chunk({"tool_calls": [call]}), chunk({}, "tool_calls"), DONE))
    response = await front.stub.Chat(asked(tools=[TOOL]), timeout=5)
    [block] = response.message.content
    assert block.tool_use.name == "weather/now"
    # The next turn: the answer goes back as it is, with the result.
    front.server.answer(answer(*TEXT, STOP))
    result = message_pb2.ToolResultBlock(tool_use_id="c", content=[user("7 C").content[0]])
    turns = [user("?"), response.message, user(message_pb2.ContentBlock(tool_result=result))]
    request = chat_service_pb2.ChatRequest(
        input=chat_input_pb2.ChatInput(model="local/qwen3", messages=turns, tools=[TOOL])
    )
    await front.stub.Chat(request, timeout=5)
    _, again, answered = front.server.received[0].json["messages"]
    assert again["tool_calls"] == [{"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}]
    assert answered == {"role": "tool", "tool_call_id": "c", "content": "7 C"}


async def test_azure(front: Front) -> None:
    front.server.answer(answer(*TEXT, STOP, DONE))
    assert said(await front.stub.Chat(asked("azure/gpt-6"), timeout=5)) == "Bonjour"
    [received] = front.server.received
    assert received.path == "/openai/deployments/gpt-6/chat/completions?api-version=2024-10-21"
    assert received.headers["api-key"] == "azure-key"
    assert received.json["max_completion_tokens"] == 100


def error(**members: Any) -> bytes:
    return json.dumps({"error": {"message": "m", "type": None, "param": None, "code": None} | members}).encode()


ERRORS = [
    (400, error(param="messages[0]"), grpc.StatusCode.INVALID_ARGUMENT, "UPSTREAM_REJECTED_REQUEST", False),
    (400, error(code="context_length_exceeded"), grpc.StatusCode.INVALID_ARGUMENT, "CONTEXT_LENGTH_EXCEEDED", False),
    (401, error(code="invalid_api_key"), grpc.StatusCode.FAILED_PRECONDITION, "UPSTREAM_CREDENTIALS_REJECTED", False),
    (404, error(message="no model x"), grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", False),
    (429, error(code="rate_limit_exceeded"), grpc.StatusCode.RESOURCE_EXHAUSTED, "UPSTREAM_RATE_LIMITED", True),
    (429, error(code="insufficient_quota"), grpc.StatusCode.RESOURCE_EXHAUSTED, "UPSTREAM_QUOTA_EXHAUSTED", False),
    (502, b"<html>", grpc.StatusCode.UNAVAILABLE, "UPSTREAM_ERROR", True),
]


@pytest.mark.parametrize(("status", "body", "code", "reason", "again"), ERRORS)
async def test_errors(front: Front, status: int, body: bytes, code: grpc.StatusCode, reason: str, again: bool) -> None:
    front.server.answer(Answer(body, status, {**JSON, "retry-after-ms": "1500", "x-request-id": "req_1"}))
    failed = await chat_failure(front.stub, asked())
    assert (failed.code, failed.reason) == (code, reason)
    assert failed.info.metadata["upstream_status"] == str(status)
    assert failed.info.metadata["upstream_request_id"] == "req_1"
    assert (failed.retry is not None) == again
    if failed.retry is not None:
        assert failed.retry.retry_delay.ToMilliseconds() == 1500


async def test_what_cannot_be_honoured_is_named(front: Front) -> None:
    front.server.answer(answer(DONE))
    failed = await chat_failure(front.stub, asked(openai=chat_input_pb2.OpenAiOptions(truncation="auto")))
    assert (failed.code, failed.fields) == (grpc.StatusCode.UNIMPLEMENTED, ["input.openai.truncation"])
    assert not front.server.received


FAULTS = {
    "an error before the answer": (answer(b"data: " + error(type="server_error") + b"\n\n"), "UPSTREAM_ERROR", ""),
    "an error in the answer": (
        answer(*TEXT, b"data: " + error(code="rate_limit_exceeded") + b"\n\n"),
        "STREAM_INTERRUPTED",
        "UPSTREAM_RATE_LIMITED",
    ),
    "no end": (answer(*TEXT), "STREAM_INTERRUPTED", "UPSTREAM_UNREACHABLE"),
    "cut": (answer(*TEXT, ends=False), "STREAM_INTERRUPTED", "UPSTREAM_UNREACHABLE"),
    "cut after the reason": (answer(*TEXT, STOP, ends=False), "STREAM_INTERRUPTED", "UPSTREAM_UNREACHABLE"),
    "cut in the usage": (answer(*TEXT, STOP, USAGE[:40]), "STREAM_INTERRUPTED", "UPSTREAM_UNREACHABLE"),
    "not its format": (answer(*TEXT, b"data: ?\n\n"), "STREAM_INTERRUPTED", "UPSTREAM_PROTOCOL_ERROR"),
    "stalled": (answer(TEXT[0], *[b""], TEXT[1], pause=1.5), "STREAM_INTERRUPTED", "UPSTREAM_TIMEOUT"),
}


@pytest.mark.parametrize(("script", "reason", "cause"), FAULTS.values(), ids=FAULTS)
async def test_streams_that_break(front: Front, script: Answer, reason: str, cause: str) -> None:
    front.server.answer(script)
    events, failed = await stream_failure(front.stub, streamed())
    assert failed.reason == reason
    assert failed.info.metadata.get("cause", "").removeprefix("ERROR_REASON_") == cause
    assert not any(event.HasField("completion") for event in events)
    assert bool(events) == bool(cause)
    assert (await chat_failure(front.stub, asked())).reason == reason


async def test_a_caller_that_hangs_up(front: Front) -> None:
    front.server.answer(answer(*TEXT, *[chunk({"content": "."})] * 1000, pause=0.02))
    call = front.stub.StreamChat(streamed(), timeout=20)
    await call.read()
    open_ones = len(front.server._connections)
    call.cancel()
    await until(lambda: len(front.server._connections) < open_ones, 2)


async def test_a_deadline(front: Front) -> None:
    front.server.answer(answer(*TEXT, *[chunk({"content": "."})] * 1000, pause=0.02))
    call = front.stub.Chat(asked(), timeout=0.3)
    await until(lambda: front.server.received)
    open_ones = len(front.server._connections)
    failed = await failure_of(call)
    assert failed.code == grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: len(front.server._connections) < open_ones, 2)


async def test_mistral_by_its_address_alone(front: Front) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    front.server.answer(answer(chunk({"content": [thought]}), *TEXT, chunk({}, "stop"), USAGE, b"data: [DONE]\n\n"))
    asked = chat_input("mistral/magistral", user("Hi"))
    first = await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
    assert said(first) == "Bonjour"
    assert first.completion.usage.input_total == 9
    [received] = front.server.received
    assert received.path == "http://api.mistral.ai/v1/chat/completions"
    assert received.json.keys() == {"model", "messages", "stream", "max_tokens"}
    # The answer goes back as it came.
    asked = chat_input("mistral/magistral", user("Hi"), first.message, user("Go on"))
    await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
    sent = front.server.received[-1].json["messages"][1]
    assert sent == {"role": "assistant", "content": [thought, {"type": "text", "text": "Bonjour"}]}
