"""Every fault shows itself at the socket as its description says."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime

import httpx
import pytest

from simulator.caller import Wire, events, request
from support.timing import in_time, timely
from trunkline_service.simulator import Simulator, describe
from trunkline_service.simulator.behaviours import BEHAVIOURS, FAULTS

STATUSES = {
    "error": (500, "api_error"),
    "error-400": (400, "invalid_request_error"),
    "error-401": (401, "authentication_error"),
    "error-402": (402, "billing_error"),
    "error-403": (403, "permission_error"),
    "error-404": (404, "not_found_error"),
    "error-408": (408, "timeout_error"),
    "error-409": (409, "conflict_error"),
    "error-422": (422, "invalid_request_error"),
    "error-429": (429, "rate_limit_error"),
    "error-429-bare": (429, "rate_limit_error"),
    "error-429-date": (429, "rate_limit_error"),
    "error-429-ms": (429, "rate_limit_error"),
    "error-429-spend": (429, "rate_limit_error"),
    "error-500": (500, "api_error"),
    "error-503": (503, "api_error"),
    "error-504": (504, "timeout_error"),
    "error-529": (529, "overloaded_error"),
    "error-context": (400, "invalid_request_error"),
    "error-content": (400, "invalid_request_error"),
}
# How the stream ends, and how many text deltas it had: with the default count, then with n1.
ENDS = {
    "reset": ("reset", 0, 0),
    "silence": ("open", 0, 0),
    "silence-headers": ("open", 0, 0),
    "pings-only": ("open", 0, 0),
    "stall": ("open", 3, 1),
    "stall-pings": ("open", 3, 1),
    "cut": ("reset", 3, 1),
    "cut-clean": ("complete", 3, 1),
    "cut-tool": ("reset", 0, 0),
    "malformed": ("complete", 3, 1),
    "error-event": ("complete", 3, 1),
    "error-event-api": ("complete", 3, 1),
    "error-event-rate-limit": ("complete", 3, 1),
    "error-event-invalid": ("complete", 3, 1),
    "no-stop": ("complete", 3, 1),
    "no-delta": ("complete", 3, 1),
    "no-reason": ("complete", 3, 1),
    "garbage": ("complete", 0, 0),
}
BODIES = {"error-413", "html", "json"}


def test_all_faults_are_tested() -> None:
    assert STATUSES.keys() | ENDS.keys() | BODIES == {behaviour.name for behaviour in FAULTS}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", STATUSES)
async def test_error(http: httpx.AsyncClient, name: str, stream: bool) -> None:
    answer = await http.post("/v1/messages", json=request(name, stream=stream))
    body = answer.json()
    assert (answer.status_code, body["error"]["type"]) == STATUSES[name]
    assert body["request_id"] == answer.headers["request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert ("retry-after" in answer.headers) == (name in ("error-429", "error-429-date"))


async def test_retry_headers(http: httpx.AsyncClient) -> None:
    async def headers(model: str) -> httpx.Headers:
        return (await http.post("/v1/messages", json=request(model))).headers

    assert (await headers("error-429"))["retry-after"] == "7"
    assert (await headers("error-429-ms"))["retry-after-ms"] == "250"
    dated = await headers("error-429-date")
    ahead = parsedate_to_datetime(dated["retry-after"]) - parsedate_to_datetime(dated["date"])
    assert 5 <= ahead.total_seconds() <= 8
    assert (await headers("error-529"))["x-should-retry"] == "true"
    assert (await headers("error-400"))["x-should-retry"] == "false"
    spent = await http.post("/v1/messages", json=request("error-429-spend"))
    assert spent.headers["x-should-retry"] == "false"
    assert spent.json()["error"]["details"]["error_code"] == "enforced_spend_limit_reached"


async def test_status_is_a_parameter(http: httpx.AsyncClient) -> None:
    assert (await http.post("/v1/messages", json=request("error-s418"))).status_code == 418
    page = await http.post("/v1/messages", json=request("html-s502"))
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html")


async def test_bodies_of_the_wrong_kind(http: httpx.AsyncClient) -> None:
    edge = await http.post("/v1/messages", json=request("error-413", stream=True))
    assert edge.status_code == 413
    assert edge.text.startswith("<html>")
    assert "request-id" not in edge.headers
    page = await http.post("/v1/messages", json=request("html", stream=True))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    plain = await http.post("/v1/messages", json=request("json", stream=True))
    assert plain.headers["content-type"] == "application/json"
    assert plain.json()["stop_reason"] == "end_turn"


@pytest.mark.parametrize("name", ENDS)
async def test_end_of_stream(sim: Simulator, name: str) -> None:
    end, *counts = ENDS[name]
    for model, count in zip((name, f"{name}-n1"), counts, strict=True):
        async with Wire.post(sim, request(model, stream=True)) as wire:
            assert await wire.end(0.5 if end == "open" else 10) == end
            assert sim.calls[-1].outcome == ("running" if end == "open" else "answered")
        assert wire.texts == count
        assert bool(wire.received) == (name not in ("reset", "silence"))
        assert b"event: message_stop" not in wire.received or name in ("malformed", "no-delta", "no-reason")


@pytest.mark.parametrize("name", ["stall", "cut", "cut-clean", "cut-tool", "malformed"])
async def test_half_of_a_whole_answer(sim: Simulator, name: str) -> None:
    async with Wire.post(sim, request(name)) as wire:
        await wire.end(0.5)
    half = wire.received.split(b"\r\n\r\n", 1)[1]
    assert b'{"model":' in half
    assert b"service_tier" not in half


async def test_stalled_with_pings(sim: Simulator) -> None:
    async with Wire.post(sim, request("stall-pings-g5", stream=True)) as wire:
        assert await wire.end(1) == "open"
    assert wire.received.count(b"event: ping") > 5


async def test_cut_inside_tool_arguments(sim: Simulator) -> None:
    async with Wire.post(sim, request("cut-tool", stream=True)) as wire:
        assert await wire.end() == "reset"
    assert wire.received.count(b"input_json_delta") >= 3
    assert b"event: content_block_stop" not in wire.received


async def test_error_events(http: httpx.AsyncClient) -> None:
    for name, kind, status in (
        ("error-event", "overloaded_error", 529),
        ("error-event-api", "api_error", 500),
        ("error-event-rate-limit", "rate_limit_error", 429),
        ("error-event-invalid", "invalid_request_error", 400),
    ):
        stream = await http.post("/v1/messages", json=request(f"{name}-n2", stream=True))
        assert stream.status_code == 200
        assert events(stream.content)[-1]["error"]["type"] == kind
        first = await http.post("/v1/messages", json=request(f"{name}-n0", stream=True))
        assert [event["type"] for event in events(first.content)] == ["error"]
        assert (await http.post("/v1/messages", json=request(name))).status_code == status


async def test_malformed_event_among_good_ones(http: httpx.AsyncClient) -> None:
    body = (await http.post("/v1/messages", json=request("malformed", stream=True))).content
    broken = 0
    for line in body.split(b"\n"):
        if line.startswith(b"data: "):
            try:
                json.loads(line[6:])
            except ValueError:
                broken += 1
    assert broken == 1
    assert b"event: message_stop" in body


async def test_missing_ends(http: httpx.AsyncClient) -> None:
    async def kinds(model: str) -> list[str]:
        answer = await http.post("/v1/messages", json=request(model, stream=True))
        return [event["type"] for event in events(answer.content)]

    assert (await kinds("no-stop"))[-1] == "message_delta"
    assert (await kinds("no-delta"))[-2:] == ["content_block_stop", "message_stop"]
    answer = await http.post("/v1/messages", json=request("no-reason", stream=True))
    assert events(answer.content)[-2]["delta"]["stop_reason"] is None


async def test_flaky(http: httpx.AsyncClient, sim: Simulator) -> None:
    async def statuses(model: str, calls: int) -> list[int]:
        return [(await http.post("/v1/messages", json=request(model))).status_code for _ in range(calls)]

    assert await statuses("flaky-2-text", 4) == [529, 529, 200, 200]
    assert await statuses("flaky-1-long-n3-s503", 2) == [503, 200]
    assert await statuses("flaky-1-error-429", 2) == [529, 429]
    sim.clear()
    assert await statuses("flaky-2-text", 1) == [529]
    answer = await http.post("/v1/messages", json=request("flaky-2-text"), headers={"x-api-key": "sk-other"})
    assert (answer.status_code, await statuses("flaky-2-text", 2)) == (529, [529, 200])


async def test_retry_after_is_a_parameter(http: httpx.AsyncClient) -> None:
    for model in ("flaky-1-text-s429-r1500", "error-s429-r1500", "error-429-bare-r1500"):
        answer = await http.post("/v1/messages", json=request(model))
        assert answer.status_code == 429
        assert (answer.headers["retry-after-ms"], answer.headers["retry-after"]) == ("1500", "2")


@timely
async def test_down_for_a_time(http: httpx.AsyncClient, sim: Simulator) -> None:
    began = time.monotonic()
    sim.clear()
    model = "down-150-text-s503"
    assert (await http.post("/v1/messages", json=request(model))).status_code == 503
    in_time(began, 0.1)
    assert (await http.post("/v1/messages", json=request(model))).status_code == 503
    in_time(began, 0.15)
    await asyncio.sleep(0.16)
    assert (await http.post("/v1/messages", json=request(model))).status_code == 200


@timely
async def test_flapping(http: httpx.AsyncClient, sim: Simulator) -> None:
    async def status() -> int:
        return (await http.post("/v1/messages", json=request("flapping-500-text"))).status_code

    sim.clear()
    before = time.monotonic()
    found = [await status()]
    # The first half second began somewhere in between.
    after = time.monotonic()
    for number in range(1, 4):
        await asyncio.sleep(after + 0.5 * number - time.monotonic())
        found.append(await status())
        in_time(before, 0.5 * (number + 1))
    assert found == [529, 200, 529, 200]


async def test_no_prefill(http: httpx.AsyncClient) -> None:
    for stream in (False, True):
        body = request("no-prefill", stream=stream)
        assert (await http.post("/v1/messages", json=body)).status_code == 200
        body["messages"].append({"role": "assistant", "content": "You"})
        answer = await http.post("/v1/messages", json=body)
        assert answer.status_code == 400
        assert "prefill" in answer.json()["error"]["message"]


async def test_description_names_everything() -> None:
    shown = describe()
    for name, behaviour in BEHAVIOURS.items():
        assert f"  {name} " in shown
        assert behaviour.summary in shown
    assert max(map(len, shown.splitlines())) <= 110


@timely
async def test_stop_aborts_whatever_hangs() -> None:
    simulator = Simulator()
    await simulator.start()
    async with AsyncExitStack() as stack:
        wires = [
            await stack.enter_async_context(Wire.post(simulator, request(name, stream=True)))
            for name in ("silence", "stall", "stall-pings", "paced-g1000")
        ]
        await asyncio.sleep(0.02)
        started = time.monotonic()
        await simulator.stop()
        in_time(started, 0.2)
        for wire in wires:
            assert await wire.end() in ("eof", "reset")
    assert {call.outcome for call in simulator.calls} == {"running"}
    await simulator.stop()
