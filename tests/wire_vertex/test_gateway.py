"""A gateway in front of Vertex, with tokens of a service account: both are servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from e2e.gateways import running, until
from support.calls import Stub, chat_failure, events_of, request, said, stream_failure, stream_request, to_target
from support.upstream import STREAM, Answer, ScriptedUpstream
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import ProviderSettings
from wire.decoding import answer, block_start, sse, start, text_block, text_delta
from wire_vertex import google

MODEL = "vertex/claude-opus-5-5"
PATH = "/v1/projects/p/locations/global/publishers/anthropic/models"
TEXT = answer(*text_block("Hel", "lo"))
UNAUTHENTICATED = b'{"error":{"code":401,"message":"m","status":"UNAUTHENTICATED"}}'


class Vertex:
    """The gateway's stub, and the two servers behind it."""

    stub: Stub

    def __init__(self) -> None:
        self.api = ScriptedUpstream()
        self.tokens = ScriptedUpstream()


@pytest.fixture
async def vertex(tmp_path: Path) -> AsyncIterator[Vertex]:
    made = Vertex()
    async with made.api, made.tokens:
        provider = ProviderSettings(
            name="vertex",
            type="vertex_anthropic",
            base_url=f"{made.api.url}/v1",
            auth="bearer",
            region="global",
            project="p",
            credentials_file=google.account(tmp_path / "account.json", made.tokens.url),
        )
        made.api.answer(Answer(TEXT, headers=STREAM))
        made.tokens.answer(google.token())
        async with running(providers={"vertex": provider}) as front:
            made.stub = front.stub
            yield made


async def test_a_stream_a_whole_answer_and_a_count(vertex: Vertex) -> None:
    events = await events_of(vertex.stub, stream_request(MODEL))
    assert "".join(event.block_delta.text for event in events) == "Hello"
    whole = await vertex.stub.Chat(request(MODEL), timeout=5)
    assert said(whole) == "Hello"
    assert whole.message.origin.provider == "vertex"
    assert whole.message.origin.provider_type == "anthropic"
    for received in vertex.api.received:
        assert received.path == f"{PATH}/claude-opus-5-5:streamRawPredict"
        assert received.headers["authorization"] == "Bearer first"
        assert "model" not in received.json
    vertex.api.answer(Answer(b'{"input_tokens":7}'))
    counted = await vertex.stub.CountTokens(chat_service_pb2.CountTokensRequest(input=request(MODEL).input), timeout=5)
    assert counted.input_tokens == 7
    assert vertex.api.received[0].path == f"{PATH}/count-tokens:rawPredict"
    # One token was enough for all of them.
    assert len(vertex.tokens.received) == 1


async def test_an_answer_in_one_piece(vertex: Vertex) -> None:
    body = (
        b'{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"Hi"}],'
        b'"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}'
    )
    vertex.api.answer(Answer(body))
    assert said(await vertex.stub.Chat(request(MODEL), timeout=5)) == "Hi"


BEGUN = [start(), block_start({"type": "text", "text": ""}), text_delta("Hel")]
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
BROKEN: dict[str, tuple[Answer, str]] = {
    "an error": (Answer(sse(*BEGUN, ERROR), headers=STREAM), "UPSTREAM_OVERLOADED"),
    "cut": (Answer(sse(*BEGUN), headers=STREAM, ends=False), "UPSTREAM_UNREACHABLE"),
    "no end mark": (Answer(sse(*BEGUN), headers=STREAM), "UPSTREAM_UNREACHABLE"),
}


@pytest.mark.parametrize(("scripted", "cause"), BROKEN.values(), ids=BROKEN)
async def test_a_stream_that_breaks(vertex: Vertex, scripted: Answer, cause: str) -> None:
    vertex.api.answer(scripted)
    events, failed = await stream_failure(vertex.stub, stream_request(MODEL))
    assert "".join(event.block_delta.text for event in events) == "Hel"
    assert (failed.reason, failed.info.metadata["cause"]) == ("STREAM_INTERRUPTED", f"ERROR_REASON_{cause}")


async def test_a_token_that_vertex_does_not_take(vertex: Vertex) -> None:
    vertex.api.answer(Answer(UNAUTHENTICATED, 401))
    failed = await chat_failure(vertex.stub, request(MODEL))
    assert (failed.code, failed.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UPSTREAM_CREDENTIALS_REJECTED")


REFUSED: dict[str, tuple[Answer, str]] = {
    "refused": (
        Answer(b'{"error":"invalid_grant","error_description":"no such account"}', 400),
        "CREDENTIALS_REJECTED",
    ),
    "not a token": (Answer(b"<html>"), "UNREACHABLE"),
}


@pytest.mark.parametrize(("scripted", "reason"), REFUSED.values(), ids=REFUSED)
async def test_no_token(vertex: Vertex, scripted: Answer, reason: str) -> None:
    vertex.tokens.answer(scripted)
    failed = await chat_failure(vertex.stub, request(MODEL))
    assert failed.reason == f"UPSTREAM_{reason}"
    assert "no such account" not in failed.message
    assert not vertex.api.received
    # The next call tries again.
    vertex.tokens.answer(google.token())
    assert said(await vertex.stub.Chat(request(MODEL), timeout=5)) == "Hello"


async def test_many_calls_wait_for_one_token_and_one_that_leaves_takes_nothing_away(vertex: Vertex) -> None:
    vertex.tokens.answer(google.token(pause=0.2))
    calls: list[Any] = [vertex.stub.Chat(request(MODEL), timeout=5) for _ in range(5)]
    await until(lambda: vertex.tokens.received)
    calls[0].cancel()
    answers = await asyncio.gather(*calls[1:])
    assert [said(each) for each in answers] == ["Hello"] * 4
    assert len(vertex.tokens.received) == 1
    assert len(vertex.api.received) == 4


async def test_a_token_is_renewed(vertex: Vertex) -> None:
    vertex.tokens.answer(google.token("short", seconds=1), google.token("long"))
    await vertex.stub.Chat(request(MODEL), timeout=5)
    await asyncio.sleep(1)
    await vertex.stub.Chat(request(MODEL), timeout=5)
    assert [each.headers["authorization"] for each in vertex.api.received] == ["Bearer short", "Bearer long"]


async def test_a_callers_own_token_goes_in_its_place(vertex: Vertex) -> None:
    asked = request("claude-opus-5-5")
    asked.routing.CopyFrom(to_target("vertex", "claude-opus-5-5", api_key="ya29-of-the-caller"))
    await vertex.stub.Chat(asked, timeout=5)
    assert vertex.api.received[0].headers["authorization"] == "Bearer ya29-of-the-caller"
    assert not vertex.tokens.received


async def test_a_call_that_is_cancelled_closes_the_connection(vertex: Vertex) -> None:
    pieces = [sse(*BEGUN), *[sse(text_delta("x"))] * 1000]
    vertex.api.answer(Answer(pieces, headers=STREAM, pause=0.01))
    call: Any = vertex.stub.StreamChat(stream_request(MODEL), timeout=20)
    await call.read()
    call.cancel()
    await until(lambda: not vertex.api._connections)
