"""Errors as they arrive: each in the form that `error_reason.proto` gives its reason."""

from __future__ import annotations

import grpc
import pytest
from aiohttp import web

from e2e.error_table import CALLERS_KEY, DETAILS, PROMPT, TABLE, check_form, failures
from e2e.gateways import Running, provider, running
from support.calls import (
    chat_failure,
    chat_input,
    events_of,
    failure,
    request,
    stream_failure,
    stream_request,
    to_target,
    user,
)
from trunkline.v1 import chat_service_pb2, error_reason_pb2, message_pb2
from trunkline_service.config import Limits
from trunkline_service.rpc.status import RULES


def test_every_reason_says_what_it_looks_like() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert TABLE.keys() == names - {"UNSPECIFIED"}
    assert {kind for row in TABLE.values() for kind in row.details} == DETAILS.keys()


@pytest.mark.parametrize("name", TABLE)
def test_the_rules_are_those_of_the_proto(name: str) -> None:
    rule = RULES[error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{name}")]
    assert (rule.code, rule.retryable) == (TABLE[name].code, TABLE[name].retry)


def test_no_rule_is_left_over() -> None:
    assert len(RULES) == len(TABLE)


@pytest.mark.parametrize(
    ("model", "reason"), [("error-401", "CALLER_CREDENTIALS_REJECTED"), ("error-403", "CALLER_PERMISSION_DENIED")]
)
async def test_a_key_of_the_callers_own(model: str, reason: str, impatient: Running) -> None:
    asked = chat_service_pb2.ChatRequest(
        input=chat_input("any", user(PROMPT)), routing=to_target("anthropic", model, CALLERS_KEY)
    )
    found = await chat_failure(impatient.stub, asked)
    assert found.reason == reason
    check_form(found)


async def test_errors_of_the_gateways_own(impatient: Running) -> None:
    """Those that no provider has a part in, each in its form."""
    asked = {
        "INVALID_REQUEST": request("anthropic/text", system=[message_pb2.ContentBlock()]),
        "ROUTE_NOT_FOUND": request("nowhere/text"),
    }
    asked["CAPABILITY_NOT_SUPPORTED"] = request("anthropic/text")
    asked["CAPABILITY_NOT_SUPPORTED"].input.generation.seed = 1
    for reason, each in asked.items():
        found = await chat_failure(impatient.stub, each)
        assert found.reason == reason
        check_form(found, asked_a_provider=False)


async def test_a_provider_that_is_not_there() -> None:
    async with running(providers={"anthropic": provider("http://127.0.0.1:9")}) as own:
        for found in await failures(own, "text"):
            assert found.reason == "UPSTREAM_UNREACHABLE"
            assert found.info.metadata["stage"] == "connect"
            check_form(found)


async def test_an_answer_that_no_message_holds() -> None:
    limit = 2**18
    async with running(limits=Limits(max_message_bytes=limit)) as own:
        events, streamed = await stream_failure(own.stub, stream_request("simulator/big-n1"))
        assert all(event.WhichOneof("kind") != "completion" for event in events)
        for found in (await chat_failure(own.stub, request("simulator/big-n1")), streamed):
            assert found.reason == "ANSWER_TOO_LARGE"
            assert 0 < int(found.info.metadata["limit"]) <= limit
            check_form(found)
        # What is too much in one message is not in many.
        events = await events_of(own.stub, stream_request("simulator/long-n30000"))
        assert sum(event.ByteSize() for event in events) > limit
        found = await chat_failure(own.stub, request("simulator/long-n60000"))
        assert found.reason == "ANSWER_TOO_LARGE"
        check_form(found)


async def test_counting_fails_in_the_same_form(impatient: Running) -> None:
    asked = chat_service_pb2.CountTokensRequest(
        input=chat_input("any", user(PROMPT)), routing=to_target("anthropic", "text", "bad-key-of-the-caller")
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await impatient.stub.CountTokens(asked, timeout=5)
    found = failure(caught.value)
    assert found.reason == "CALLER_CREDENTIALS_REJECTED"
    check_form(found)


async def test_keys_in_the_words_of_a_provider_do_not_pass(impatient: Running) -> None:
    """A provider that quotes what it was sent."""

    async def quote(request: web.Request) -> web.Response:
        key = request.headers["x-api-key"]
        error = {"type": "invalid_request_error", "message": f"messages.0: {key} is no good, says {key}"}
        return web.json_response({"type": "error", "error": error}, status=400)

    app = web.Application()
    app.router.add_post("/v1/messages", quote)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with running(providers={"anthropic": provider(url)}) as own:
        for found in await failures(own, "text"):
            assert found.fields == ["input.messages[0]"]
            check_form(found)
        caller = chat_service_pb2.ChatRequest(
            input=chat_input("any", user(PROMPT)), routing=to_target("anthropic", "text", CALLERS_KEY)
        )
        check_form(await chat_failure(own.stub, caller))
    await runner.cleanup()


async def test_the_first_events_of_a_broken_stream_are_the_answers_own(impatient: Running) -> None:
    events, found = await stream_failure(impatient.stub, stream_request("anthropic/cut-n5"))
    assert found.reason == "STREAM_INTERRUPTED"
    assert int(found.info.metadata["events_sent"]) == len(events)
    assert [event.WhichOneof("kind") for event in events] == ["start", "block_start"] + ["block_delta"] * 5
