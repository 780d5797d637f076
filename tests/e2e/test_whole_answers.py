"""Answers that come in one piece, as some proxies give them: up to the limit, and beyond it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import grpc
import pytest

from e2e.gateways import Running, provider, running
from support.calls import chat_failure, chat_input, failure, request, said, stream_failure, stream_request
from support.upstream import JSON, STREAM, Answer, ScriptedUpstream
from trunkline.v1 import chat_input_pb2, chat_service_pb2
from trunkline_service.routing import attempt, failing, questions

LIMIT = 2**17
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": ""}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


@pytest.fixture
async def upstream(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedUpstream]:
    """What it answers in one piece may have `LIMIT` bytes, so that what has more is not large."""
    for module in (attempt, questions):
        monkeypatch.setattr(module, "MAX_WHOLE_BYTES", LIMIT)
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
async def own(upstream: ScriptedUpstream) -> AsyncIterator[Running]:
    async with running(providers={"anthropic": provider(upstream.url)}) as front:
        yield front


def padded(answer: object, size: int) -> Answer:
    """The answer with white space behind it, in `size` bytes."""
    return Answer(json.dumps(answer).encode().ljust(size), headers=JSON)


async def test_an_answer_up_to_the_limit(own: Running, upstream: ScriptedUpstream) -> None:
    text = "x" * (LIMIT - len(json.dumps(MESSAGE)))
    whole = json.dumps({**MESSAGE, "content": [{"type": "text", "text": text}]}).encode()
    assert len(whole) == LIMIT
    upstream.answer(Answer(whole, headers=JSON))
    assert said(await own.stub.Chat(request("anthropic/m"), timeout=5)) == text


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
async def test_an_answer_beyond_the_limit(size: int, own: Running, upstream: ScriptedUpstream) -> None:
    """Not cut: whatever the rest of it says would be missing, or what is left be taken for nonsense."""
    upstream.answer(padded(MESSAGE, size))
    _, streamed = await stream_failure(own.stub, stream_request("anthropic/m"), timeout=5)
    for found in (await chat_failure(own.stub, request("anthropic/m"), timeout=5), streamed):
        assert (found.code, found.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ANSWER_TOO_LARGE")
        assert found.info.metadata["limit"] == str(LIMIT)
        assert found.retry is None


PARTS = 1000


@pytest.mark.parametrize("text", ["", "[{,"], ids=["", "beside a text full of brackets"])
@pytest.mark.parametrize("kind", ["a message", "an event"])
async def test_an_answer_in_too_many_parts(
    kind: str, text: str, own: Running, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever takes them apart would hold up every other call."""
    monkeypatch.setattr(failing, "MAX_PARTS", PARTS)

    def answered(parts: int) -> Answer:
        more = {"new": [0] * parts, "text": text * PARTS}
        if kind == "a message":
            return Answer(json.dumps({**MESSAGE, **more}).encode(), headers=JSON)
        events = [
            {"type": "message_start", "message": {**MESSAGE, "content": []}},
            {"type": "unheard_of", **more},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ]
        pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
        return Answer(pieces, headers=STREAM, pause=0.05)

    upstream.answer(answered(PARTS // 2))
    await own.stub.Chat(request("anthropic/m"), timeout=5)
    upstream.answer(answered(PARTS))
    found = await chat_failure(own.stub, request("anthropic/m"), timeout=5)
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL_ERROR")
    assert f"more than {PARTS} parts" in found.message


async def test_a_count_beyond_the_limit(own: Running, upstream: ScriptedUpstream) -> None:
    asked = chat_service_pb2.CountTokensRequest(input=chat_input("anthropic/m"))
    upstream.answer(padded({"input_tokens": 7}, LIMIT))
    assert (await own.stub.CountTokens(asked, timeout=5)).input_tokens == 7
    upstream.answer(padded({"input_tokens": 7}, LIMIT + 1))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await own.stub.CountTokens(asked, timeout=5)
    found = failure(caught.value)
    assert found.reason == "UPSTREAM_PROTOCOL_ERROR"
    assert f"more than {LIMIT} bytes" in found.message


async def test_a_model_beyond_the_limit(own: Running, upstream: ScriptedUpstream) -> None:
    """Its maximum cannot be found out, so that the caller has to name one."""
    upstream.answer(padded({"max_tokens": 7}, LIMIT + 1))
    found = await chat_failure(own.stub, request("anthropic/m", generation=chat_input_pb2.GenerationParams()))
    assert (found.reason, found.fields) == ("INVALID_REQUEST", ["input.generation.max_output_tokens"])
