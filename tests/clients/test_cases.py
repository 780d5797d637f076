"""Python's run of the suite that the clients of all languages have: cases.md says what each case is."""

import asyncio
import os
import re
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import grpc
import pytest

from clients.both import AnyClient
from clients.conftest import Make
from clients.record import received
from clients.serve import World
from trunkline import DeadlineExceededError, Target, UpstreamUnavailableError, image, tool, user
from trunkline.errors import CallCancelledError, GatewayUnreachableError, StreamInterruptedError
from trunkline.v1 import CircuitBreaker, Fallback, Route

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ff56c7c15d0000000049454e44ae426082"
)
MIB = 2**20
WEATHER = tool("weather", {"type": "object", "properties": {"city": {"type": "string"}}})
README = Path(__file__).parents[2] / "clients/python/README.md"


@pytest.fixture
def client(client_of: Make, servers: World) -> AnyClient:
    return client_of(servers.gateway, model="simulator/text")


@pytest.fixture
def vectors(client_of: Make, servers: World) -> AnyClient:
    return client_of(servers.vectors)


async def test_chat(client: AnyClient) -> None:
    reply = await client.chat("Hello", request_id="case-chat")
    assert reply.text == "You said: Hello"
    assert (reply.finish_reason, reply.provider_finish_reason) == ("stop", "end_turn")
    assert reply.message.origin.provider == "simulator"
    assert reply.usage.output_total > 0
    assert reply.request_id == "case-chat"


async def test_stream(client: AnyClient) -> None:
    async with client.stream("one two three") as stream:
        pieces = [piece async for piece in stream.text]
        final = await stream.final()
    assert len(pieces) > 1
    assert "".join(pieces) == final.text == "You said: one two three"
    assert final.complete
    assert final.usage.output_total > 0


async def test_tools_round_trip(client: AnyClient) -> None:
    async def streamed(*args: Any, **options: Any) -> Any:
        async with client.stream(*args, **options) as stream:
            return await stream.final()

    for ask in (client.chat, streamed):
        options: Any = {"model": "simulator/tools", "tools": [WEATHER]}
        question = user("What is the weather in Paris?")
        reply = await ask(question, **options)
        assert reply.finish_reason == "tool_use"
        assert [call.name for call in reply.tool_calls] == ["weather", "weather"]
        assert all("city" in call.arguments for call in reply.tool_calls)
        results = [call.result("18 degrees") for call in reply.tool_calls]
        reply = await ask(messages=[question, reply.message, *results], **options)
        assert "18 degrees" in reply.text
        assert reply.finish_reason == "stop"


async def test_image(client: AnyClient, servers: World, kind: str) -> None:
    model = f"image-python-{kind}"
    await client.chat(user("What is this?", image(PNG)), model=f"simulator/{model}", max_output_tokens=1000)
    (call,) = await received(servers.simulator, model)
    (block,) = [block for block in call["json"]["messages"][0]["content"] if block["type"] == "image"]
    source = block["source"]
    assert (source["type"], source["media_type"]) == ("base64", "image/png")
    assert b64decode(source["data"]) == PNG


async def test_thinking_round_trip(client: AnyClient, servers: World, kind: str) -> None:
    options: Any = {"model": "simulator/thinking", "reasoning": True}
    async with client.stream("Hello", end_user_id=f"thinking-python-{kind}", **options) as stream:
        reply = await stream.final()
    assert reply.thinking
    assert reply.text == "You said: Hello"
    thinking = reply.message.content[0].thinking
    assert thinking.signature
    again = f"again-python-{kind}"
    await client.chat(messages=["Hello", reply.message, "Go on"], end_user_id=again, **options)
    calls = await received(servers.simulator, "thinking")
    (call,) = [call for call in calls if call["json"].get("metadata") == {"user_id": again}]
    sent = call["json"]["messages"][1]["content"][0]
    assert sent == {"type": "thinking", "thinking": thinking.text, "signature": thinking.signature}


async def test_count(client: AnyClient) -> None:
    count = await client.count_tokens("Hello")
    assert count.input_tokens > 0
    assert count.method == "provider"


async def test_embed(client: AnyClient) -> None:
    first, second = await client.embed(["one", "another"], model="openai/text-embedding-3-small", dimensions=8)
    assert len(first) == len(second) == 8
    assert list(first) != list(second)


async def test_list_models(client: AnyClient) -> None:
    models = {model.id: model for model in await client.list_models(provider="simulator")}
    assert models["text"].context_window > 0
    assert (await client.get_model("simulator/text")).id == "text"


async def test_route(client_of: Make, servers: World) -> None:
    client = client_of(servers.gateway)
    assert (await client.chat("Hello", route="home")).text == "You said: Hello"
    assert (await client.chat("Hello", model="quick")).text == "You said: Hello"


async def test_own_route(client_of: Make, servers: World) -> None:
    def route(*models: str) -> Route:
        ways = [Route(target=Target(provider="simulator", model=model)) for model in models]
        never = CircuitBreaker(consecutive_failures=0, failure_rate=0)
        return Route(fallback=Fallback(routes=ways), circuit_breaker=never)

    client = client_of(servers.gateway)
    told = {"route_metadata": {"plan": "paid"}, "affinity_key": "a", "coalescing_key": "own-route"}
    reply = await client.chat("Hello", route=route("error-529-n1", "text"), **told)
    assert reply.text == "You said: Hello"
    first, second = reply.route_report.attempts
    assert (first.model, first.upstream_status, second.model) == ("error-529-n1", 529, "text")
    with pytest.raises(UpstreamUnavailableError) as caught:
        await client.chat("Hello", route=route("error-529-n1", "error-500-n1"), **told)
    assert caught.value.route_report
    assert [attempt.model for attempt in caught.value.route_report.attempts] == ["error-529-n1", "error-500-n1"]


async def test_key(client_of: Make, servers: World, kind: str) -> None:
    client = client_of(servers.gateway, metadata={"authorization": "Bearer x"})
    model = f"key-python-{kind}"
    target = Target(provider="simulator", model=model, api_key="sk-of-python-1234")
    await client.chat("Hello", route=target, max_output_tokens=1000)
    (call,) = await received(servers.simulator, model)
    assert call["headers"]["x-api-key"].endswith("1234")


async def test_cancel(client: AnyClient, servers: World, kind: str) -> None:
    model = f"cancel-python-{kind}-n10000-g20"
    async with client.stream("Hello", model=f"simulator/{model}", max_output_tokens=1000) as stream:
        pieces = stream.text
        assert await anext(pieces)
        asyncio.get_running_loop().call_later(0.1, stream.cancel)
        with pytest.raises(CallCancelledError):
            async for _ in pieces:
                pass
    await hung_up(servers, model)

    model = f"cancel-python-{kind}-leave-n10000-g20"
    async with client.stream("Hello", model=f"simulator/{model}", max_output_tokens=1000) as stream:
        assert await anext(stream.text)
    await hung_up(servers, model)


async def hung_up(servers: World, model: str) -> None:
    async with asyncio.timeout(10):
        while [call["outcome"] for call in await received(servers.simulator, model)] != ["hung_up"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_deadline(client: AnyClient) -> None:
    with pytest.raises(DeadlineExceededError):
        await client.chat("Hello", model="simulator/silence", timeout=0.5)
    async with client.stream("Hello", model="simulator/silence", timeout=0.5) as stream:
        with pytest.raises(DeadlineExceededError):
            await stream.final()


async def test_stream_restart(vectors: AnyClient) -> None:
    async with vectors.stream("Hello", model="vectors/streams/restart_once", allow_restart=True) as stream:
        final = await stream.final()
    assert (stream.restarts, final.text) == (1, "newer")


async def test_gateway_restart(client_of: Make, servers: World) -> None:
    client = client_of(servers.gateway)
    async with client.stream("Hello", route="unsteady", allow_restart=True) as stream:
        final = await stream.final()
    assert (stream.restarts, final.text) == (1, "You said: Hello")
    async with client.stream("Hello", route="unsteady") as stream:
        with pytest.raises(StreamInterruptedError) as caught:
            await stream.final()
    assert caught.value.partial
    assert caught.value.partial.text


async def test_retry(vectors: AnyClient) -> None:
    async with vectors.stream("Hello", model="vectors/retried/text") as stream:
        assert (await stream.final()).text.startswith("Hello, ")
    assert list(await vectors.embed("Hello", model="vectors/retried/text")) == []


async def test_large_message(client: AnyClient) -> None:
    text = "x" * (5 * MIB)
    assert (await client.chat(text)).text == f"You said: {text}"
    async with client.stream("Hello", model="simulator/big-n5") as stream:
        final = await stream.final()
    assert max(len(block.server_tool_result.content_json) for block in final.message.content) >= 5 * MIB


async def test_unknown_values(vectors: AnyClient) -> None:
    finals = {}
    for name in ("event", "delta", "block", "enums", "fields"):
        async with vectors.stream("Hello", model=f"vectors/streams/unknown_{name}", allow_restart=True) as stream:
            finals[name] = await stream.final()
    assert all(final.complete for final in finals.values())
    assert (finals["enums"].finish_reason, finals["enums"].provider_finish_reason) == ("other", "tired")


async def test_tls(client_of: Make, servers: World) -> None:
    authority = await asyncio.to_thread(Path(servers.ca_file).read_bytes)
    client = client_of(servers.tls, model="simulator/text", tls=grpc.ssl_channel_credentials(authority))
    assert (await client.chat("Hello")).text == "You said: Hello"
    for tls in (False, True):
        with pytest.raises(GatewayUnreachableError):
            await client_of(servers.tls, model="simulator/text", tls=tls).chat("Hello")


EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
async def test_readme(example: str, servers: World) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", example),
        env={**os.environ, "TRUNKLINE_ADDRESS": servers.gateway},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate()
    assert (process.returncode, complaints.decode()) == (0, "")
    assert re.search("You said: |The tool answered: 18 degrees", output.decode())
