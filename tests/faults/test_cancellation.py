"""A caller that goes away while it waits for the provider: the upstream's connection is closed at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import grpc
import pytest

from faults.caller import WAYS, Caller, Method, Way
from faults.rig import Rig, image, promptly, rig, until
from faults.upstream import ANSWER, BEGINNING, LAST_CHUNK, MESSAGE, Connection, Script, Upstream, chunk, head
from support import calls
from support.timing import Late
from trunkline.v1 import chat_service_pb2
from trunkline_service.simulator import ReceivedCall, Simulator


def has_asked(call: ReceivedCall) -> bool:
    return call.json is not None


def has_headers(call: ReceivedCall) -> bool:
    return call.status is not None


def has_events(call: ReceivedCall) -> bool:
    return call.frames_sent > 4


PHASES: dict[str, Callable[[ReceivedCall], bool]] = {
    "silence": has_asked,
    "slow-t20000": has_asked,
    "silence-headers": has_headers,
    "stall-n0": has_headers,
    "paced-n1000-g20": has_events,
    "stall": has_events,
    "stall-pings-g20": has_events,
    "long-n100000": has_events,
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("method", "way"), [*itertools.product(("unary", "stream"), WAYS), ("batched", "cancels")])
async def test_of_the_simulator(sim: Simulator, method: Method, way: Way, phase: str) -> None:
    async def attempt() -> float:
        sim.clear()
        async with rig(sim.url) as r:
            caller = Caller(r, method, calls.chat_input(f"up/{phase}"), way)
            await until(lambda: caller.is_over or (sim.calls and PHASES[phase](sim.calls[0])))
            await asyncio.sleep(0.02)
            if caller.is_over:
                raise Late("its time was over before it came so far")
            left = await caller.leave()
            await until(lambda: sim.calls[0].outcome == "hung_up")
            code = await caller.end()
            assert code == (grpc.StatusCode.DEADLINE_EXCEEDED if way == "times out" else grpc.StatusCode.CANCELLED)
            await r.settled()
            await r.serves()
            assert sim.calls[0].hung_up_at is not None
            return sim.calls[0].hung_up_at - left

    await promptly(attempt)


async def stops_before_the_headers(connection: Connection) -> None:
    await connection.request()
    await connection.hang()


async def stops_in_the_headers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/ev")
    await connection.hang()


async def only_says_continue(connection: Connection) -> None:
    await connection.request()
    while True:
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)


async def stops_in_an_event(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(), chunk(BEGINNING), b"ff\r\nevent: content_block_del")
    await connection.hang()


async def stops_in_a_chunk_size(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(), chunk(BEGINNING), b"f")
    await connection.hang()


async def stops_in_an_error(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(500, content_type="application/json"), chunk(b'{"type":"error","er'))
    await connection.hang()


async def stops_in_a_whole_message(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(content_type="application/json", content_length=str(len(MESSAGE))), MESSAGE[:50])
    await connection.hang()


async def stops_in_a_body_without_an_end(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(connection="close"), BEGINNING)
    await connection.hang()


SCRIPTS: tuple[Script, ...] = (
    stops_before_the_headers,
    stops_in_the_headers,
    only_says_continue,
    stops_in_an_event,
    stops_in_a_chunk_size,
    stops_in_an_error,
    stops_in_a_whole_message,
    stops_in_a_body_without_an_end,
)


async def left_in(script: Script, ask: Callable[[Rig], Caller]) -> float:
    """How long after its caller the upstream's connection was gone."""
    async with Upstream(script) as upstream, rig(upstream.url) as r:
        caller = ask(r)
        connection = await upstream.connection()
        await asyncio.sleep(0.02)
        gone = asyncio.ensure_future(connection.gone())
        left = await caller.leave()
        latency = await gone - left
        await caller.end()
        await r.settled()
        return latency


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
@pytest.mark.parametrize(("method", "way"), [("unary", "cancels"), *itertools.product(("stream",), WAYS)])
async def test_in_the_middle_of_an_answer(method: Method, way: Way, script: Script) -> None:
    await promptly(lambda: left_in(script, lambda r: Caller(r, method, calls.chat_input("up/m"), way)))


@pytest.mark.parametrize("way", WAYS)
async def test_of_a_count(way: Way) -> None:
    asked = calls.chat_input("up/m")
    await promptly(lambda: left_in(stops_before_the_headers, lambda r: Caller(r, "count", asked, way)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["unary", "stream"])
async def test_while_the_maximum_of_tokens_is_looked_up(method: Method, way: Way) -> None:
    asked = calls.chat_input("up/m")
    asked.ClearField("generation")

    async def looks_up(connection: Connection) -> None:
        assert (await connection.head()).startswith("GET /v1/models/m ")
        await connection.hang()

    await promptly(lambda: left_in(looks_up, lambda r: Caller(r, method, asked, way)))


async def never_reads(connection: Connection) -> None:
    await connection.head()
    await connection.hang()


async def answers_early_and_never_reads(connection: Connection) -> None:
    await connection.head()
    await connection.send(head(), chunk(BEGINNING))
    await connection.hang()


@pytest.mark.parametrize("script", [never_reads, answers_early_and_never_reads], ids=lambda script: script.__name__)
@pytest.mark.parametrize("method", ["unary", "stream"])
async def test_while_a_large_request_is_sent(method: Method, script: Script) -> None:
    asked = calls.chat_input("up/m", calls.user("What is this?", image(20)))

    async def attempt() -> float:
        async with Upstream(script, receive_buffer=65536) as upstream, rig(upstream.url) as r:
            caller = Caller(r, method, asked)
            connection = await upstream.connection()
            await connection.stuck()
            left = await caller.leave()
            latency = await connection.gone() - left
            assert connection.received < 2**20
            await caller.end()
            await r.settled()
            return latency

    await promptly(attempt)


async def test_a_large_request_that_was_answered_early_is_not_sent_on() -> None:
    """Nor does its connection wait for a provider that does not read."""

    async def answers(connection: Connection) -> None:
        await connection.head()
        await connection.send(head(), chunk(ANSWER), LAST_CHUNK)
        await connection.hang()

    asked = calls.chat_input("up/m", calls.user("What is this?", image(20)))
    async with Upstream(answers, receive_buffer=65536) as upstream, rig(upstream.url) as r:
        await r.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
        await upstream.connections[0].gone()
        await r.settled()


async def test_a_large_request_that_was_refused_early_is_not_sent_on() -> None:
    async def refuses(connection: Connection) -> None:
        await connection.head()
        await connection.send(head(413, content_type="text/html", content_length="0"))
        await connection.hang()

    asked = calls.chat_input("up/m", calls.user("What is this?", image(20)))
    async with Upstream(refuses, receive_buffer=65536) as upstream, rig(upstream.url) as r:
        failure = await calls.chat_failure(r.stub, chat_service_pb2.ChatRequest(input=asked))
        assert failure.reason == "REQUEST_TOO_LARGE"
        await upstream.connections[0].gone()
        await r.settled()
