"""Counting where the provider has no counter: whose vocabulary it is, what an estimate is, and that one can tell."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.gateways import KEY, Running, running
from support.calls import chat_input, user
from support.upstream import ScriptedUpstream
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2
from trunkline_service import catalog
from trunkline_service.config import ProviderSettings, Secret
from trunkline_service.counting import count
from trunkline_service.counting.vocabulary import PIECE_CHARACTERS, _load, vocabulary
from wire.recordings import recordings

TOKENIZER = chat_service_pb2.COUNT_METHOD_TOKENIZER
ESTIMATE = chat_service_pb2.COUNT_METHOD_ESTIMATE
O200K = "o200k_base"
WEATHER = chat_input_pb2.Tool(
    function=chat_input_pb2.FunctionTool(
        name="weather",
        description="The weather of a city.",
        input_schema_json='{"type":"object","properties":{"city":{"type":"string","enum":["Paris","Rome"]}}}',
    )
)


def asked(*messages: message_pb2.Message, **fields: Any) -> chat_input_pb2.ChatInput:
    return chat_input("m", *messages, **fields)


async def tokens(chat: chat_input_pb2.ChatInput, tokenizer: str = O200K) -> int:
    return (await count(chat, tokenizer)).input_tokens


def picture() -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(
        image=message_pb2.ImageBlock(media=message_pb2.Media(data=b"x", media_type="image/png"))
    )


def pdf(data: bytes) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(
        document=message_pb2.DocumentBlock(media=message_pb2.Media(data=data, media_type="application/pdf"))
    )


def chat_provider(url: str, kind: str, **fields: Any) -> ProviderSettings:
    return ProviderSettings(
        name=kind, type=kind, api="chat", auth="bearer", base_url=url,
        api_key=Secret(env="KEY", environ={"KEY": KEY}), **fields,
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def own() -> AsyncIterator[tuple[Running, ScriptedUpstream]]:
    async with ScriptedUpstream() as upstream:
        kinds = ("openai", "openai_compatible", "azure_openai")
        async with running(providers={kind: chat_provider(upstream.url, kind) for kind in kinds}) as own:
            yield own, upstream


@pytest.mark.parametrize(
    ("model", "method"),
    [
        ("openai/gpt-4o", TOKENIZER),
        ("openai/gpt-5.6-sol", TOKENIZER),
        ("openai/gpt-5-2025-08-07", TOKENIZER),
        ("gpt-4.1", TOKENIZER),
        # Nobody knows how it cuts text.
        ("openai/gpt-6-sol", ESTIMATE),
        ("openai_compatible/gpt-4o", ESTIMATE),
        ("openai_compatible/anthropic/claude-haiku-4-5", ESTIMATE),
        ("azure_openai/my-deployment", ESTIMATE),
        # Named like the model, it is taken for it.
        ("azure_openai/gpt-4o", TOKENIZER),
        ("azure_openai/gpt-6-sol", ESTIMATE),
    ],
)
async def test_which_method(own: tuple[Running, ScriptedUpstream], model: str, method: int) -> None:
    gateway, upstream = own
    request = chat_service_pb2.CountTokensRequest(input=chat_input(model, user("Hello, world")))
    response = await gateway.stub.CountTokens(request, timeout=20)
    assert response.method == method
    # "Hello", ",", " world"; or twelve bytes.
    assert response.input_tokens == (3 if method == TOKENIZER else 4) + 4 + 3
    assert response.origin.model == model.rpartition("openai_compatible/")[2].removeprefix("openai/").removeprefix(
        "azure_openai/"
    )
    assert response.origin.provider_type == "openai"
    assert not response.HasField("route_report")
    assert not upstream.received


def test_no_claude_has_a_vocabulary() -> None:
    for kind in ("anthropic", "bedrock", "vertex_anthropic"):
        assert not [model.id for model in catalog.models(kind) if model.tokenizer]


async def test_the_overheads_of_a_conversation() -> None:
    one = await tokens(asked(user("Hello, world")))
    assert one == 3 + 4 + 3
    assert await tokens(asked(user("Hello, world"), user("Hello, world"))) == one + 7
    named = user("Hello, world")
    named.name = "bob"
    assert await tokens(asked(named)) == one + 1 + 1
    system = [message_pb2.ContentBlock(text=message_pb2.TextBlock(text="Hello, world"))]
    assert await tokens(asked(user("Hello, world"), system=system)) == one + 7


async def test_tools() -> None:
    bare = await tokens(asked(user("Hi")))
    # 12 for all, 7 for each, 3 for its properties, 3 for each of them and 3 for each choice but the first.
    texts = "weather:The weather of a city.", "city:string:", "Paris Rome"
    words = await vocabulary(O200K)
    spelled = sum(sum(words.counts(text)) for text in texts)
    assert await tokens(asked(user("Hi"), tools=[WEATHER])) == bare + 12 + 7 + 3 + 3 + 3 + spelled
    assert await tokens(asked(user("Hi"), tools=[WEATHER, WEATHER])) == bare + 12 + 2 * (7 + 3 + 3 + 3 + spelled)


@pytest.mark.parametrize(
    "schema", ["", "[]", "7", '{"properties": 5}', '{"properties": {"a": true}}', '{"x": "\\ud800"}']
)
async def test_schemas_that_are_none(schema: str) -> None:
    tool = chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="f", input_schema_json=schema))
    assert await tokens(asked(user("Hi"), tools=[tool])) > await tokens(asked(user("Hi")))


async def test_what_is_not_text_is_an_estimate() -> None:
    text = await count(asked(user("Hi")), O200K)
    seen = await count(asked(user("Hi", picture())), O200K)
    assert (text.method, seen.method) == (TOKENIZER, ESTIMATE)
    assert seen.input_tokens == text.input_tokens + 1600
    pages = b"%PDF-1.4 /Type /Pages ... " + b"/Type /Page ..." * 3
    assert await tokens(asked(user("Hi", pdf(pages)))) == text.input_tokens + 3 * 2500
    assert await tokens(asked(user("Hi", pdf(b"?")))) == text.input_tokens + 2500


def block(**kind: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(**kind)


@pytest.mark.parametrize(
    ("chat", "method"),
    [
        (asked(user("Hi", "there"), user("x")), TOKENIZER),
        (asked(user("Hi"), system=[block(text=message_pb2.TextBlock(text="Be brief"))]), TOKENIZER),
        (asked(user("Hi", block(refusal=message_pb2.RefusalBlock(text="No")))), TOKENIZER),
        (asked(user("Hi"), tools=[WEATHER]), ESTIMATE),
        (asked(user("Hi", block(opaque=message_pb2.Opaque(provider_type="openai", raw_json="{}")))), ESTIMATE),
        (asked(user("Hi", block(server_tool_result=message_pb2.ServerToolResultBlock(content_json="[]")))), ESTIMATE),
        (asked(user("Hi", block(tool_use=message_pb2.ToolUseBlock(name="f", input_json="{}")))), ESTIMATE),
        (asked(user("Hi", block(tool_result=message_pb2.ToolResultBlock(tool_use_id="1")))), ESTIMATE),
        (asked(user("Hi", block(thinking=message_pb2.ThinkingBlock(text="Hm")))), ESTIMATE),
        (asked(user("Hi", block(search_result=message_pb2.SearchResultBlock(source="s")))), ESTIMATE),
        (asked(user("Hi", block(document=message_pb2.DocumentBlock(text="d")))), ESTIMATE),
        (asked(user("Hi"), output_format=chat_input_pb2.OutputFormat(json_object={})), ESTIMATE),
        (asked(user("Hi"), provider_options_json={"openai": '{"tools":[]}'}), ESTIMATE),
    ],
)
async def test_only_text_is_counted_by_a_vocabulary(chat: chat_input_pb2.ChatInput, method: int) -> None:
    assert (await count(chat, O200K)).method == method
    assert (await count(chat, "")).method == ESTIMATE


async def test_an_estimate_is_a_token_for_three_bytes() -> None:
    assert await tokens(asked(user("Hi" * 300)), "") == 200 + 7
    assert await tokens(asked(user("日" * 300)), "") == 300 + 7


def real_counts() -> list[Any]:
    """Recorded calls of text alone: the input, the model's vocabulary and what OpenAI counted."""
    found = []
    for each in recordings("openai-chat_completions"):
        messages = (each.request or {}).get("messages", [])
        facts = catalog.find("openai", (each.request or {}).get("model", ""))
        if each.status != 200 or each.is_stream or facts is None or "tools" in each.request:
            continue
        if all(isinstance(message["content"], str) for message in messages):
            chat = asked(*(user(message["content"]) for message in messages))
            counted = json.loads(each.body)["usage"]["prompt_tokens"]
            found.append(pytest.param(chat, facts.tokenizer, counted, id=each.name))
    return found


@pytest.mark.parametrize(("chat", "tokenizer", "counted"), real_counts())
async def test_against_what_openai_counted(chat: chat_input_pb2.ChatInput, tokenizer: str, counted: int) -> None:
    assert abs(await tokens(chat, tokenizer) - counted) <= 1


TEXTS = st.lists(
    st.sampled_from(
        ["word ", " word", "\n", "\r\n", "  ", "1234", "naïve", "日本", "🙂", "don't", "A", "{}", "\ud800"]
    ),
    max_size=400,
).map("".join)


@given(TEXTS, st.integers(1, 50))
@settings(max_examples=50, deadline=None)
def test_pieces_have_the_tokens_of_the_whole(text: str, times: int) -> None:
    long = text * times + "x"
    words = _load(O200K)
    whole = words._encoding.encode_ordinary(long.encode("utf-8", "replace").decode())
    pieces = sum(words.counts(long))
    # A piece that had no seam may have cut a token in two, or three.
    assert abs(pieces - len(whole)) <= 2 * (len(long) // PIECE_CHARACTERS)


async def test_prose_is_cut_at_seams() -> None:
    words = await vocabulary(O200K)
    prose = "The quick brown fox jumps over the lazy dog, and then?\nIt sleeps. " * 5000
    assert len(prose) > 4 * PIECE_CHARACTERS
    assert sum(words.counts(prose)) == len(words._encoding.encode_ordinary(prose))


async def test_other_calls_have_their_turn() -> None:
    await vocabulary(O200K)
    longest, last, done = 0.0, time.perf_counter(), False

    async def beat() -> None:
        nonlocal longest, last
        while not done:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    watching = asyncio.create_task(beat())
    began = time.perf_counter()
    await count(asked(user("The quick brown fox. " * 400_000)), O200K)
    took = time.perf_counter() - began
    done = True
    await watching
    assert longest < took / 3
