"""The examples of the reference product's page on Anthropic, in Trunkline's own terms and through its Python client.

Each test is named after its example. What the provider got is checked as well as what came back. Fallback and load
balancing are the page's own JSON, unchanged. Batches have their place with the feature itself.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from e2e.gateways import KEY, Running, posts, provider, running
from support.upstream import Answer, ScriptedUpstream
from trunkline import (
    APIError,
    AsyncTrunkline,
    AuthenticationError,
    InvalidRequestError,
    RateLimitError,
    Reply,
    Target,
    Trunkline,
    UpstreamUnavailableError,
    cached,
    image,
    portkey,
    text,
    tool,
)
from trunkline.v1.chat_input_pb2 import AnthropicOptions
from trunkline.v1.message_pb2 import Role
from trunkline_service import config
from trunkline_service.app import Gateway
from trunkline_service.cli.portkey import as_yaml
from trunkline_service.simulator import Simulator
from trunkline_service.simulator.calls import ReceivedCall

MODEL = "anthropic/claude-3-5-sonnet-20241022"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(range(256))
FALLBACK: dict[str, Any] = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {
            "provider": "anthropic",
            "api_key": "sk-ant-***",
            "override_params": {"model": "claude-3-5-sonnet-20241022"},
        },
        {"provider": "openai", "api_key": "sk-***", "override_params": {"model": "gpt-4o"}},
    ],
}
LOAD_BALANCING: dict[str, Any] = {
    "strategy": {"mode": "loadbalance"},
    "targets": [
        {
            "provider": "anthropic",
            "api_key": "sk-ant-***",
            "override_params": {"model": "claude-3-5-sonnet-20241022"},
            "weight": 0.7,
        },
        {
            "provider": "anthropic",
            "api_key": "sk-ant-***",
            "override_params": {"model": "claude-3-5-haiku-20241022"},
            "weight": 0.3,
        },
    ],
}
WEATHER = {
    "type": "object",
    "properties": {
        "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "The unit of temperature"},
    },
    "required": ["location"],
}


@pytest.fixture(scope="module")
async def upstream() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
async def own(upstream: Simulator) -> AsyncIterator[Running]:
    """A gateway whose provider "anthropic" is the simulator."""
    async with running(providers={"anthropic": provider(upstream.url)}) as front:
        yield dataclasses.replace(front, simulator=upstream)


def openai(upstream: Simulator) -> config.ProviderSettings:
    """A provider "openai" that is the simulator."""
    key = config.Secret(env="KEY", environ={"KEY": "sk-of-the-gateway"})
    url = f"{upstream.url}/openai/v1"
    return config.ProviderSettings(
        name="openai", type="openai", api="responses", auth="bearer", base_url=url, api_key=key
    )


@pytest.fixture
async def both(upstream: Simulator) -> AsyncIterator[AsyncTrunkline]:
    """A client of a gateway whose providers "anthropic" and "openai" are the simulator."""
    providers = {"anthropic": provider(upstream.url), "openai": openai(upstream)}
    async with (
        running(providers=providers) as front,
        AsyncTrunkline(front.gateway.address, timeout=30) as made,
    ):
        yield made


@pytest.fixture
async def overloaded(upstream: Simulator) -> AsyncIterator[AsyncTrunkline]:
    """The same, but that Anthropic is overloaded."""
    busy = Answer(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', status=529)
    async with ScriptedUpstream() as anthropic:
        anthropic.answer(busy)
        providers = {"anthropic": provider(anthropic.url), "openai": openai(upstream)}
        async with (
            running(providers=providers) as front,
            AsyncTrunkline(front.gateway.address, timeout=30) as made,
        ):
            yield made


@pytest.fixture(autouse=True)
def nothing_before(upstream: Simulator) -> None:
    upstream.clear()


@pytest.fixture
async def client(own: Running) -> AsyncIterator[AsyncTrunkline]:
    async with AsyncTrunkline(own.gateway.address, model=MODEL, timeout=10) as made:
        yield made


def received(upstream: Simulator) -> ReceivedCall:
    """The only call that the provider got."""
    (call,) = posts(upstream)
    return call


async def test_quick_start(own: Running, upstream: Simulator) -> None:
    def quick_start() -> str:
        with Trunkline(own.gateway.address, model=MODEL) as client:
            return client.chat("Explain quantum computing in simple terms", max_output_tokens=1024).text

    assert await asyncio.to_thread(quick_start) == "You said: Explain quantum computing in simple terms"
    call = received(upstream)
    assert call.path == "/v1/messages"
    assert call.headers["x-api-key"].endswith(KEY[-4:])
    assert call.json == {
        "model": "claude-3-5-sonnet-20241022",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Explain quantum computing in simple terms"}]}
        ],
        "max_tokens": 1024,
        "stream": True,
    }


async def test_quick_start_with_a_key_of_the_callers_own(client: AsyncTrunkline, upstream: Simulator) -> None:
    """The page passes its key with the client; here it goes with the route."""
    target = Target(provider="anthropic", api_key="sk-ant-of-the-caller")
    reply = await client.chat("Hello", route=target, max_output_tokens=1024)
    assert reply.text == "You said: Hello"
    assert received(upstream).headers["x-api-key"] == "***ller"


async def test_streaming_responses(own: Running, upstream: Simulator) -> None:
    def streaming() -> tuple[list[str], Reply]:
        with Trunkline(own.gateway.address, model=MODEL) as client:
            with client.stream("Write a haiku about programming", max_output_tokens=100) as stream:
                pieces = []
                for piece in stream.text:
                    print(piece, end="")
                    pieces.append(piece)
            return pieces, stream.response

    pieces, reply = await asyncio.to_thread(streaming)
    assert len(pieces) > 3
    assert "".join(pieces) == reply.text == "You said: Write a haiku about programming"
    assert reply.complete
    assert reply.finish_reason == "stop"
    assert received(upstream).json["max_tokens"] == 100


async def test_streaming_responses_with_asyncio(client: AsyncTrunkline, upstream: Simulator) -> None:
    async with client.stream("Write a haiku about programming", max_output_tokens=100) as stream:
        pieces = [piece async for piece in stream.text]
    assert "".join(pieces) == stream.response.text
    assert len(pieces) > 3
    assert received(upstream).json["stream"] is True


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-haiku-4-5", "claude-3-haiku-20240307"])
async def test_available_models(model: str, client: AsyncTrunkline, upstream: Simulator) -> None:
    """A bare name does, as one provider has it."""
    reply = await client.chat("Hello", model=model, max_output_tokens=10)
    assert reply.message.origin.model == model
    assert received(upstream).model == model


async def test_configuration_options(upstream: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version and the beta as options of the provider, from a file as an operator writes it."""
    monkeypatch.setenv("KEY_OF_THE_TEST", "sk-ant-from-the-environment")
    settings = config.parse(
        f"""\
providers:
  anthropic:
    type: anthropic
    base_url: {upstream.url}
    api_key: {{env: KEY_OF_THE_TEST}}
    version: 2023-06-01
    betas: [prompt-caching-2024-07-31]
""",
        "gateway.yaml",
        listen="127.0.0.1:0",
    )
    async with Gateway(settings) as gateway, AsyncTrunkline(gateway.address, model=MODEL) as client:
        await client.chat("Hello", max_output_tokens=1024)
    headers = received(upstream).headers
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["anthropic-beta"] == "prompt-caching-2024-07-31"
    assert headers["x-api-key"] == "***ment"


async def test_configuration_options_by_default(client: AsyncTrunkline, upstream: Simulator) -> None:
    """No beta unless one is asked for, and the newest version that takes what the request holds."""
    await client.chat("Hello", max_output_tokens=1024)
    headers = received(upstream).headers
    assert headers["anthropic-version"] == "2026-10-21"
    assert "anthropic-beta" not in headers


async def test_body_parameters(client: AsyncTrunkline, upstream: Simulator) -> None:
    """The same as fields of the request."""
    await client.chat(
        "Hello",
        max_output_tokens=1024,
        anthropic=AnthropicOptions(version="2023-06-01", betas=["prompt-caching-2024-07-31"]),
    )
    call = received(upstream)
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert call.headers["anthropic-beta"] == "prompt-caching-2024-07-31"
    assert not {"anthropic_version", "anthropic_beta"} & call.json.keys()


async def test_body_parameters_beside_configuration_options(upstream: Simulator) -> None:
    """The request's version is stronger than the provider's, and its betas are added to the provider's."""
    settings = provider(upstream.url, version="2026-10-21", betas=("one-2025-01-01", "two-2025-01-01"))
    async with (
        running(providers={"anthropic": settings}) as own,
        AsyncTrunkline(own.gateway.address, model=MODEL) as client,
    ):
        options = AnthropicOptions(version="2023-06-01", betas=["two-2025-01-01", "three-2025-01-01"])
        await client.chat("Hello", max_output_tokens=1024, anthropic=options)
    headers = received(upstream).headers
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["anthropic-beta"] == "one-2025-01-01,two-2025-01-01,three-2025-01-01"


async def test_system_prompts(client: AsyncTrunkline, upstream: Simulator) -> None:
    system = "You are a helpful AI assistant specialized in Python programming. Provide clear, concise code examples."
    reply = await client.chat("How do I read a CSV file in Python?", system=system, max_output_tokens=500)
    assert reply.text == "You said: How do I read a CSV file in Python?"
    body = received(upstream).json
    assert body["system"] == [{"type": "text", "text": system}]
    assert [message["role"] for message in body["messages"]] == ["user"]


async def test_tool_use(client: AsyncTrunkline, upstream: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    tools = [tool("get_weather", WEATHER, "Get the current weather in a given location")]
    reply = await client.chat(
        "What's the weather in Paris?", model="anthropic/tool", tools=tools, max_output_tokens=1024
    )
    if reply.tool_calls:
        call = reply.tool_calls[0]
        print(f"Function: {call.name}")
        print(f"Arguments: {call.arguments}")
    assert capsys.readouterr().out == ("Function: get_weather\nArguments: {'location': 'Zürich', 'unit': 'celsius'}\n")
    assert reply.finish_reason == "tool_use"
    assert received(upstream).json["tools"] == [
        {
            "name": "get_weather",
            "description": "Get the current weather in a given location",
            "input_schema": WEATHER,
        }
    ]


async def test_tool_use_and_its_result(client: AsyncTrunkline, upstream: Simulator) -> None:
    """What the page leaves out: the answer goes back, and the model goes on."""
    tools = [tool("get_weather", WEATHER)]
    question = "What's the weather in Paris?"
    first = await client.chat(question, model="anthropic/tool", tools=tools, max_output_tokens=1024)
    (call,) = first.tool_calls
    upstream.clear()
    second = await client.chat(
        messages=[question, first.message, call.result("18 degrees")],
        model="anthropic/tool",
        tools=tools,
        max_output_tokens=1024,
    )
    assert second.text == "The tool answered: 18 degrees"
    _, assistant, result = received(upstream).json["messages"]
    assert assistant["content"][0]["input"] == {"location": "Zürich", "unit": "celsius"}
    assert result["role"] == "user"
    assert result["content"][0]["tool_use_id"] == call.id == assistant["content"][0]["id"]


async def test_vision_with_an_address(client: AsyncTrunkline, upstream: Simulator) -> None:
    reply = await client.chat(
        ["What's in this image? Describe it in detail.", image("https://example.com/image.jpg")],
        max_output_tokens=1024,
    )
    assert reply.text == "You said: What's in this image? Describe it in detail."
    (message,) = received(upstream).json["messages"]
    assert message["content"] == [
        {"type": "text", "text": "What's in this image? Describe it in detail."},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/image.jpg"}},
    ]


async def test_vision_with_bytes(client: AsyncTrunkline, upstream: Simulator, tmp_path: Path) -> None:
    """The page encodes the file in Base64 by hand and names its type; here the bytes do."""
    file = tmp_path / "image.jpg"
    file.write_bytes(JPEG)
    await client.chat(["Describe this image", image(file.read_bytes())], max_output_tokens=1024)
    (message,) = received(upstream).json["messages"]
    source = message["content"][1]["source"]
    assert (source["type"], source["media_type"]) == ("base64", "image/jpeg")
    assert base64.b64decode(source["data"]) == JPEG


async def test_vision_with_a_data_url(client: AsyncTrunkline, upstream: Simulator) -> None:
    """The page's own way is refused, and the error says how it is done here."""
    url = f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
    # The client's helper may refuse it first; the gateway does in any case.
    with pytest.raises((InvalidRequestError, ValueError), match="bytes"):
        await client.chat(["Describe this image", image(url)], max_output_tokens=1024)
    assert not posts(upstream)


async def test_prompt_caching(client: AsyncTrunkline, upstream: Simulator) -> None:
    large_context = "[Your large context here - documentation, examples, etc.]" * 50

    async def ask(question: str) -> Any:
        reply = await client.chat(
            question,
            model="anthropic/cache",
            system=cached(text(large_context)),
            max_output_tokens=1024,
            anthropic=AnthropicOptions(betas=["prompt-caching-2024-07-31"]),
        )
        return reply.usage

    first = await ask("Question about the context")
    second = await ask("Another question about the context")
    assert first.cache_read == 0
    assert first.cache_write > 700
    assert first.cache_write_by_ttl["5m"] == first.cache_write
    assert second.cache_read == first.cache_write
    assert second.cache_write == 0
    for usage in (first, second):
        assert usage.input_total == usage.input_uncached + usage.cache_read + usage.cache_write
    for call in posts(upstream):
        assert call.json["system"] == [{"type": "text", "text": large_context, "cache_control": {"type": "ephemeral"}}]
        assert call.headers["anthropic-beta"] == "prompt-caching-2024-07-31"


async def test_prompt_caching_for_an_hour(client: AsyncTrunkline, upstream: Simulator) -> None:
    reply = await client.chat(
        "Hello", model="anthropic/cache", system=cached(text("context " * 500), ttl="1h"), max_output_tokens=10
    )
    assert received(upstream).json["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert reply.usage.cache_write_by_ttl["1h"] == reply.usage.cache_write > 0


async def test_token_counting(client: AsyncTrunkline, upstream: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    count = await client.count_tokens("Hello, Claude!")
    print(f"Input tokens: {count.input_tokens}")
    assert capsys.readouterr().out == f"Input tokens: {count.input_tokens}\n"
    call = received(upstream)
    assert call.path == "/v1/messages/count_tokens"
    assert call.json == {
        "model": "claude-3-5-sonnet-20241022",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello, Claude!"}]}],
    }
    assert count.method == "provider"
    # What is counted is what is sent.
    reply = await client.chat("Hello, Claude!", max_output_tokens=10)
    assert reply.usage.input_total == count.input_tokens


async def handled(client: AsyncTrunkline, **options: Any) -> str:
    """The page's handler of errors."""
    try:
        await client.chat("Hello", max_output_tokens=1024, **options)
    except RateLimitError as error:
        return f"Rate limit exceeded: {error}"
    except AuthenticationError as error:
        return f"Invalid API key: {error}"
    except APIError as error:
        return f"API error: {error}"
    raise AssertionError("there was no error")


async def test_error_handling_of_a_rate_limit(client: AsyncTrunkline) -> None:
    assert (await handled(client, model="anthropic/error-429")).startswith("Rate limit exceeded: ")
    with pytest.raises(RateLimitError) as caught:
        await client.chat("Hello", model="anthropic/error-429", max_output_tokens=1024)
    error = caught.value
    assert (error.retry_after, error.retryable) == (7, True)
    assert (error.provider, error.model, error.upstream_status) == ("anthropic", "error-429", 429)
    assert error.upstream_request_id.startswith("req_")


async def test_error_handling_of_authentication(client: AsyncTrunkline) -> None:
    key = "bad-key-of-the-caller"
    target = Target(provider="anthropic", api_key=key)
    said = await handled(client, route=target)
    assert said.startswith("Invalid API key: ")
    assert key not in said
    with pytest.raises(AuthenticationError) as caught:
        await client.chat("Hello", route=target, max_output_tokens=1024)
    assert not caught.value.retryable
    assert caught.value.reason == "ERROR_REASON_CALLER_CREDENTIALS_REJECTED"


async def test_error_handling_of_anything_else(client: AsyncTrunkline, upstream: Simulator) -> None:
    assert (await handled(client, model="anthropic/error-500")).startswith("API error: ")
    with pytest.raises(UpstreamUnavailableError) as caught:
        await client.chat("Hello", model="anthropic/error-500", max_output_tokens=1024, request_id="the-call")
    assert caught.value.retryable
    assert caught.value.request_id == "the-call"
    # Nothing repeats calls behind the caller's back: each of the two reached the provider once.
    assert len(posts(upstream)) == 2


async def test_error_handling_in_a_stream(client: AsyncTrunkline) -> None:
    async with client.stream("Hello", model="anthropic/error-429", max_output_tokens=1024) as stream:
        with pytest.raises(RateLimitError):
            await anext(stream.text)


async def test_request_and_response(client: AsyncTrunkline, upstream: Simulator) -> None:
    """The native parameters, of which the newer version takes none; and all that the page's response holds."""
    reply = await client.chat("Hello, Claude!", max_output_tokens=1024, temperature=1.0, top_p=1.0, top_k=5)
    call = received(upstream)
    assert call.headers["anthropic-version"] == "2023-06-01"
    sent = {name: call.json[name] for name in ("model", "max_tokens", "temperature", "top_p", "top_k")}
    assert sent == {
        "model": "claude-3-5-sonnet-20241022",
        "max_tokens": 1024,
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 5,
    }
    assert reply.proto.id.startswith("msg_")
    assert reply.message.role == Role.ROLE_ASSISTANT
    assert reply.text == "You said: Hello, Claude!"
    assert reply.message.origin.model == "claude-3-5-sonnet-20241022"
    assert (reply.finish_reason, reply.provider_finish_reason) == ("stop", "end_turn")
    assert reply.usage.input_total > 0
    assert reply.usage.output_total > 0
    assert not reply.warnings


async def test_always_set_max_tokens(client: AsyncTrunkline, upstream: Simulator) -> None:
    """The page's advice is not needed here: the model's own maximum is sent, and the response says so."""
    reply = await client.chat("Hello")
    assert received(upstream).json["max_tokens"] == 8192
    (warning,) = reply.warnings
    assert (warning.field, warning.value) == ("input.generation.max_output_tokens", "8192")


async def test_fallback_configuration(both: AsyncTrunkline, upstream: Simulator) -> None:
    reply = await both.chat("Hello!", route=portkey.route(FALLBACK), max_output_tokens=100)
    assert reply.text == "You said: Hello!"
    call = received(upstream)
    assert (call.path, call.model) == ("/v1/messages", "claude-3-5-sonnet-20241022")
    assert call.json["max_tokens"] == 100
    assert call.headers["x-api-key"] == "***-***"


async def test_fallback_configuration_when_claude_is_overloaded(
    overloaded: AsyncTrunkline, upstream: Simulator
) -> None:
    reply = await overloaded.chat("Hello!", route=portkey.route(FALLBACK), max_output_tokens=100)
    assert reply.text == "You said: Hello!"
    assert (reply.message.origin.provider, reply.message.origin.model) == ("openai", "gpt-4o")
    call = received(upstream)
    assert call.model == "gpt-4o"
    assert call.json["max_output_tokens"] == 100
    attempts = reply.proto.completion.route_report.attempts
    assert [(each.provider, each.model, each.upstream_status) for each in attempts] == [
        ("anthropic", "claude-3-5-sonnet-20241022", 529),
        ("openai", "gpt-4o", 200),
    ]


async def test_fallback_configuration_in_a_stream(overloaded: AsyncTrunkline) -> None:
    async with overloaded.stream("Hello!", route=portkey.route(FALLBACK), max_output_tokens=100) as stream:
        assert "".join([piece async for piece in stream.text]) == "You said: Hello!"
    assert stream.response.message.origin.provider == "openai"


async def test_fallback_configuration_in_the_gateways_own(upstream: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `trunkline import-portkey` prints it; the page's JSON with the places where the providers are."""
    for name in ("ANTHROPIC", "OPENAI"):
        monkeypatch.setenv(f"{name}_API_KEY", f"sk-of-{name}")
    hosts = (f"{upstream.url}/v1", f"{upstream.url}/openai/v1")
    targets = [each | {"custom_host": host} for each, host in zip(FALLBACK["targets"], hosts, strict=True)]
    text = as_yaml(portkey.configuration(FALLBACK | {"targets": targets}), "claude-or-gpt")
    settings = config.parse(text, "gateway.yaml", listen="127.0.0.1:0")
    async with Gateway(settings) as gateway, AsyncTrunkline(gateway.address) as client:
        reply = await client.chat("Hello!", route="claude-or-gpt", max_output_tokens=100)
    assert reply.text == "You said: Hello!"
    assert received(upstream).headers["x-api-key"] == "***OPIC"
    assert reply.proto.completion.route_report.route_name == "claude-or-gpt"


async def test_load_balancing(both: AsyncTrunkline, upstream: Simulator) -> None:
    route = portkey.route(LOAD_BALANCING)
    for _ in range(10):
        await asyncio.gather(*(both.chat("Hello!", route=route, max_output_tokens=10) for _ in range(20)))
    models = Counter(call.model for call in posts(upstream))
    assert models.keys() == {"claude-3-5-sonnet-20241022", "claude-3-5-haiku-20241022"}
    # Five standard deviations of 200 draws.
    assert 108 <= models["claude-3-5-sonnet-20241022"] <= 172


async def test_load_balancing_when_one_model_is_overloaded(both: AsyncTrunkline, upstream: Simulator) -> None:
    """Portkey asks no other target then."""
    busy = {"provider": "anthropic", "override_params": {"model": "error-529"}, "weight": 0.7}
    balanced = LOAD_BALANCING | {"targets": [busy, LOAD_BALANCING["targets"][1]]}
    for _ in range(10):
        reply = await both.chat("Hello!", route=portkey.route(balanced), max_output_tokens=10)
        assert reply.message.origin.model == "claude-3-5-haiku-20241022"


async def test_add_retry_logic(both: AsyncTrunkline, upstream: Simulator) -> None:
    """The page's advice, as the product's configs have it."""
    config = {"provider": "anthropic", "retry": {"attempts": 3}, "override_params": {"model": "flaky-2-text-s429"}}
    reply = await both.chat("Hello!", route=portkey.route(config), max_output_tokens=100)
    assert reply.text == "You said: Hello!"
    assert [call.status for call in posts(upstream)] == [429, 429, 200]
