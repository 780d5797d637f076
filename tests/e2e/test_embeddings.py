"""Embeddings on OpenAI and its kin, through a gateway in front of scripted servers."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from support.calls import failure_of
from support.upstream import Answer, ScriptedUpstream
from trunkline.v1 import embedding_service_pb2 as pb
from trunkline.v1 import embedding_service_pb2_grpc, route_pb2, warning_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.providers.openai.embeddings import OpenAiEmbeddings
from wire.recordings import Recording, each, recordings

MODEL = "openai/text-embedding-3-small"
KEY = Secret(env="KEY", environ={"KEY": "sk-of-the-gateway"})


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest_asyncio.fixture
async def stub(upstream: ScriptedUpstream) -> AsyncIterator[Any]:
    def one(name: str, kind: str, **fields: Any) -> ProviderSettings:
        return ProviderSettings(name=name, type=kind, base_url=upstream.url, api_key=KEY, **fields)

    providers = [
        one("openai", "openai", api="responses", auth="bearer"),
        one("vllm", "openai_compatible", api="chat", auth="bearer"),
        one("azure", "azure_openai", api="chat", auth="api-key", version="2026-10-01"),
        one("anthropic", "anthropic"),
    ]
    settings = Settings(listen="127.0.0.1:0", providers={each.name: each for each in providers})
    async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        yield embedding_service_pb2_grpc.EmbeddingServiceStub(channel)


def request(*texts: str, model: str = MODEL, **fields: Any) -> pb.EmbedRequest:
    return pb.EmbedRequest(model=model, inputs=[pb.EmbedInput(text=text) for text in texts], **fields)


def answer(*vectors: object, order: tuple[int, ...] = (), **more: object) -> Answer:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    if order:
        data = [data[index] for index in order]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    body = {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage, **more}
    return Answer(json.dumps(body).encode(), headers={"content-type": "application/json", "x-request-id": "req_1"})


def packed(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


async def test_texts(stub: Any, upstream: ScriptedUpstream) -> None:
    upstream.answer(answer(packed(0.5, -0.25), packed(1, 2), order=(1, 0), odd=[1]))
    response = await stub.Embed(request("One", "Two", dimensions=2, end_user_id="u-1"), timeout=5)
    assert [list(each.values) for each in response.embeddings] == [[0.5, -0.25], [1, 2]]
    assert (response.origin.provider, response.origin.provider_type) == ("openai", "openai")
    assert response.origin.model == "text-embedding-3-small"
    assert (response.usage.input_total, json.loads(response.provider_fields_json)) == (
        5,
        {"object": "list", "odd": [1]},
    )
    (attempt,) = response.route_report.attempts
    assert (attempt.upstream_status, attempt.upstream_request_id) == (200, "req_1")
    (asked,) = upstream.received
    assert asked.path == "/embeddings"
    assert asked.headers["authorization"] == "Bearer sk-of-the-gateway"
    assert asked.json == {
        "model": "text-embedding-3-small",
        "input": ["One", "Two"],
        "encoding_format": "base64",
        "dimensions": 2,
        "user": "u-1",
    }


async def test_tokens(stub: Any, upstream: ScriptedUpstream) -> None:
    upstream.answer(answer([0.5], [0.25]))
    inputs = [pb.EmbedInput(tokens=pb.TokenIds(ids=ids)) for ids in ([1, 2], [3])]
    response = await stub.Embed(pb.EmbedRequest(model=MODEL, inputs=inputs), timeout=5)
    assert [list(each.values) for each in response.embeddings] == [[0.5], [0.25]]
    assert upstream.received[0].json["input"] == [[1, 2], [3]]


async def test_a_compatible_server_is_not_asked_for_what_it_may_not_know(stub: Any, upstream: ScriptedUpstream) -> None:
    upstream.answer(answer([0.5, 0.25]))
    response = await stub.Embed(request("One", model="vllm/bge"), timeout=5)
    assert list(response.embeddings[0].values) == [0.5, 0.25]
    assert upstream.received[0].json == {"model": "bge", "input": ["One"]}


async def test_azure(stub: Any, upstream: ScriptedUpstream) -> None:
    upstream.answer(answer([0.5]))
    await stub.Embed(request("One", model="azure/my-deployment"), timeout=5)
    assert upstream.received[0].path == "/openai/deployments/my-deployment/embeddings?api-version=2026-10-01"
    assert upstream.received[0].headers["api-key"] == "sk-of-the-gateway"


async def test_options_of_the_provider_s_own_are_merged_last(stub: Any, upstream: ScriptedUpstream) -> None:
    upstream.answer(answer([0.5]))
    asked = request("One")
    asked.provider_options_json["openai"] = '{"encoding_format":"float","new":{"a":1.0}}'
    await stub.Embed(asked, timeout=5)
    assert upstream.received[0].body.endswith(b'"encoding_format":"float","new":{"a":1.0}}')


async def test_a_task_type_is_refused_or_dropped(stub: Any, upstream: ScriptedUpstream) -> None:
    asked = request("One", task_type="RETRIEVAL_QUERY")
    failure = await failure_of(stub.Embed(asked, timeout=5))
    assert (failure.reason, failure.fields) == ("CAPABILITY_NOT_SUPPORTED", ["task_type"])
    asked.routing.unsupported_fields = route_pb2.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING
    upstream.answer(answer([0.5]))
    (warning,) = (await stub.Embed(asked, timeout=5)).warnings
    assert (warning.code, warning.field) == (warning_pb2.WARNING_CODE_FIELD_DROPPED, "task_type")


async def test_anthropic_has_none(stub: Any) -> None:
    failure = await failure_of(stub.Embed(request("One", model="anthropic/claude-haiku-4-5"), timeout=5))
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNIMPLEMENTED, "CAPABILITY_NOT_SUPPORTED")
    assert failure.info.metadata["capability"] == "embeddings"
    assert failure.info.metadata["providers"] == "azure, openai, vllm"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (pb.EmbedRequest(inputs=[pb.EmbedInput(text="a")]), "model"),
        (pb.EmbedRequest(model=MODEL), "inputs"),
        (pb.EmbedRequest(model=MODEL, inputs=[pb.EmbedInput()]), "inputs[0].kind"),
        (pb.EmbedRequest(model=MODEL, inputs=[pb.EmbedInput(tokens=pb.TokenIds())]), "inputs[0].tokens.ids"),
        (pb.EmbedRequest(model=MODEL, inputs=[pb.EmbedInput(tokens=pb.TokenIds(ids=[-1]))]), "inputs[0].tokens.ids"),
        (
            pb.EmbedRequest(model=MODEL, inputs=[pb.EmbedInput(text="a"), pb.EmbedInput(tokens=pb.TokenIds(ids=[1]))]),
            "inputs[1]",
        ),
        (request("a", dimensions=0), "dimensions"),
        (request("a", provider_options_json={"openai": "{"}), 'provider_options_json["openai"]'),
        (request("a", provider_options_json={"nobody": "{}"}), 'provider_options_json["nobody"]'),
    ],
)
async def test_mistakes(stub: Any, upstream: ScriptedUpstream, asked: pb.EmbedRequest, field: str) -> None:
    failure = await failure_of(stub.Embed(asked, timeout=5))
    assert (failure.reason, failure.fields) == ("INVALID_REQUEST", [field])
    assert upstream.received == []


@pytest.mark.parametrize(
    "wrong",
    [
        answer(),
        answer([0.5], [0.5]),
        answer("not base64!"),
        answer(base64.b64encode(b"abc").decode()),
        answer([0.5], order=(0, 0)),
        answer(["a"]),
        Answer(b"[]"),
        Answer(b"{}"),
        Answer(b"<html>"),
        Answer(b""),
    ],
)
async def test_an_answer_that_is_none(stub: Any, upstream: ScriptedUpstream, wrong: Answer) -> None:
    upstream.answer(wrong)
    failure = await failure_of(stub.Embed(request("One"), timeout=5))
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL_ERROR")


async def test_an_error_of_the_provider_s(stub: Any, upstream: ScriptedUpstream) -> None:
    error = {"error": {"message": "Slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    headers = {"content-type": "application/json", "retry-after": "3"}
    upstream.answer(Answer(json.dumps(error).encode(), status=429, headers=headers))
    failure = await failure_of(stub.Embed(request("One"), timeout=5))
    assert failure.reason == "UPSTREAM_RATE_LIMITED"
    assert failure.retry is not None
    assert failure.retry.retry_delay.seconds == 3


@each(lambda: recordings("openai-embeddings"))
async def test_recorded(stub: Any, upstream: ScriptedUpstream, recording: Recording) -> None:
    upstream.answer(Answer(recording.body, status=recording.status, headers=recording.headers))
    sent = recording.request
    asked = request(sent["input"], model=f"openai/{sent['model']}", dimensions=sent["dimensions"])
    response = await stub.Embed(asked, timeout=5)
    (vector,) = json.loads(recording.body)["data"]
    raw = base64.b64decode(vector["embedding"])
    assert list(response.embeddings[0].values) == list(struct.unpack(f"<{len(raw) // 4}f", raw))
    assert len(response.embeddings[0].values) == sent["dimensions"]
    assert upstream.received[0].json == {**sent, "input": [sent["input"]]}
    limits = {limit.name: limit.limit for limit in response.route_report.attempts[0].rate_limits}
    assert limits == {"requests": 10_000, "tokens": 10_000_000}


async def test_large_answers_are_read_where_they_hold_up_nobody(
    stub: Any, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OpenAiEmbeddings.decode_embed
    threads: list[bool] = []

    def noted(*arguments: Any) -> pb.EmbedResponse:
        threads.append(threading.current_thread() is threading.main_thread())
        return own(*arguments)

    monkeypatch.setattr(OpenAiEmbeddings, "decode_embed", noted)
    upstream.answer(answer(packed(0.5)), answer(packed(*[0.5] * 20_000)))
    small = await stub.Embed(request("One"), timeout=5)
    large = await stub.Embed(request("One"), timeout=5)
    assert [len(each.embeddings[0].values) for each in (small, large)] == [1, 20_000]
    assert threads == [True, False]
