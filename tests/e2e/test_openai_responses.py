"""OpenAI's Responses API through a running gateway: streamed and whole, tool loops, counts, errors and cuts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import grpc
import pytest

from support.calls import (
    Stub,
    chat_failure,
    chat_input,
    events_of,
    request,
    said,
    stream_failure,
    stream_request,
    text_block,
    user,
)
from support.upstream import STREAM, Answer, ScriptedUpstream
from trunkline.v1 import chat_input_pb2, chat_service_pb2, chat_service_pb2_grpc, message_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import ProviderSettings, Secret, Settings
from wire_responses.decoding import (
    KEY,
    answer,
    created,
    fold,
    function_call,
    grammar,
    item_events,
    message,
    reasoning,
    response,
    sse,
    text,
)

MODEL = "openai/gpt-6-sol"
LOOP = [reasoning("Where?", "Oslo."), function_call('{"city": "Oslo"}')]


@pytest.fixture(scope="module")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as running:
        yield running


@pytest.fixture(scope="module")
async def openai(upstream: ScriptedUpstream) -> AsyncIterator[Stub]:
    """A stub of a gateway in front of `upstream`, which is its provider "openai"."""
    provider = ProviderSettings(
        name="openai",
        type="openai",
        api="responses",
        auth="bearer",
        base_url=f"{upstream.url}/v1",
        api_key=Secret(env="KEY", environ={"KEY": KEY}),
    )
    settings = Settings(listen="127.0.0.1:0", providers={"openai": provider})
    async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        yield chat_service_pb2_grpc.ChatServiceStub(channel)  # type: ignore[misc]


def streamed(body: bytes, size: int = 200, *, ends: bool = True) -> Answer:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    # What is cut off at once takes with it what was not read yet.
    return Answer(pieces, headers={**STREAM, "x-request-id": "req_1"}, ends=ends, pause=0.0 if ends else 0.02)


async def test_a_stream_and_a_whole_answer(openai: Stub, upstream: ScriptedUpstream) -> None:
    items = [reasoning("Hm."), message(text("Bonjour é🎉"))]
    upstream.answer(streamed(answer(*items)))
    events = await events_of(openai, stream_request(MODEL))
    grammar([event.WhichOneof("kind") or "" for event in events])
    unary = await openai.Chat(request(MODEL), timeout=10)
    upstream.answer(Answer(json.dumps(response(items), ensure_ascii=False).encode()))
    in_one_piece = await openai.Chat(request(MODEL), timeout=10)
    for got in (fold(events), unary, in_one_piece):
        assert got.id == "resp_1"
        assert said(got) == "Bonjour é🎉"
        assert got.message.content[0].thinking.text == "Hm."
        assert got.message.origin.model == "gpt-6-sol-2026-08-01"
        assert got.completion.finish_reason == chat_service_pb2.FINISH_REASON_STOP
        assert (got.completion.usage.input_total, got.completion.usage.output_reasoning) == (75, 7)
    assert unary.message == fold(events).message == in_one_piece.message
    [attempt] = unary.completion.route_report.attempts
    assert (attempt.upstream_status, attempt.upstream_request_id) == (200, "req_1")


async def test_a_tool_loop(openai: Stub, upstream: ScriptedUpstream) -> None:
    upstream.answer(streamed(answer(*LOOP)), streamed(answer(message(text("Rain.")))))
    tools = [chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="get_weather"))]
    asked = chat_input(MODEL, user("Weather?"), tools=tools)
    first = await openai.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=10)
    assert first.completion.finish_reason == chat_service_pb2.FINISH_REASON_TOOL_USE
    call = first.message.content[1].tool_use
    assert (call.id, call.name, call.input_json) == ("call_1", "get_weather", '{"city": "Oslo"}')
    result = message_pb2.ToolResultBlock(tool_use_id=call.id, content=[text_block("rain")])
    answered = message_pb2.Message(role=message_pb2.ROLE_TOOL, content=[message_pb2.ContentBlock(tool_result=result)])
    asked.messages.extend([first.message, answered])
    second = await openai.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=10)
    assert said(second) == "Rain."
    assert not second.completion.warnings
    sent = upstream.received[1]
    assert (sent.method, sent.path) == ("POST", "/v1/responses")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.json["stream"] is True
    assert sent.json["input"][1:] == [*LOOP, {"type": "function_call_output", "call_id": "call_1", "output": "rain"}]


async def test_a_count(openai: Stub, upstream: ScriptedUpstream) -> None:
    upstream.answer(Answer(b'{"object": "response.input_tokens", "input_tokens": 11, "x": 1.0}'))
    count = await openai.CountTokens(chat_service_pb2.CountTokensRequest(input=chat_input(MODEL)), timeout=10)
    assert (count.input_tokens, count.method) == (11, chat_service_pb2.COUNT_METHOD_PROVIDER)
    assert count.provider_fields_json == '{"x":1.0}'
    assert upstream.received[0].path == "/v1/responses/input_tokens"
    assert set(upstream.received[0].json) == {"model", "input"}


async def test_errors_before_the_answer(openai: Stub, upstream: ScriptedUpstream) -> None:
    error = {"message": "Invalid value: 9", "type": "invalid_request_error", "param": "temperature", "code": "bad"}
    upstream.answer(Answer(json.dumps({"error": error}).encode(), 400))
    failed = await chat_failure(openai, request(MODEL))
    assert (failed.code, failed.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UPSTREAM_REJECTED_REQUEST")
    assert failed.fields == ["input.generation.temperature"]
    limited = {"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}}
    upstream.answer(Answer(json.dumps(limited).encode(), 429, {"content-type": "application/json", "retry-after": "2"}))
    failed = await chat_failure(openai, request(MODEL))
    assert (failed.reason, failed.retry is not None) == ("UPSTREAM_RATE_LIMITED", True)
    upstream.answer(Answer(json.dumps({"error": {"message": KEY, "code": "invalid_api_key"}}).encode(), 401))
    failed = await chat_failure(openai, request(MODEL))
    assert (failed.code, failed.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UPSTREAM_CREDENTIALS_REJECTED")
    assert KEY not in str(failed)


async def test_errors_within_the_stream(openai: Stub, upstream: ScriptedUpstream) -> None:
    error = {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None}
    upstream.answer(streamed(sse(created(), error)))
    failed = await chat_failure(openai, request(MODEL))
    assert (failed.reason, failed.info.metadata["upstream_code"]) == ("UPSTREAM_RATE_LIMITED", "rate_limit_exceeded")
    final = response(status="failed", error={"code": "server_error", "message": "The server failed."})
    told = item_events(message(text("Bonjour")), 0)[:4]
    upstream.answer(streamed(sse(created(), *told, {"type": "response.failed", "response": final})))
    events, failed = await stream_failure(openai, stream_request(MODEL))
    assert failed.reason == "STREAM_INTERRUPTED"
    assert failed.info.metadata["cause"] == "ERROR_REASON_UPSTREAM_ERROR"
    assert failed.info.metadata["input_tokens"] == "75"
    assert said(fold(events)) == "Bonjou"


@pytest.mark.parametrize("ends", [True, False], ids=["ended", "cut"])
async def test_a_stream_without_its_end_mark_is_no_answer(openai: Stub, upstream: ScriptedUpstream, ends: bool) -> None:
    body = answer(message(text("Bonjour")))
    upstream.answer(streamed(body[: body.index(b"event: response.completed")], ends=ends))
    events, failed = await stream_failure(openai, stream_request(MODEL))
    assert (failed.code, failed.reason) == (grpc.StatusCode.ABORTED, "STREAM_INTERRUPTED")
    assert "Bonjour".startswith(said(fold(events)) or "nothing")
    assert not any(event.HasField("completion") for event in events)
    assert failed.retry is None
