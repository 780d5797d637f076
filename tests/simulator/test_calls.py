"""The record of calls, and hang-ups in it."""

import asyncio
import time
from urllib.parse import urlsplit

import httpx
import pytest

from simulator.caller import Wire, request
from support.timing import Late, timely
from trunkline_service.simulator import Simulator
from trunkline_service.simulator.calls import MOST_BYTES, CallLog


async def settled(sim: Simulator) -> None:
    async with asyncio.timeout(10):
        while sim.calls[-1].outcome == "running":  # noqa: ASYNC110 - the record is only looked at
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("model", "stream"),
    [
        ("silence", True),
        ("silence", False),
        ("silence-headers", True),
        ("stall", True),
        ("stall", False),
        ("stall-pings", True),
        ("paced-n1000-g5", True),
        ("paced-n1000-g10000", True),
        ("paced-n1000-g10", False),
        ("slow", True),
        ("long-n999999", True),
    ],
)
@timely
async def test_hang_up_is_noticed_at_once(sim: Simulator, model: str, stream: bool) -> None:
    async with Wire.post(sim, request(model, stream=stream)) as wire:
        await asyncio.sleep(0.03)
        wire.hang_up()
        hung_up = time.monotonic()
        await settled(sim)
    call = sim.calls[-1]
    assert call.outcome == "hung_up"
    assert call.hung_up_at is not None
    assert call.hung_up_after is not None
    if call.hung_up_at - hung_up >= 0.05:
        raise Late
    assert call.hung_up_after == call.hung_up_at - call.started
    assert call.finished == call.hung_up_at


async def test_polite_close_is_a_hang_up_too(sim: Simulator) -> None:
    async with Wire.post(sim, request("stall", stream=True)) as wire:
        await wire.until(b"text_delta")
        wire.writer.close()
        await settled(sim)
    assert sim.calls[-1].outcome == "hung_up"
    assert sim.calls[-1].frames_sent == 6


async def test_hang_up_in_mid_upload(sim: Simulator) -> None:
    address = urlsplit(sim.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000\r\n\r\n{")
    await asyncio.sleep(0.02)
    writer.transport.abort()
    await settled(sim)
    assert sim.calls[-1].outcome == "hung_up"


async def test_answered_call(http: httpx.AsyncClient, sim: Simulator) -> None:
    await http.post("/v1/messages?beta=true", json=request("text-t20", stream=True))
    call = sim.calls[-1]
    assert (call.method, call.path, call.model) == ("POST", "/v1/messages?beta=true", "text-t20")
    assert call.json["messages"][0]["content"] == "hello there"
    assert call.body.startswith(b"{")
    assert (call.outcome, call.status, call.hung_up_after) == ("answered", 200, None)
    assert call.first_byte is not None
    assert call.finished is not None
    # uvloop's timers count in whole milliseconds.
    assert call.started + 0.018 <= call.first_byte <= call.finished
    assert call.headers["content-type"] == "application/json"


async def test_secrets_are_not_kept(http: httpx.AsyncClient, sim: Simulator) -> None:
    await http.get("/v1/models")
    assert sim.calls[-1].headers["x-api-key"] == "***1234"
    assert sim.calls[-1].auth_scheme == "x-api-key"
    async with httpx.AsyncClient(base_url=sim.url, trust_env=False, verify=False) as other:
        await other.get("/v1/models", headers={"authorization": "Bearer sk-secret-token-wxyz"})
        assert sim.calls[-1].headers["authorization"] == "Bearer ***wxyz"
        assert sim.calls[-1].auth_scheme == "bearer"
        shown = (await other.get("/_simulator/calls")).text
    assert "secret-token" not in shown
    assert "test-key" not in shown


async def test_record_over_http(http: httpx.AsyncClient, sim: Simulator) -> None:
    for text in ("one", "two", "three"):
        await http.post("/v1/messages", json=request("text", text=text))
    await http.post("/v1/messages", content=b"not json")
    shown = (await http.get("/_simulator/calls")).json()["calls"]
    assert [call["status"] for call in shown] == [200, 200, 200, 400]
    assert shown[-1]["body"] == "not json"
    assert shown[0]["json"]["messages"][0]["content"] == "one"
    later = (await http.get("/_simulator/calls", params={"after": shown[1]["number"]})).json()["calls"]
    assert [call["number"] for call in later] == [call["number"] for call in shown[2:]]
    assert (await http.get("/_simulator/calls?after=x")).status_code == 400
    assert (await http.delete("/_simulator/calls")).status_code == 204
    assert sim.calls == []


def test_record_is_bounded() -> None:
    log = CallLog()
    for _ in range(10_050):
        log.open("GET", "/", {})
    assert len(log.calls) == 10_000
    assert log.calls[0].number == 51
    log.clear()
    for _ in range(40):
        log.read(log.open("POST", "/", {}), bytes(10 << 20))
    assert sum(len(call.body) for call in log.calls) <= 256 << 20
    assert log.calls[-1].number == 10_090


def test_loopback_only() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        Simulator(host)
    with pytest.raises(ValueError, match="loopback only"):
        Simulator("0.0.0.0")  # noqa: S104 - it is what must be refused


async def test_port_can_be_chosen(sim: Simulator) -> None:
    port = int(sim.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await Simulator(port=port).start()


def test_the_record_does_not_grow_with_what_is_sent() -> None:
    log = CallLog()
    for _ in range(20):
        log.read(log.open("POST", "/", {}), b"[" + b"1," * (MOST_BYTES // 20) + b"1]")
    assert sum(len(call.body) for call in log.calls) <= MOST_BYTES
    assert log.calls[-1].number == 20
    assert len(log.calls) > 5
