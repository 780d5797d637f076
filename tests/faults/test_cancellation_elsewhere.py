"""A caller that goes away where the wait is not for the provider's answer, goes with its process, or goes twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest

from faults import places
from faults.caller import WAYS, Caller, Method, Way
from faults.rig import PROMPTLY, Rig, image, promptly, rig, until
from faults.upstream import ANSWER, BEGINNING, Connection, Upstream, answer, chunk, delta, head
from support import calls
from support.timing import in_time, timely
from trunkline_service.config import Limits, Timeouts
from trunkline_service.simulator import Simulator

HELLO = calls.chat_input("up/m")


def open_files() -> set[int]:
    found = set()
    for file in Path("/dev/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(os.fstat(int(file.name)).st_ino)
    return found


@pytest.mark.parametrize(("place", "scheme"), [(places.full, "http"), (places.mute, "https")], ids=["TCP", "TLS"])
@pytest.mark.parametrize(
    ("method", "way"), [("unary", "cancels"), ("count", "cancels"), *itertools.product(("stream",), WAYS)]
)
async def test_while_it_connects(method: Method, way: Way, place: places.Place, scheme: str) -> None:
    async def attempt() -> float:
        with place() as port:
            async with rig(f"{scheme}://127.0.0.1:{port}") as r:
                # Nobody is there to see the connection go, so it is for its file in this process to disappear.
                fillers, files = r.sockets(), open_files()
                caller = Caller(r, method, HELLO, way)
                await until(lambda: open_files() - files)
                await asyncio.sleep(0.02)
                opened = open_files() - files
                left = await caller.leave()
                await until(lambda: not opened & open_files())
                gone = time.monotonic()
                await caller.end()
                await r.settled(sockets=fillers)
                return gone - left

    await promptly(attempt)


async def test_while_it_waits_for_a_free_connection(sim: Simulator) -> None:
    async with rig(sim.url, limits=Limits(max_concurrent_calls=10)) as r:
        first = Caller(r, "stream", calls.chat_input("up/stall"))
        await until(lambda: sim.calls and sim.calls[0].frames_sent > 4)
        tasks = r.tasks()
        waiting = [Caller(r, method, HELLO) for method in ("unary", "stream", "count")]
        await asyncio.sleep(0.1)
        for caller in waiting:
            await caller.leave()
            await caller.end()
        await until(lambda: r.tasks() <= tasks)
        await first.leave()
        await first.end()
        await r.settled()
        assert [call.model for call in sim.calls] == ["stall"]
        await r.serves()


async def floods(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(), chunk(BEGINNING))
    while True:
        await connection.send(chunk(delta("x" * 100_000)))


@pytest.mark.parametrize("way", ["cancels", "disconnects"])
@pytest.mark.parametrize("method", ["stream", "batched"])
async def test_while_it_does_not_read(method: Method, way: Way) -> None:
    async def attempt() -> float:
        async with Upstream(floods) as upstream, rig(upstream.url) as r:
            caller = Caller(r, method, HELLO, way, reads=False)
            connection = await upstream.connection()
            await connection.stuck()
            # What the kernels and gRPC hold for a caller that does not read; the gateway itself adds next to nothing.
            assert connection.sent < 30e6
            left = await caller.leave()
            latency = await connection.gone() - left
            await caller.end()
            await r.settled()
            upstream.script = answer
            await r.serves()
            return latency

    await promptly(attempt)


async def never_ends(connection: Connection) -> None:
    """Gives a whole answer in a body that does not end with it."""
    await connection.request()
    await connection.send(head(), chunk(ANSWER))
    await connection.hang()


async def test_after_the_answer() -> None:
    async with Upstream(never_ends) as upstream, rig(upstream.url) as r:
        caller = Caller(r, "stream", HELLO)
        connection = await upstream.connection()
        assert await caller.end() == grpc.StatusCode.OK
        await caller.leave()
        await connection.gone()
        await r.settled()
        upstream.script = answer
        await r.serves()


@timely
async def test_after_the_answer_a_gateway_that_stops_does_not_wait() -> None:
    async with Upstream(never_ends) as upstream:
        async with rig(upstream.url) as r:
            await calls.events_of(r.stub, calls.stream_request("up/m"))
            began = time.monotonic()
        in_time(began, 0.5)
        await (await upstream.connection()).gone()


CLIENT = """
import asyncio, sys
import grpc
from support import calls
from support.timing import in_time, timely
from trunkline.v1 import chat_service_pb2, chat_service_pb2_grpc

async def main(address, models):
    stub = chat_service_pb2_grpc.ChatServiceStub(grpc.aio.insecure_channel(address))
    async def unary(model):
        await stub.Chat(calls.request(model))
    async def stream(model):
        async for _ in stub.StreamChat(calls.stream_request(model)):
            pass
    await asyncio.gather(*(call(model) for call in (unary, stream) for model in models))

asyncio.run(main(sys.argv[1], sys.argv[2:]))
"""


async def test_a_caller_that_is_killed(sim: Simulator) -> None:
    models = ("silence", "silence-headers", "stall", "stall-pings-g20", "paced-n1000-g20")

    async def attempt() -> float:
        sim.clear()
        async with rig(sim.url, slots=20) as r:
            command = [sys.executable, "-c", CLIENT, r.gateway.address, *(f"up/{model}" for model in models)]
            with subprocess.Popen(command, cwd=Path(__file__).parents[1]) as client:  # noqa: ASYNC220 - it has begun at once
                await until(lambda: len(sim.calls) == 2 * len(models), 20)
                await asyncio.sleep(0.2)
                assert all(call.outcome == "running" for call in sim.calls)
                left = time.monotonic()
                client.kill()
                await until(lambda: all(call.outcome == "hung_up" for call in sim.calls))
            await r.settled()
            return max(call.hung_up_at or 0 for call in sim.calls) - left

    await promptly(attempt)


STREAMS = 20


async def _streams(r: Rig, model: str, sim: Simulator) -> list[Caller]:
    sim.clear()
    callers = [Caller(r, "stream", calls.chat_input(f"up/{model}")) for _ in range(STREAMS)]
    await until(lambda: len(sim.calls) == STREAMS and all(call.json is not None for call in sim.calls))
    return callers


async def _nothing_is_left(r: Rig, sim: Simulator, callers: list[Caller]) -> None:
    for caller in callers:
        await caller.end()
    await until(lambda: all(call.outcome == "hung_up" for call in sim.calls))
    await r.settled()
    await r.serves()


@pytest.mark.parametrize("model", ["silence", "stall"])
async def test_a_limit_and_a_cancellation_at_the_same_time(sim: Simulator, model: str) -> None:
    async with rig(sim.url, slots=STREAMS, timeouts=Timeouts(first_event=0.3, idle=0.3)) as r:
        callers = await _streams(r, model, sim)
        began = min(call.started for call in sim.calls)
        for caller in callers:
            # Around the moment when the limit strikes, before and after it.
            asyncio.get_running_loop().call_later(
                began + 0.3 - time.monotonic() + random.uniform(-0.02, 0.02), caller.call.cancel
            )
        await _nothing_is_left(r, sim, callers)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("model", ["silence", "stall"])
async def test_a_cancellation_within_a_cancellation(sim: Simulator, model: str, turns: int) -> None:
    async with rig(sim.url, slots=STREAMS) as r:
        callers = await _streams(r, model, sim)
        handlers = [task for task in asyncio.all_tasks() if task.get_name().startswith("HandleExceptions")]
        assert len(handlers) == STREAMS
        for handler in handlers:
            handler.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        for caller in callers:
            await caller.leave()
        for _ in range(turns):
            await asyncio.sleep(0)
            for handler in handlers:
                handler.cancel()
        await _nothing_is_left(r, sim, callers)


async def test_a_cancellation_within_a_cancellation_of_a_large_request() -> None:
    async def never_reads(connection: Connection) -> None:
        await connection.head()
        await connection.send(head(), chunk(BEGINNING))
        await connection.hang()

    asked = calls.chat_input("up/m", calls.user("What is this?", image(5)))
    async with Upstream(never_reads, receive_buffer=65536) as upstream, rig(upstream.url, slots=5) as r:
        callers = [Caller(r, "stream", asked) for _ in range(5)]
        for number in range(5):
            await (await upstream.connection(number)).stuck()
        handlers = [task for task in asyncio.all_tasks() if task.get_name().startswith("HandleExceptions")]
        for caller in callers:
            await caller.leave()
        for _ in range(20):
            await asyncio.sleep(0)
            for handler in handlers:
                handler.cancel()
        for connection in upstream.connections:
            await connection.gone()
        for caller in callers:
            await caller.end()
        await r.settled()
        upstream.script = answer
        await r.serves()


@pytest.mark.parametrize("model", ["silence", "stall"])
async def test_a_cancellation_and_the_end_of_the_gateway(sim: Simulator, model: str) -> None:
    async with rig(sim.url, slots=STREAMS) as r:
        callers = await _streams(r, model, sim)
        stopping = asyncio.create_task(r.gateway.drain(delay=0, grace=0))
        for caller in callers:
            await asyncio.sleep(0)
            await caller.leave()
        await stopping
        for caller in callers:
            await caller.end()
        await until(lambda: all(call.outcome == "hung_up" for call in sim.calls))
        assert r.sockets() == 0


async def test_how_long_it_takes(sim: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The middle of many must be far better than the limit for each."""
    taken: list[float] = []
    async with rig(sim.url) as r:
        for number in range(100):
            sim.clear()
            model = ("silence", "stall", "paced-n1000-g20", "stall-pings-g20")[number % 4]
            caller = Caller(r, "stream" if number % 3 else "unary", calls.chat_input(f"up/{model}"))
            await until(lambda: sim.calls and sim.calls[0].json is not None)
            await asyncio.sleep(0.01)
            left = await caller.leave()
            await until(lambda: sim.calls[0].outcome == "hung_up")
            taken.append((sim.calls[0].hung_up_at or 0) - left)
            await caller.end()
        await r.settled()
    with capsys.disabled():
        print(f" [hang-up after {statistics.median(taken) * 1000:.1f} ms, at most {max(taken) * 1000:.1f} ms] ", end="")
    assert statistics.median(taken) < PROMPTLY / 5
