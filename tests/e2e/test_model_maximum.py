"""`max_output_tokens` of callers that give none: the model's own maximum, where Anthropic insists on a number."""

from __future__ import annotations

import grpc
import pytest
from aiohttp import web

from e2e.gateways import posts, provider, running
from support.calls import Stub, chat_failure, request, said, to_target
from trunkline.v1 import chat_input_pb2, chat_service_pb2, warning_pb2
from trunkline_service.config import Secret
from trunkline_service.simulator import Simulator

NO_MAXIMUM = chat_input_pb2.GenerationParams()


async def test_the_maximum_of_a_known_model(stub: Stub, simulator: Simulator) -> None:
    answer = await stub.Chat(request("simulator/claude-sonnet-4-5", generation=NO_MAXIMUM), timeout=5)
    assert posts(simulator)[0].json["max_tokens"] == 64_000
    assert len(simulator.calls) == 1
    (warning,) = answer.completion.warnings
    assert warning.code == warning_pb2.WARNING_CODE_DEFAULT_APPLIED
    assert (warning.field, warning.value) == ("input.generation.max_output_tokens", "64000")


async def test_the_maximum_that_the_provider_tells() -> None:
    async with running() as own:
        for _ in range(3):
            answer = await own.stub.Chat(request("simulator/text-n2", generation=NO_MAXIMUM), timeout=5)
            assert answer.completion.warnings[0].value == "64000"
        asked = [(call.method, call.path) for call in own.simulator.calls]
        # Asked once, and known from then on.
        assert asked == [("GET", "/v1/models/text-n2"), *[("POST", "/v1/messages")] * 3]
        assert posts(own.simulator)[0].json["max_tokens"] == 64_000


async def test_the_maximum_of_an_unknown_model(stub: Stub, simulator: Simulator) -> None:
    asked = request("simulator/some-new-model", generation=NO_MAXIMUM)
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    assert not posts(simulator)
    # With a number of the caller's own, nobody asks beforehand.
    asked.input.generation.max_output_tokens = 5
    assert said(await stub.Chat(asked, timeout=5)) == "You said: Hello"


async def test_a_maximum_that_nobody_tells() -> None:
    """A provider without an address for its models: the caller has to name a number."""

    async def reject(asked: web.Request) -> web.Response:
        return web.json_response({"type": "error", "error": {"type": "invalid_request_error"}}, status=400)

    app = web.Application()
    app.router.add_get("/v1/models/{id}", reject)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with running(providers={"anthropic": provider(url)}) as own:
        found = await chat_failure(own.stub, request("anthropic/some-new-model", generation=NO_MAXIMUM))
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert found.fields == ["input.generation.max_output_tokens"]
    await runner.cleanup()


async def test_a_maximum_of_zero_is_one(stub: Stub, simulator: Simulator) -> None:
    answer = await stub.Chat(
        request("simulator/text", generation=chat_input_pb2.GenerationParams(max_output_tokens=0)), timeout=5
    )
    assert posts(simulator)[0].json["max_tokens"] == 0
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_MAX_OUTPUT_TOKENS
    assert not answer.completion.warnings


@pytest.mark.parametrize("key", ["", "bad-key-of-the-caller"], ids=["gateway", "caller"])
async def test_a_provider_that_refuses_to_tell(key: str) -> None:
    """The request is right, so the caller is not told that it is wrong."""
    bad = Secret(env="KEY", environ={"KEY": "bad-key-of-the-gateway"})
    async with Simulator() as upstream, running(providers={"anthropic": provider(upstream.url, api_key=bad)}) as own:
        asked = request("any", generation=NO_MAXIMUM)
        asked.routing.CopyFrom(to_target("anthropic", "text", key))
        found = await chat_failure(own.stub, asked)
        assert found.reason == ("CALLER_CREDENTIALS_REJECTED" if key else "UPSTREAM_CREDENTIALS_REJECTED")


async def test_a_provider_that_is_away_when_it_should_tell() -> None:
    async with running(providers={"anthropic": provider("http://127.0.0.1:9")}) as own:
        found = await chat_failure(own.stub, request("anthropic/some-new-model", generation=NO_MAXIMUM))
        assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNREACHABLE")
        assert found.retry is not None
        assert found.trailers["grpc-retry-pushback-ms"] == "-1"
