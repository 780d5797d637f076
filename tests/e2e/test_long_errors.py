"""Errors that say as much as they can, in an alphabet that takes the most room: they still arrive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import grpc
import pytest
from aiohttp import web

from e2e.error_table import check_form
from e2e.gateways import Running, provider, running
from support.calls import chat_failure, failure, request
from trunkline.v1 import chat_input_pb2

LONG = "長い説明。" * 1500


class WordyProvider:
    """A provider whose errors say more than anybody wants to know."""

    def __init__(self) -> None:
        self.status = 400
        self.kind = "invalid_request_error" * 20
        self.prefix = ""
        self.times = 1

    async def answer(self, request: web.Request) -> web.Response:
        error = {"type": self.kind, "message": self.prefix + LONG * self.times, "details": {"error_code": LONG}}
        body = json.dumps({"type": "error", "error": error}, ensure_ascii=False)
        headers = {"request-id": "req_" + "9" * 4000, "retry-after": "1e9"}
        return web.Response(text=body, content_type="application/json", status=self.status, headers=headers)


@pytest.fixture(scope="module")
async def wordy() -> AsyncIterator[tuple[WordyProvider, Running]]:
    behind = WordyProvider()
    app = web.Application()
    app.router.add_post("/v1/messages", behind.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    name = "a" * 128
    async with running(providers={name: provider(url, name)}) as own:
        yield behind, own
    await runner.cleanup()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 418, 422, 429, 500, 503, 504, 529, 302])
@pytest.mark.parametrize(
    ("prefix", "times"),
    [("", 1), (f"messages.{'0.content.' * 300}0: ", 1), ("", 100)],
    ids=["long", "path", "too_long_to_be_read"],
)
async def test_the_longest_errors_arrive(
    status: int, prefix: str, times: int, wordy: tuple[WordyProvider, Running]
) -> None:
    behind, own = wordy
    behind.status, behind.prefix, behind.times = status, prefix, times
    asked = request(f"{'a' * 128}/{'模' * 800}")
    metadata = (("x-request-id", "r" * 64),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await own.stub.Chat(asked, timeout=5, metadata=metadata)
    found = failure(caught.value)
    assert found.reason, found.message
    check_form(found)
    assert len(found.message.encode()) <= 1024
    if found.reason == "UPSTREAM_REJECTED_REQUEST" and times == 1:
        assert len(found.message.encode()) > 400
        assert len(found.fields) == bool(prefix)
    if found.retry is not None:
        assert found.retry.retry_delay.seconds <= 86_400


async def test_a_prompt_that_the_providers_policy_forbids(wordy: tuple[WordyProvider, Running]) -> None:
    behind, own = wordy
    behind.status, behind.times, behind.prefix = 400, 1, "Output blocked by content filtering policy. "
    found = await chat_failure(own.stub, request(f"{'a' * 128}/text"))
    assert found.reason == "CONTENT_BLOCKED"
    check_form(found)


@pytest.mark.parametrize("name", ["ascii", "wide"])
async def test_a_thousand_violations_arrive(name: str, impatient: Running) -> None:
    """As many as there is room for, and how many more there are."""
    asked = request("anthropic/text")
    key = "long" * 100 if name == "ascii" else "長い" * 200
    for number in range(1000):
        asked.input.provider_options_json[f"{number}{key}"] = "{"
    found = await chat_failure(impatient.stub, asked)
    check_form(found, asked_a_provider=False)
    assert found.reason == "INVALID_REQUEST"
    assert found.bad_request is not None
    *named, last = found.bad_request.field_violations
    assert len(named) >= 3
    assert last.field == ""
    assert last.description.startswith("and ")
    assert last.description == f"and {1000 - len(named)} more"


async def test_a_hundred_unsupported_fields_arrive(impatient: Running) -> None:
    """The first with a long text of the caller's own, in the message too; the others fill the room that is left."""
    asked = request("anthropic/text")
    for number in range(100):
        of = "x" if number else "長い" * 1000
        asked.input.tools.add(provider_defined=chat_input_pb2.ProviderTool(provider_type=of, raw_json="{}"))
    found = await chat_failure(impatient.stub, asked)
    assert found.reason == "CAPABILITY_NOT_SUPPORTED"
    assert found.fields[:2] == ["input.tools[0].provider_defined", "input.tools[1].provider_defined"]
    check_form(found, asked_a_provider=False)
