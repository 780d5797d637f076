"""The clients against the gateway itself, with its simulator behind."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from clients.both import AnyClient, make
from trunkline import (
    APIError,
    ContextLengthError,
    DeadlineExceededError,
    InvalidRequestError,
    NotFoundError,
    QuotaExhaustedError,
    RateLimitError,
    StreamInterruptedError,
    Target,
    UpstreamCredentialsError,
    UpstreamOverloadedError,
    UpstreamUnavailableError,
    tool,
    user,
)
from trunkline_service.app import Gateway


@pytest_asyncio.fixture
async def client(kind: str, gateway: Gateway) -> AsyncIterator[AnyClient]:
    client = make(kind, gateway.address, model="simulator/text")
    yield client
    await client.close()


async def test_an_answer(client: AnyClient) -> None:
    reply = await client.chat("Hello", max_output_tokens=50, request_id="r-1")
    assert reply.text == "You said: Hello"
    assert (reply.finish_reason, reply.provider_finish_reason) == ("stop", "end_turn")
    assert reply.message.origin.provider == "simulator"
    assert reply.usage.output_total > 0
    assert reply.request_id == "r-1"


async def test_a_stream_adds_up_to_the_answer(client: AnyClient) -> None:
    for model in ("text", "thinking", "citations", "search", "unknown", "refusal", "compaction"):
        reply = await client.chat("Hello", model=f"simulator/{model}")
        async with client.stream("Hello", model=f"simulator/{model}") as stream:
            final = await stream.final()
        assert [each.WhichOneof("kind") for each in final.message.content] == [
            each.WhichOneof("kind") for each in reply.message.content
        ]
        assert (final.text, final.thinking, final.finish_reason) == (reply.text, reply.thinking, reply.finish_reason)


async def test_tools(client: AnyClient) -> None:
    tools = [tool("weather", {"type": "object", "properties": {"city": {"type": "string"}}})]
    question = user("What is the weather in Paris?")
    reply = await client.chat(question, model="simulator/tools", tools=tools)
    assert reply.finish_reason == "tool_use"
    assert len(reply.tool_calls) == 2
    results = [call.result({"city": call.arguments["city"], "degrees": 18}) for call in reply.tool_calls]
    reply = await client.chat(messages=[question, reply.message, *results], model="simulator/tools", tools=tools)
    assert "18" in reply.text
    assert reply.finish_reason == "stop"


async def test_counting(client: AnyClient) -> None:
    assert (await client.count_tokens("Hello")).input_tokens > 0


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("error-400", InvalidRequestError),
        ("error-401", UpstreamCredentialsError),
        ("error-402", QuotaExhaustedError),
        ("error-404", NotFoundError),
        ("error-429", RateLimitError),
        ("error-500", UpstreamUnavailableError),
        ("error-529", UpstreamOverloadedError),
        ("error-context", ContextLengthError),
        ("cut", StreamInterruptedError),
        ("no-stop", StreamInterruptedError),
    ],
)
async def test_failures(client: AnyClient, model: str, expected: type[APIError]) -> None:
    with pytest.raises(expected) as chat:
        await client.chat("Hello", model=f"simulator/{model}")
    assert chat.value.provider == "simulator"
    stream = client.stream("Hello", model=f"simulator/{model}", request_id="r-1")
    with pytest.raises(expected) as streamed:
        async with stream:
            await stream.final()
    assert streamed.value.reason == chat.value.reason
    assert streamed.value.request_id == "r-1"
    assert (streamed.value.partial is not None) == (expected is StreamInterruptedError)


async def test_what_the_gateway_finds_wrong(client: AnyClient) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await client.chat("Hello", temperature=9)
    assert [each.field for each in caught.value.violations] == ["input.generation.temperature"]
    with pytest.raises(NotFoundError) as missing:
        await client.chat("Hello", route="nowhere")
    assert missing.value.resource == "nowhere"


async def test_a_target_of_one_s_own(client: AnyClient) -> None:
    reply = await client.chat("Hello", model=None, route=Target(provider="simulator", model="unicode"))
    assert reply.message.origin.model == "unicode"


async def test_deadlines(client: AnyClient) -> None:
    with pytest.raises(DeadlineExceededError):
        await client.chat("Hello", model="simulator/silence", timeout=0.5)
