"""Gemini behind the contract, end to end: the developer API and Vertex, as the simulator speaks them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from e2e.gateways import Running, posts, running, until
from support.calls import chat_failure, chat_input, events_of, request, said, stream_failure, stream_request, user
from trunkline.v1 import (
    chat_input_pb2,
    chat_service_pb2,
    embedding_service_pb2,
    embedding_service_pb2_grpc,
    message_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    route_pb2,
)
from trunkline_service.config import ProviderSettings, Secret, Timeouts
from trunkline_service.simulator import Simulator

HOMES = ["gemini", "vertex"]


def settings(url: str, home: str, **fields: Any) -> ProviderSettings:
    if home == "gemini":
        kind = {"type": "gemini", "base_url": f"{url}/v1beta", "auth": "x-goog-api-key"}
    else:
        kind = {"type": "vertex_gemini", "base_url": f"{url}/v1", "auth": "bearer", "region": "eu", "project": "acme"}
    fields.setdefault("api_key", Secret(env="KEY", environ={"KEY": "key-of-the-gateway"}))
    return ProviderSettings(name=home, **(kind | fields))


@pytest.fixture(scope="module")
async def front() -> AsyncIterator[Running]:
    """A gateway whose providers are the simulator's two homes of Gemini."""
    waits = Timeouts(first_event=1, idle=0.5)
    async with Simulator() as simulator:
        providers = {home: settings(simulator.url, home, timeouts=waits) for home in HOMES}
        async with running(providers=providers) as own:
            yield Running(own.gateway, simulator, own.channel)


WEATHER = chat_input_pb2.Tool(
    function=chat_input_pb2.FunctionTool(
        name="weather/now",
        input_schema_json='{"type": "object", "properties": {"city": {"type": "string"}}}',
    )
)


@pytest.mark.parametrize("home", HOMES)
async def test_an_answer_in_text(front: Running, home: str) -> None:
    answer = await front.stub.Chat(request(f"{home}/text", system=[user("Be brief.").content[0]]), timeout=5)
    assert said(answer) == "You said: Hello"
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_STOP
    assert answer.message.origin == message_pb2.Origin(provider=home, provider_type="gemini", model="text")
    assert answer.completion.usage.input_total > 0
    assert answer.completion.usage.output_total == 3
    assert not answer.completion.warnings


@pytest.mark.parametrize("home", HOMES)
async def test_streamed_answers_add_up_to_whole_ones(front: Running, home: str) -> None:
    events = await events_of(front.stub, stream_request(f"{home}/long-n40"))
    kinds = [event.WhichOneof("kind") for event in events]
    assert kinds == ["start", "block_start", *["block_delta"] * 39, "block_end", "completion"]


@pytest.mark.parametrize("home", HOMES)
async def test_a_conversation_with_thoughts_and_tools_goes_round(front: Running, home: str) -> None:
    asked = chat_input(f"{home}/tools", user("Hello"), tools=[WEATHER])
    answer = await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_TOOL_USE
    text, *calls = answer.message.content
    assert text.text.text == "I will look."
    assert [call.tool_use.name for call in calls] == ["weather/now"] * 2
    assert len({call.tool_use.id for call in calls}) == 2
    assert [bool(call.provider_state) for call in calls] == [True, False]
    results = [
        message_pb2.ContentBlock(
            tool_result=message_pb2.ToolResultBlock(tool_use_id=call.tool_use.id, content=user(word).content)
        )
        for call, word in zip(calls, ("one", "two"), strict=True)
    ]
    asked.messages.extend([answer.message, user(*reversed(results))])
    answer = await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
    order = "two; one" if home == "gemini" else "one; two"
    assert said(answer) == f"The tool answered: {order}"
    asked.model = f"{home}/thinking"
    asked.reasoning.mode = chat_input_pb2.REASONING_MODE_ADAPTIVE
    asked.reasoning.display = "summarized"
    asked.messages.extend([answer.message, user("And now?")])
    answer = await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
    kinds = [block.WhichOneof("kind") for block in answer.message.content]
    assert kinds == ["thinking", "text", "text"]
    assert answer.message.content[2].provider_state
    assert answer.completion.usage.output_reasoning > 0
    asked.messages.extend([answer.message, user("Go on.")])
    assert said(await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)) == "You said: Go on."


async def test_structured_output_and_pages(front: Running) -> None:
    schema = '{"type":"object","properties":{"n":{"type":"integer"}}}'
    output = chat_input_pb2.OutputFormat(json_schema=chat_input_pb2.JsonSchemaFormat(schema_json=schema))
    answer = await front.stub.Chat(request("gemini/structured", output_format=output), timeout=5)
    assert said(answer) == '{"n": 7}'
    answer = await front.stub.Chat(request("gemini/search"), timeout=5)
    call, result, text = answer.message.content
    assert (call.opaque.type, result.opaque.type) == ("toolCall", "toolResponse")
    assert text.text.citations[0].web_location.url == "https://example.com/tides"
    asked = chat_input("gemini/text", user("Hello"), answer.message, user("Again"))
    assert said(await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)) == "You said: Again"


@pytest.mark.parametrize(
    "model", ["crlf", "no-final-newline", "pings", "unicode", "unknown", "json", "usage", "redacted", "cache"]
)
async def test_odd_but_whole_answers(front: Running, model: str) -> None:
    answer = await front.stub.Chat(request(f"gemini/{model}"), timeout=5)
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_STOP
    assert said(answer)


FINISH = {"max-tokens": "MAX_OUTPUT_TOKENS", "content-filter": "CONTENT_FILTER", "refusal": "CONTENT_FILTER"}


@pytest.mark.parametrize("model", FINISH)
async def test_other_ends(front: Running, model: str) -> None:
    answer = await front.stub.Chat(request(f"gemini/{model}"), timeout=5)
    name = chat_service_pb2.FinishReason.Name(answer.completion.finish_reason)
    assert name == f"FINISH_REASON_{FINISH[model]}"
    assert said(answer)


ERRORS = {
    "error-400": "UPSTREAM_REJECTED_REQUEST",
    "error-401": "UPSTREAM_CREDENTIALS_REJECTED",
    "error-403": "UPSTREAM_CREDENTIALS_REJECTED",
    "error-404": "MODEL_NOT_FOUND",
    "error-409": "UPSTREAM_CONFLICT",
    "error-413": "REQUEST_TOO_LARGE",
    "error-429": "UPSTREAM_RATE_LIMITED",
    "error-429-spend": "UPSTREAM_QUOTA_EXHAUSTED",
    "error-context": "CONTEXT_LENGTH_EXCEEDED",
    "error-500": "UPSTREAM_ERROR",
    "error-503": "UPSTREAM_OVERLOADED",
    "error-504": "UPSTREAM_TIMEOUT",
    "error-529": "UPSTREAM_OVERLOADED",
    "refusal-n0": "CONTENT_BLOCKED",
    "html": "UPSTREAM_PROTOCOL_ERROR",
    "garbage": "UPSTREAM_PROTOCOL_ERROR",
    "reset": "UPSTREAM_UNREACHABLE",
    "silence": "UPSTREAM_TIMEOUT",
    "silence-headers": "UPSTREAM_TIMEOUT",
    "error-event-n0": "UPSTREAM_OVERLOADED",
    "error-event-rate-limit-n0": "UPSTREAM_RATE_LIMITED",
}


@pytest.mark.parametrize("model", ERRORS)
async def test_errors_have_their_reasons(front: Running, model: str) -> None:
    failure = await chat_failure(front.stub, request(f"gemini/{model}"))
    assert failure.reason == ERRORS[model]
    if model == "error-429":
        assert failure.retry is not None
        assert failure.retry.retry_delay.seconds == 7
    if model == "error-429-spend":
        assert failure.retry is None


BROKEN = ["error-event", "error-event-api", "cut", "cut-clean", "stall", "malformed", "no-delta", "no-reason"]


@pytest.mark.parametrize("model", BROKEN)
async def test_answers_that_break_are_never_whole(front: Running, model: str) -> None:
    events, failure = await stream_failure(front.stub, stream_request(f"gemini/{model}"))
    assert failure.reason == "STREAM_INTERRUPTED"
    assert [event.WhichOneof("kind") for event in events][:2] == ["start", "block_start"]
    assert not any(event.HasField("completion") for event in events)


@pytest.mark.parametrize("home", HOMES)
async def test_a_cancelled_call_hangs_up(front: Running, home: str) -> None:
    call = front.stub.StreamChat(stream_request(f"{home}/stall"))
    await call.read()
    call.cancel()
    await until(lambda: posts(front.simulator)[-1].outcome != "running")


@pytest.mark.parametrize("home", HOMES)
async def test_what_is_counted_is_what_is_sent(front: Running, home: str) -> None:
    asked = chat_input(f"{home}/text", user("Hello " * 50), tools=[WEATHER])
    counted = await front.stub.CountTokens(chat_service_pb2.CountTokensRequest(input=asked), timeout=5)
    answer = await front.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
    assert counted.input_tokens == answer.completion.usage.input_total
    assert counted.method == chat_service_pb2.COUNT_METHOD_PROVIDER


async def test_vectors(front: Running) -> None:
    stub = embedding_service_pb2_grpc.EmbeddingServiceStub(front.channel)
    asked = embedding_service_pb2.EmbedRequest(model="gemini/text", dimensions=8)
    asked.inputs.add(text="a")
    asked.inputs.add(text="b")
    answer = await stub.Embed(asked, timeout=5)
    assert [len(each.values) for each in answer.embeddings] == [8, 8]
    assert answer.embeddings[0] != answer.embeddings[1]
    assert answer.usage.input_total == 1


async def test_models_are_listed_by_the_api_that_tells(front: Running) -> None:
    stub = model_service_pb2_grpc.ModelServiceStub(front.channel)
    asked = model_service_pb2.ListModelsRequest(provider="gemini", page_size=1000)
    listed = await stub.ListModels(asked, timeout=5)
    models = {model.id: model for model in listed.models}
    assert models["gemini-3.8-flash"].max_output_tokens == 65_536
    assert models["gemini-3.8-flash"].sources["max_output_tokens"] == model_service_pb2.FACT_SOURCE_PROVIDER
    assert not listed.warnings


@pytest.mark.parametrize(
    ("home", "reason"), [("gemini", "CALLER_CREDENTIALS_REJECTED"), ("vertex", "CALLER_CREDENTIALS_REJECTED")]
)
async def test_the_callers_own_key(front: Running, home: str, reason: str) -> None:
    target = route_pb2.Target(provider=home, model="text", api_key="bad-key")
    routing = route_pb2.RoutingOptions(route=route_pb2.Route(target=target))
    asked = chat_service_pb2.ChatRequest(input=chat_input(""), routing=routing)
    assert (await chat_failure(front.stub, asked)).reason == reason
