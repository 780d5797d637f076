"""Aliases, routes, and what a provider's settings do: keys, headers, addresses and timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from e2e.gateways import KEY, posts, provider, running
from support.calls import chat_failure, chat_input, request, said, to_target
from support.timing import Late, timely
from trunkline.v1 import chat_service_pb2, error_reason_pb2, route_pb2
from trunkline_service.config import Secret, Timeouts
from trunkline_service.simulator import Simulator


@pytest.fixture(scope="module")
async def upstream() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def fresh(upstream: Simulator) -> Simulator:
    upstream.clear()
    return upstream


def target_route(provider_name: str, model: str = "") -> route_pb2.Route:
    return route_pb2.Route(target=route_pb2.Target(provider=provider_name, model=model))


async def test_aliases_and_routes(fresh: Simulator) -> None:
    providers = {name: provider(fresh.url, name) for name in ("anthropic", "second")}
    models = {"fast": "second/text-n1", "slow": "anthropic/text-n2", "claude-sonnet-5": "second/other"}
    routes = {"fixed": target_route("second", "text-n3"), "open": target_route("second")}
    async with running(providers=providers, models=models, routes=routes) as own:

        async def asked(model: str, route: str = "") -> tuple[str, str]:
            """The provider and the model that answered."""
            fresh.clear()
            sent = request(model)
            if route:
                sent.routing.route_name = route
            answer = await own.stub.Chat(sent, timeout=5)
            (call,) = posts(fresh)
            (attempt,) = answer.completion.route_report.attempts
            assert call.model == attempt.model == answer.message.origin.model
            assert attempt.provider == answer.message.origin.provider
            assert attempt.reason == error_reason_pb2.ERROR_REASON_UNSPECIFIED
            assert attempt.duration.ToNanoseconds() >= attempt.time_to_first_event.ToNanoseconds() > 0
            return attempt.provider, attempt.model or ""

        assert await asked("fast") == ("second", "text-n1")
        assert await asked("slow") == ("anthropic", "text-n2")
        # An alias is stronger than what the name would stand for by itself.
        assert await asked("claude-sonnet-5") == ("second", "other")
        # A bare name that several have goes to the one that is called after its maker.
        assert await asked("claude-haiku-4-5") == ("anthropic", "claude-haiku-4-5")
        assert await asked("second/claude-haiku-4-5") == ("second", "claude-haiku-4-5")
        assert await asked("", "fixed") == ("second", "text-n3")
        assert await asked("anthropic/text", "fixed") == ("second", "text-n3")
        assert await asked("text-n4", "open") == ("second", "text-n4")
        assert await asked("slow", "open") == ("second", "text-n2")
        assert await asked("vendor/with/slashes", "open") == ("second", "vendor/with/slashes")

        nameless = request("")
        nameless.routing.route_name = "open"
        found = await chat_failure(own.stub, nameless)
        assert (found.reason, found.fields) == ("INVALID_REQUEST", ["input.model"])


async def test_a_name_that_several_providers_have(fresh: Simulator) -> None:
    providers = {name: provider(fresh.url, name) for name in ("one", "two")}
    async with running(providers=providers) as own:
        found = await chat_failure(own.stub, request("claude-haiku-4-5"))
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND")
        assert "one, " in found.message
        assert "two" in found.message


async def test_headers_and_bearer_tokens(fresh: Simulator) -> None:
    settings = provider(fresh.url, auth="bearer", headers={"X-Team": "blue", "x-trace": "on"})
    async with running(providers={"anthropic": settings}) as own:
        await own.stub.Chat(request("anthropic/text"), timeout=5)
        await own.stub.CountTokens(chat_service_pb2.CountTokensRequest(input=chat_input("anthropic/text")), timeout=5)
        for call in posts(fresh):
            assert call.auth_scheme == "bearer"
            assert call.headers["authorization"] == f"Bearer ***{KEY[-4:]}"
            assert "x-api-key" not in call.headers
            assert (call.headers["x-team"], call.headers["x-trace"]) == ("blue", "on")
        fresh.clear()
        asked = request("any")
        asked.routing.CopyFrom(to_target("anthropic", "text", "sk-key-of-the-caller"))
        await own.stub.Chat(asked, timeout=5)
        assert posts(fresh)[0].headers["authorization"] == "Bearer ***ller"


async def test_a_base_url_with_a_path() -> None:
    """Gateways in front of Anthropic's API often have one."""
    async with Simulator() as simulator, running(providers={"anthropic": provider(f"{simulator.url}/prefix")}) as own:
        await chat_failure(own.stub, request("anthropic/text"))
        assert [call.path for call in simulator.calls] == ["/prefix/v1/messages"]


async def test_a_key_in_a_file(fresh: Simulator, tmp_path: Path) -> None:
    """Replaced under a running service; what is there for a moment only does no harm."""
    file = tmp_path / "key"
    file.write_text("sk-first-one\n")
    settings = provider(fresh.url, api_key=Secret(file=file))
    async with running(providers={"anthropic": settings}) as own:

        async def tail() -> str:
            fresh.clear()
            await own.stub.Chat(request("anthropic/text"), timeout=5)
            return posts(fresh)[0].headers["x-api-key"]

        assert await tail() == "***-one"
        file.write_text("sk-second-two\n")
        assert await tail() == "***-two"
        file.write_text("")
        assert await tail() == "***-two"
        file.unlink()
        assert await tail() == "***-two"
        replacement = tmp_path / "new"
        replacement.write_text("sk-third-tri\n")
        replacement.replace(file)
        assert await tail() == "***-tri"


async def test_no_key_at_all(fresh: Simulator) -> None:
    async with running(providers={"anthropic": provider(fresh.url, api_key=None)}) as own:
        found = await chat_failure(own.stub, request("anthropic/text"))
        assert (found.reason, found.fields) == ("INVALID_REQUEST", ["routing.route.target.api_key"])
        asked = request("any")
        asked.routing.CopyFrom(to_target("anthropic", "text", "sk-of-the-caller"))
        await own.stub.Chat(asked, timeout=5)


@pytest.mark.parametrize("value", [None, "sk-good\nx-evil: 1", "schlüssel"], ids=["gone", "two_lines", "beyond_ascii"])
async def test_a_key_that_cannot_be_used(value: str | None, fresh: Simulator) -> None:
    """Lost or broken while the service runs: its operator has to act, so the caller is told that, and not a bug."""
    environment = {} if value is None else {"KEY": value}
    settings = provider(fresh.url, api_key=Secret(env="KEY", environ=environment))
    async with running(providers={"anthropic": settings}) as own:
        found = await chat_failure(own.stub, request("anthropic/text"))
        assert (found.code, found.reason) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "UPSTREAM_CREDENTIALS_REJECTED",
        )
        assert not fresh.calls


@timely
async def test_timeouts_of_a_provider(fresh: Simulator) -> None:
    waits = Timeouts(first_event=1, idle=1)
    async with running(providers={"anthropic": provider(fresh.url, timeouts=waits)}) as own:
        # Slow but alive: each word is within the limit, all of them are not.
        alive = asyncio.ensure_future(own.stub.Chat(request("anthropic/paced-n6-g300"), timeout=20))
        late, stalled = await asyncio.gather(
            *(chat_failure(own.stub, request(f"anthropic/{model}")) for model in ("silence", "stall"))
        )
        assert (late.reason, late.info.metadata["stage"]) == ("UPSTREAM_TIMEOUT", "first_event")
        if stalled.reason == late.reason:
            raise Late("the provider's words did not begin as soon as they should")
        assert (stalled.reason, stalled.info.metadata["stage"]) == ("STREAM_INTERRUPTED", "idle")
        try:
            assert len(said(await alive).split()) == 6
        except grpc.aio.AioRpcError as error:
            raise Late("the provider's words did not come as steadily as they should") from error
