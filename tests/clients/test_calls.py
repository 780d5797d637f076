"""What goes with a request - deadline, metadata, id, retries, size - and what comes with the answer."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
import pytest_asyncio

from clients.both import AnyClient, make
from clients.events import answer
from clients.scripted import Fail, Header, ScriptedServer, failure
from trunkline import (
    DeadlineExceededError,
    GatewayUnreachableError,
    MessageTooLargeError,
    Target,
    UpstreamOverloadedError,
)
from trunkline.v1 import (
    ChatInput,
    ChatRequest,
    ChatResponse,
    CountTokensRequest,
    CountTokensResponse,
    Role,
    Route,
    RoutingOptions,
    StreamChatRequest,
)

MIB = 1024 * 1024
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def said(text: str) -> ChatResponse:
    response = ChatResponse()
    response.message.content.add().text.text = text
    return response


async def chat(client: AnyClient, **options: Any) -> Any:
    return await client.chat("Hi", **options)


async def count(client: AnyClient, **options: Any) -> Any:
    return await client.count_tokens("Hi", **options)


async def stream(client: AnyClient, **options: Any) -> Any:
    async with client.stream("Hi", **options) as stream:
        return await stream.final()


METHODS: dict[str, tuple[Any, Any, type]] = {
    "chat": (chat, said("a"), ChatRequest),
    "count": (count, CountTokensResponse(input_tokens=7), CountTokensRequest),
    "stream": (stream, answer("a"), StreamChatRequest),
}
Method = Callable[..., Awaitable[Any]]


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest, server: ScriptedServer) -> Method:
    """Calls one of the methods; the server answers it."""
    method, reply, kind = METHODS[request.param]

    async def call(client: AnyClient, **options: Any) -> Any:
        server.script(reply)
        result = await method(client, **options)
        assert isinstance(server.seen.request, kind)
        return result

    return call


@pytest_asyncio.fixture
async def alone() -> AsyncIterator[ScriptedServer]:
    """A server of the test's own: gRPC throttles retries by address, so other tests' failures would count."""
    async with ScriptedServer() as server:
        yield server


async def test_answers(client: AnyClient, server: ScriptedServer) -> None:
    server.script(said("Hello"))
    assert (await client.chat("Hi")).text == "Hello"
    server.script(CountTokensResponse(input_tokens=7))
    assert (await client.count_tokens("Hi")).input_tokens == 7


async def test_all_methods_take_the_same_arguments(client: AnyClient, server: ScriptedServer, method: Method) -> None:
    target = Target(provider="eu", api_key="secret")
    await method(client, system="s", temperature=0, route=target)
    expected = ChatInput(model="m")
    expected.system.add().text.text = "s"
    expected.messages.add(role=Role.ROLE_USER).content.add().text.text = "Hi"
    expected.generation.temperature = 0
    assert server.seen.request.input == expected
    assert server.seen.request.routing == RoutingOptions(route=Route(target=target))


async def test_default_deadline(server: ScriptedServer, kind: str, method: Method) -> None:
    client = make(kind, server.address)
    await method(client)
    assert server.seen.time_remaining is not None
    assert 590 < server.seen.time_remaining < 602
    await client.close()


@pytest.mark.parametrize("default", [60, None])
async def test_own_deadlines(server: ScriptedServer, kind: str, method: Method, default: float | None) -> None:
    client = make(kind, server.address, timeout=default)
    await method(client)
    assert (server.seen.time_remaining or 0) == pytest.approx(default or 0, abs=1.5)
    await method(client, timeout=20)
    assert server.seen.time_remaining == pytest.approx(20, abs=1.5)
    await method(client, timeout=None)
    assert server.seen.time_remaining is None
    # gRPC would take more than it can count for no time at all.
    await method(client, timeout=1e12)
    assert server.seen.time_remaining is None
    with pytest.raises(ValueError, match="number of seconds"):
        await method(client, timeout=float("nan"))
    await client.close()


@pytest.mark.parametrize("name", METHODS)
async def test_deadlines_bind(client: AnyClient, server: ScriptedServer, name: str) -> None:
    server.script(30.0)
    begun = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        await METHODS[name][0](client, timeout=0.1, request_id="r-1")
    assert 0.05 < time.monotonic() - begun < 2
    assert (caught.value.code, caught.value.request_id) == (grpc.StatusCode.DEADLINE_EXCEEDED, "r-1")
    assert await server.seen.cancelled_by(1)


async def test_metadata(server: ScriptedServer, kind: str, method: Method) -> None:
    client = make(kind, server.address, metadata={"Authorization": "Bearer a", "x-team": "red"})
    await method(client)
    assert server.seen.metadata["authorization"] == "Bearer a"
    await method(client, metadata=[("X-Team", "blue"), ("x-raw-bin", b"\x00\xff")])
    assert server.seen.metadata["authorization"] == "Bearer a"
    assert server.seen.metadata["x-team"] == "blue"
    assert server.seen.metadata["x-raw-bin"] == b"\x00\xff"
    await method(client)
    assert server.seen.metadata["x-team"] == "red"
    assert str(server.seen.metadata["user-agent"]).startswith("trunkline-python/0")
    await client.close()


async def test_request_ids(client: AnyClient, server: ScriptedServer, method: Method) -> None:
    reply = await method(client, request_id="order 66")
    assert reply.request_id == server.seen.metadata["x-request-id"] == "order 66"
    reply = await method(client, metadata={"X-Request-Id": "r-2"})
    assert reply.request_id == server.seen.metadata["x-request-id"] == "r-2"


async def test_request_ids_are_made(client: AnyClient, server: ScriptedServer, method: Method) -> None:
    made = {(await method(client)).request_id for _ in range(3)}
    assert len(made) == 3
    assert made == {call.metadata["x-request-id"] for call in server.calls}


@pytest.mark.parametrize(
    ("key", "value"), [("two words", "a"), ("", "a"), ("straße", "a"), ("x-name", "é"), ("x-name", "a\nb: c")]
)
async def test_metadata_that_cannot_be(kind: str, server: ScriptedServer, key: str, value: str) -> None:
    """gRPC would call it an internal error, as if it came from the gateway."""
    client = make(kind, server.address)
    with pytest.raises(ValueError, match="metadata"):
        await client.chat("Hi", metadata={key: value})
    with pytest.raises(ValueError, match="metadata"):
        make(kind, server.address, metadata={key: value})
    assert not server.calls
    await client.close()


@pytest.mark.parametrize("request_id", ["x" * 65, "a\n", "é"])
async def test_request_ids_that_cannot_be(client: AnyClient, server: ScriptedServer, request_id: str) -> None:
    with pytest.raises(ValueError, match="request id"):
        await client.chat("Hi", request_id=request_id)
    assert not server.calls


async def test_the_gateway_may_give_another_id(client: AnyClient, server: ScriptedServer) -> None:
    server.script(Header("x-request-id", "minted"), said("a"))
    assert (await client.chat("Hi", request_id="mine")).request_id == "minted"


@pytest.mark.parametrize("name", METHODS)
async def test_what_was_not_begun_is_repeated(alone: ScriptedServer, kind: str, name: str) -> None:
    method, reply, _ = METHODS[name]
    for last in ((reply,), (Fail(UNAVAILABLE, pushback_ms=10),)):
        alone.script(Fail(UNAVAILABLE, pushback_ms=10))
        alone.script(Fail(UNAVAILABLE, pushback_ms=10))
        alone.script(*last)
    client = make(kind, alone.address)
    await method(client)
    assert len(alone.calls) == 3
    assert len({call.metadata["x-request-id"] for call in alone.calls}) == 1
    with pytest.raises(GatewayUnreachableError):
        await method(client)
    await client.close()


async def test_large_requests_are_repeated_too(alone: ScriptedServer, kind: str) -> None:
    alone.script(Fail(UNAVAILABLE, pushback_ms=10))
    alone.script(said("a"))
    client = make(kind, alone.address)
    assert (await client.chat("x" * 5 * MIB)).text == "a"
    assert len(alone.calls) == 2
    await client.close()


@pytest.mark.parametrize("name", METHODS)
async def test_the_gateway_can_forbid_to_repeat(client: AnyClient, server: ScriptedServer, name: str) -> None:
    server.script(failure("ERROR_REASON_UPSTREAM_OVERLOADED", UNAVAILABLE, retry_after=1))
    with pytest.raises(UpstreamOverloadedError):
        await METHODS[name][0](client)
    assert len(server.calls) == 1


async def test_other_failures_are_not_repeated(client: AnyClient, server: ScriptedServer) -> None:
    server.script(Fail(grpc.StatusCode.ABORTED, pushback_ms=None))
    with pytest.raises(Exception, match="it failed"):
        await client.chat("Hi")
    assert len(server.calls) == 1


async def test_large_messages(client: AnyClient, server: ScriptedServer) -> None:
    large = "x" * 20 * MIB
    server.script(said(large))
    assert len((await client.chat(large)).text) == 20 * MIB
    assert len(server.seen.request.input.messages[0].content[0].text.text) == 20 * MIB
    server.script(answer(large))
    async with client.stream(large) as stream:
        assert len((await stream.final()).text) == 20 * MIB


async def test_messages_that_are_too_large(server: ScriptedServer, kind: str) -> None:
    client = make(kind, server.address, options=[("grpc.max_receive_message_length", MIB)])
    server.script(said("x" * 2 * MIB))
    with pytest.raises(MessageTooLargeError):
        await client.chat("Hi")
    with pytest.raises(MessageTooLargeError):
        await client.chat("x" * 33 * MIB)
    assert len(server.calls) == 1
    await client.close()


async def test_no_gateway(kind: str) -> None:
    client = make(kind, "127.0.0.1:1", options=[("grpc.enable_retries", 0)])
    with pytest.raises(GatewayUnreachableError) as caught:
        await client.chat("Hi", request_id="r-1")
    assert (caught.value.request_id, caught.value.retryable) == ("r-1", False)
    await client.close()
