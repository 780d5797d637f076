"""How the service ends, in order and otherwise; and how it stands the end of others."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from faults import processes
from faults.caller import Caller
from faults.rig import PROMPTLY, connected, promptly, rig, until
from support import calls
from support.timing import Late, in_time, timely
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import Limits
from trunkline_service.rpc import server
from trunkline_service.simulator import Simulator

CODE = grpc.StatusCode
SERVICE = "trunkline.v1.ChatService"
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback the last bytes need no seconds to arrive."""
    monkeypatch.setattr(server, "LINGER_SECONDS", 0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
@timely
async def test_the_end_waits_for_calls_in_flight(sim: Simulator, tmp_path: Path, number: signal.Signals) -> None:
    async with processes.gateway(tmp_path, sim.url) as served, connected(served.address) as (_, stub):
        stream = asyncio.create_task(calls.events_of(stub, calls.stream_request("up/paced-n40-g20")))
        whole = asyncio.ensure_future(stub.Chat(calls.request("up/slow-t700"), timeout=10))
        count = asyncio.create_task(_count(stub))
        await count
        await until(lambda: len(sim.calls) == 3)
        served.signal(number)
        await asyncio.sleep(0.1)
        # Neither those who are connected nor those who come are taken any more.
        async with connected(served.address) as (_, late):
            for asked in (stub, late):
                refused = await calls.chat_failure(asked, calls.request("up/text"))
                assert (refused.code, refused.reason) == (CODE.UNAVAILABLE, "GATEWAY_SHUTTING_DOWN")
                assert refused.retry is not None
        events = await stream
        assert sum(event.block_delta.text != "" for event in events) == 40
        assert events[-1].HasField("completion")
        assert (await whole).message.content[0].text.text == "You said: Hello"
        ended = time.monotonic()
        assert await served.ended() == 0
        in_time(ended, server.LINGER_SECONDS + 1)
        lines = [line for line in served.logged if line["message"] == "call"]
        assert sorted(line["code"] for line in lines) == ["OK"] * 3 + ["UNAVAILABLE"] * 2


async def _count(stub: object) -> None:
    request = chat_service_pb2.CountTokensRequest(input=calls.chat_input("up/text"))
    await stub.CountTokens(request, timeout=5)  # type: ignore[attr-defined]


@timely
async def test_health_says_so_first(sim: Simulator, tmp_path: Path) -> None:
    async with (
        processes.gateway(tmp_path, sim.url, limits="{drain_delay: 700ms}") as served,
        connected(served.address) as (channel, stub),
    ):
        health = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        signalled = served.signal(signal.SIGTERM)
        assert (await watch.read()).status == NOT_SERVING
        in_time(signalled, 0.5)
        for service in ("", SERVICE):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == NOT_SERVING
        # Callers who have not noticed yet are still served.
        await stub.Chat(calls.request("up/text"), timeout=5)
        in_time(signalled, 0.7)
        await asyncio.sleep(signalled + 0.8 - time.monotonic())
        assert (await calls.chat_failure(stub, calls.request("up/text"))).code == CODE.UNAVAILABLE
        assert await served.ended() == 0


@timely
async def test_who_only_watches_does_not_hold_it_up(sim: Simulator, tmp_path: Path) -> None:
    async with processes.gateway(tmp_path, sim.url) as served, connected(served.address) as (channel, stub):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        await watch.read()
        reflects = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await reflects.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await reflects.read()
        stream = asyncio.create_task(calls.events_of(stub, calls.stream_request("up/paced-n20-g20")))
        await until(lambda: sim.calls and sim.calls[0].frames_sent > 4)
        served.signal(signal.SIGTERM)
        assert (await stream)[-1].HasField("completion")
        ended = time.monotonic()
        assert await served.ended() == 0
        in_time(ended, server.LINGER_SECONDS + 1)


@pytest.mark.parametrize("second", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
@timely
async def test_a_second_signal_ends_it_at_once(sim: Simulator, tmp_path: Path, second: signal.Signals) -> None:
    async with processes.gateway(tmp_path, sim.url) as served, connected(served.address) as (_, stub):
        call = asyncio.create_task(calls.stream_failure(stub, calls.stream_request("up/stall")))
        await until(lambda: sim.calls and sim.calls[0].frames_sent > 4)
        served.signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        assert sim.calls[0].outcome == "running"
        signalled = served.signal(second)
        _, failure = await call
        assert failure.code == CODE.UNAVAILABLE
        assert await served.ended() == 0
        in_time(signalled, 1.5)
        await until(lambda: sim.calls[0].outcome == "hung_up")


@pytest.mark.slow
async def test_a_second_signal_within_the_delay(sim: Simulator, tmp_path: Path) -> None:
    async with processes.gateway(tmp_path, sim.url, limits="{drain_delay: 30s}") as served:
        served.signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        served.signal(signal.SIGTERM)
        assert await served.ended(2) == 0


@pytest.mark.slow
@timely
async def test_the_end_waits_no_longer_than_its_grace(sim: Simulator, tmp_path: Path) -> None:
    async with (
        processes.gateway(tmp_path, sim.url, limits="{drain_grace: 500ms}") as served,
        connected(served.address) as (_, stub),
    ):
        call = asyncio.create_task(calls.stream_failure(stub, calls.stream_request("up/stall")))
        await until(lambda: sim.calls and sim.calls[0].frames_sent > 4)
        signalled = served.signal(signal.SIGTERM)
        _, failure = await call
        assert failure.code == CODE.UNAVAILABLE
        assert await served.ended() == 0
        assert time.monotonic() - signalled > 0.4
        in_time(signalled, 2)
        await until(lambda: sim.calls[0].outcome == "hung_up")


async def test_a_gateway_that_is_killed(sim: Simulator, tmp_path: Path) -> None:
    async def attempt() -> float:
        sim.clear()
        async with processes.gateway(tmp_path, sim.url) as served, connected(served.address) as (_, stub):
            stream = asyncio.create_task(calls.stream_failure(stub, calls.stream_request("up/stall")))
            whole = asyncio.create_task(calls.chat_failure(stub, calls.request("up/silence")))
            await until(lambda: len(sim.calls) == 2 and all(call.json is not None for call in sim.calls))
            await asyncio.sleep(0.05)
            killed = served.signal(signal.SIGKILL)
            events, failure = await stream
            assert len(events) == 5
            assert failure.code == (await whole).code == CODE.UNAVAILABLE
            in_time(killed, 2)
            await until(lambda: all(call.outcome == "hung_up" for call in sim.calls))
            return max(call.hung_up_at or 0 for call in sim.calls) - killed

    await promptly(attempt)


@pytest.mark.slow
@timely
async def test_a_provider_that_is_killed() -> None:
    async with processes.trunkline("simulate", "--port", "0") as upstream:
        port = upstream.address.rpartition(":")[2]
        async with rig(f"http://{upstream.address}", limits=Limits(max_concurrent_calls=10)) as r:
            asked = calls.stream_request("up/paced-n1000-g10")
            stream = asyncio.create_task(calls.stream_failure(r.stub, asked))
            await asyncio.sleep(0.3)
            killed = upstream.signal(signal.SIGKILL)
            events, failure = await stream
            if len(events) <= 10:
                raise Late("the answer had hardly begun")
            assert failure.reason == "STREAM_INTERRUPTED"
            assert failure.info.metadata["cause"] == "ERROR_REASON_UPSTREAM_UNREACHABLE"
            in_time(killed, 0.5)
            await upstream.ended()
            refused = await calls.chat_failure(r.stub, calls.request("up/text"))
            assert (refused.reason, refused.info.metadata["stage"]) == ("UPSTREAM_UNREACHABLE", "connect")
            # And once it is back, all is well.
            async with processes.trunkline("simulate", "--port", port):
                await r.serves()


@asynccontextmanager
async def through(address: str, flows: asyncio.Event) -> AsyncIterator[str]:
    """A way to `address` that lets pass what comes back while `flows` is set."""
    host, _, port = address.rpartition(":")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(port), limit=65536)
        asking = asyncio.create_task(pipe(reader, forth))
        while await flows.wait() and (data := await back.read(65536)):
            writer.write(data)
            await writer.drain()
        asking.cancel()
        forth.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        name = server.sockets[0].getsockname()
        yield f"127.0.0.1:{name[1]}"


async def test_the_end_waits_until_answers_have_been_sent(sim: Simulator, in_a_hurry: None) -> None:
    """The last call is over when the last of its answer has left, not when its handler has returned."""
    flows = asyncio.Event()
    flows.set()
    async with rig(sim.url) as r, through(r.gateway.address, flows) as address, connected(address) as (_, stub):
        flows.clear()
        call = asyncio.ensure_future(stub.Chat(calls.request("up/big-n24"), timeout=20))
        await until(lambda: sim.calls and sim.calls[0].outcome == "answered")
        draining = asyncio.create_task(r.gateway.drain(delay=0, grace=20))
        await asyncio.sleep(1)
        assert not draining.done()
        flows.set()
        assert (await call).ByteSize() > 24 * 2**20
        await draining


async def test_a_stream_that_is_read_late_is_sent_to_its_end(sim: Simulator, in_a_hurry: None) -> None:
    async with rig(sim.url) as r:
        call = r.stub.StreamChat(calls.stream_request("up/big-n8"), timeout=20)
        await until(lambda: sim.calls and sim.calls[0].outcome == "answered")
        draining = asyncio.create_task(r.gateway.drain(delay=0, grace=20))
        await asyncio.sleep(0.5)
        assert not draining.done()
        events = [event async for message in call for event in message.events]
        assert events[-1].HasField("completion")
        await draining


ROUNDS = 10


async def test_the_end_comes_with_the_last_call(sim: Simulator, in_a_hurry: None) -> None:
    """As often as it takes to meet all orders in which the two can be noticed."""
    for _ in range(ROUNDS):
        sim.clear()
        async with rig(sim.url) as r:
            caller = Caller(r, "stream", calls.chat_input("up/paced-n2-g10"))
            await until(lambda: sim.calls and sim.calls[0].frames_sent)
            await r.gateway.drain(delay=0, grace=20)
            assert await caller.end() == CODE.OK


@pytest.mark.parametrize("grace", [0, 0.05, 20])
async def test_ends_that_overlap(sim: Simulator, in_a_hurry: None, grace: float) -> None:
    """Two at once made gRPC crash the process."""
    for number in range(ROUNDS):
        sim.clear()
        async with rig(sim.url) as r:
            caller = Caller(r, "stream", calls.chat_input("up/paced-n5-g10"))
            await until(lambda: sim.calls and sim.calls[0].frames_sent)
            first = asyncio.create_task(r.gateway.drain(delay=0, grace=grace))
            await asyncio.sleep(0.01 * number)
            second = asyncio.create_task(r.gateway.drain(delay=0, grace=0))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.wait((first, second))
            assert second.exception() is None
            assert await caller.end() in (CODE.OK, CODE.UNAVAILABLE)


@timely
async def test_the_end_of_an_idle_gateway_takes_no_time(sim: Simulator) -> None:
    async with rig(sim.url) as r:
        began = time.monotonic()
        await r.gateway.drain(delay=0, grace=20)
        in_time(began, PROMPTLY * 5)
