"""What calls cost, as callers get to know it: by the model that answered, on every answer, and never a guess."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from e2e.gateways import KEY, Running, provider, running
from support.calls import events_of, request, stream_request
from support.upstream import JSON, STREAM, Answer, ScriptedUpstream
from trunkline.v1 import chat_input_pb2, chat_service_pb2, usage_pb2
from trunkline_service.config import ProviderSettings, Secret

USAGE = {"input_tokens": 1_000, "output_tokens": 200, "service_tier": "standard", "inference_geo": "not_available"}
FUNCTION = chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="f"))
SEARCH = chat_input_pb2.Tool(
    provider_defined=chat_input_pb2.ProviderTool(provider_type="openai", raw_json='{"type":"web_search"}')
)
HAIKU_5_5 = (100_000, 100_000)
HAIKU_4_5 = (1_000_000, 1_000_000)


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def own(upstream: ScriptedUpstream) -> AsyncIterator[Running]:
    async with running(providers={"anthropic": provider(upstream.url)}) as own:
        yield own


def streamed(model: str, usage: dict[str, Any], *, later: dict[str, Any] | None = None) -> Answer:
    """An answer of `model` in a stream; `later` is what the end says of the usage."""
    message = {"type": "message", "role": "assistant", "id": "msg_1", "model": model, "content": [], "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": later or {"output_tokens": 200}},
        {"type": "message_stop"},
    ]
    return Answer("".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode(), headers=STREAM)


def whole(model: str, usage: dict[str, Any]) -> Answer:
    message = {
        "type": "message", "role": "assistant", "id": "msg_1", "model": model, "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Hi"}], "usage": usage,
    }  # fmt: skip
    return Answer(json.dumps(message).encode(), headers=JSON)


def priced(completion: chat_service_pb2.Completion) -> tuple[int, int] | None:
    """What input and output cost; None if that is absent."""
    if not completion.HasField("cost"):
        return None
    cost = completion.cost
    assert cost == usage_pb2.Cost(
        total_nano_usd=cost.input_nano_usd + cost.output_nano_usd,
        input_nano_usd=cost.input_nano_usd,
        output_nano_usd=cost.output_nano_usd,
    )
    return cost.input_nano_usd, cost.output_nano_usd


@pytest.mark.parametrize("answer", [streamed, whole])
@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ("claude-haiku-5-5", "claude-haiku-5-5", HAIKU_5_5),
        ("claude-haiku-5-5", "claude-haiku-5-5-20261001", HAIKU_5_5),
        # The model that answered, whatever was asked.
        ("claude-haiku-5-5", "claude-haiku-4-5-20251001", HAIKU_4_5),
        ("my-own-name-for-it", "claude-haiku-4-5", HAIKU_4_5),
        # Named in a way that the list does not have: what was asked.
        ("claude-haiku-5-5", "a-name-within-the-provider", HAIKU_5_5),
        ("claude-haiku-5-5", "", HAIKU_5_5),
        ("unheard-of", "unheard-of", None),
        ("claude-3-opus-20240229", "claude-3-opus-20240229", None),
    ],
)
async def test_by_the_model_that_answered(
    own: Running, upstream: ScriptedUpstream, answer: Any, asked: str, answered: str, expected: tuple[int, int] | None
) -> None:
    upstream.answer(answer(answered, USAGE))
    response = await own.stub.Chat(request(f"anthropic/{asked}"), timeout=5)
    assert priced(response.completion) == expected
    events = await events_of(own.stub, stream_request(f"anthropic/{asked}"))
    assert priced(events[-1].completion) == expected


@pytest.mark.parametrize(
    ("changes", "later"),
    [
        ({"service_tier": "priority"}, None),
        ({"inference_geo": "us"}, None),
        ({"input_tokens": None}, None),
        ({"iterations": [{"type": "compaction", "input_tokens": 5}]}, None),
        ({}, {"output_tokens": 200, "server_tool_use": {"web_fetch_requests": 1}}),
    ],
)
async def test_absent_where_a_part_has_no_price(
    own: Running, upstream: ScriptedUpstream, changes: dict[str, Any], later: dict[str, Any] | None
) -> None:
    upstream.answer(streamed("claude-haiku-5-5", {**USAGE, **changes}, later=later))
    response = await own.stub.Chat(request("anthropic/claude-haiku-5-5"), timeout=5)
    assert response.completion.usage.output_total == 200
    assert not response.completion.HasField("cost")


async def test_all_parts(own: Running, upstream: ScriptedUpstream) -> None:
    usage = {
        **USAGE,
        "cache_read_input_tokens": 2_000,
        "cache_creation_input_tokens": 3_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 2_000},
        "server_tool_use": {"web_search_requests": 1},
        "speed": "fast",
    }
    upstream.answer(streamed("claude-opus-5-5", {**usage, "inference_geo": "us"}))
    response = await own.stub.Chat(request("anthropic/claude-opus-5-5"), timeout=5)
    # 2.2 times $4, $0.20, $5 and $8, $20; and a cent for the search.
    assert response.completion.cost == usage_pb2.Cost(
        total_nano_usd=8_800_000 + 880_000 + 46_200_000 + 8_800_000 + 10_000_000,
        input_nano_usd=8_800_000,
        cache_read_nano_usd=880_000,
        cache_write_nano_usd=46_200_000,
        output_nano_usd=8_800_000,
        server_tools_nano_usd=10_000_000,
    )


CUSTOM = chat_input_pb2.Tool(
    provider_defined=chat_input_pb2.ProviderTool(provider_type="openai", raw_json='{"type":"custom","name":"sql"}')
)
GOOGLE = chat_input_pb2.Tool(
    provider_defined=chat_input_pb2.ProviderTool(provider_type="gemini", raw_json='{"googleSearch":{}}')
)
_TEXT = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
_PARTS = {"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP"}
ANSWERS = {
    "responses": {
        "id": "r", "object": "response", "status": "completed", "model": "gpt-6-sol", "output": [_TEXT],
        "usage": {"input_tokens": 10, "output_tokens": 2},
    },
    "chat": {
        "id": "c", "model": "gpt-6-sol", "usage": {"prompt_tokens": 10, "completion_tokens": 2},
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
    },
    "": {
        "candidates": [_PARTS], "modelVersion": "gemini-3.8-flash",
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 2},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("api", "tools", "options", "is_known"),
    [
        ("responses", (FUNCTION,), "", True),
        ("responses", (FUNCTION, SEARCH), "", False),
        # The caller runs it.
        ("responses", (CUSTOM, FUNCTION), "", True),
        ("chat", (CUSTOM, FUNCTION), "", True),
        # Asked for past the contract, it costs the same.
        ("responses", (), '{"tools":[{"type":"web_search"}]}', False),
        ("responses", (), '{"prompt":{"id":"pmpt_1"}}', False),
        ("responses", (), '{"tools":null,"user":"u"}', True),
        ("chat", (), '{"web_search_options":{}}', False),
        ("chat", (), '{"web_search_options":null}', True),
        ("", (FUNCTION,), "", True),
        ("", (FUNCTION, GOOGLE), "", False),
        ("", (), '{"tools":[{"googleSearch":{}}]}', False),
    ],
)
async def test_tools_of_the_providers_that_the_usage_does_not_tell_of(
    api: str, tools: tuple[chat_input_pb2.Tool, ...], options: str, is_known: bool, upstream: ScriptedUpstream
) -> None:
    kind, model = ("openai", "gpt-6-sol") if api else ("gemini", "gemini-3.8-flash")
    settings = ProviderSettings(
        name="own", type=kind, api=api, auth="bearer", base_url=upstream.url,
        api_key=Secret(env="KEY", environ={"KEY": KEY}),
    )  # fmt: skip
    upstream.answer(Answer(json.dumps(ANSWERS[api]).encode(), headers=JSON))
    asked = request(f"own/{model}", tools=tools)
    if options:
        asked.input.provider_options_json["own"] = options
    async with running(providers={"own": settings}) as own:
        response = await own.stub.Chat(asked, timeout=5)
    assert response.completion.usage.input_total
    assert response.completion.HasField("cost") is is_known
