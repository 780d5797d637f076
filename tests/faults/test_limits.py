"""Limits of time: each strikes where it should, says where that was, and lets everything else go on."""

from __future__ import annotations

import asyncio
import itertools
import time

import grpc
import pytest

from faults import places
from faults.caller import Caller
from faults.rig import Rig, rig, until
from faults.upstream import (
    BEGINNING,
    END,
    LAST_CHUNK,
    PING,
    Connection,
    Script,
    Upstream,
    answer,
    chunk,
    delta,
    head,
)
from support import calls
from support.timing import Late, in_time, ours, timely
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import Limits, Timeouts
from trunkline_service.simulator import Simulator

LIMIT = 0.2
CODE = grpc.StatusCode


async def ask(r: Rig, method: str, timeout: float | None) -> None:
    if method == "unary":
        await r.stub.Chat(calls.request("up/m"), timeout=timeout)
    elif method == "count":
        asked = chat_service_pb2.CountTokensRequest(input=calls.chat_input("up/m"))
        await r.stub.CountTokens(asked, timeout=timeout)
    else:
        async for message in r.stub.StreamChat(calls.stream_request("up/m"), timeout=timeout):
            raise AssertionError(message)


async def failure_of(r: Rig, method: str, timeout: float | None = 10.0) -> calls.Failure:
    """What the call fails with, before anything has come."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(r, method, timeout)
    return calls.failure(caught.value)


@pytest.mark.parametrize(("place", "scheme"), [(places.full, "http"), (places.mute, "https")], ids=["TCP", "TLS"])
@pytest.mark.parametrize("method", ["unary", "stream", "count"])
@timely
async def test_connect(method: str, place: places.Place, scheme: str) -> None:
    with place() as port:
        async with rig(f"{scheme}://127.0.0.1:{port}", timeouts=Timeouts(connect=LIMIT)) as r:
            before, began = r.sockets(), time.monotonic()
            failure = await failure_of(r, method)
            assert time.monotonic() - began > LIMIT * 0.9
            in_time(began, LIMIT * 3)
            assert (failure.code, failure.reason) == (CODE.UNAVAILABLE, "UPSTREAM_TIMEOUT")
            assert failure.info.metadata["stage"] == "connect"
            assert failure.retry is not None
            await r.settled(sockets=before)


async def test_connect_counts_the_wait_for_a_free_connection(sim: Simulator) -> None:
    timeouts = Timeouts(connect=LIMIT)
    async with rig(sim.url, timeouts=timeouts, limits=Limits(max_concurrent_calls=2)) as r:
        first = Caller(r, "stream", calls.chat_input("up/stall"))
        await until(lambda: sim.calls and sim.calls[0].frames_sent)
        failure = await failure_of(r, "unary")
        # That is the gateway's own limit, not the provider's doing.
        assert (failure.code, failure.reason) == (CODE.UNAVAILABLE, "GATEWAY_OVERLOADED")
        assert failure.retry is not None
        await first.leave()
        await first.end()
        await r.serves()


@pytest.mark.parametrize(("place", "scheme"), [(places.closed, "http"), (places.closed, "https")])
@pytest.mark.parametrize("method", ["unary", "stream", "count"])
async def test_nobody_there(method: str, place: places.Place, scheme: str) -> None:
    with place() as port:
        async with rig(f"{scheme}://127.0.0.1:{port}") as r:
            failure = await failure_of(r, method)
            assert (failure.code, failure.reason) == (CODE.UNAVAILABLE, "UPSTREAM_UNREACHABLE")
            assert failure.info.metadata["stage"] == "connect"
            assert failure.retry is not None
            await r.settled()


async def test_no_tls_there(sim: Simulator) -> None:
    async with rig(sim.url.replace("http:", "https:")) as r:
        failure = await failure_of(r, "stream")
        assert (failure.reason, failure.info.metadata["stage"]) == ("UPSTREAM_UNREACHABLE", "connect")
        await r.settled()


async def says_nothing(connection: Connection) -> None:
    await connection.request()
    await connection.hang()


async def only_pings(connection: Connection) -> None:
    await connection.request()
    await connection.send(head())
    while True:
        await connection.send(chunk(PING))
        await asyncio.sleep(0.05)


async def stops_in_a_message(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(content_type="application/json"), chunk(b'{"type":'))
    await connection.hang()


@pytest.mark.parametrize("script", [says_nothing, only_pings, stops_in_a_message], ids=lambda s: s.__name__)
@pytest.mark.parametrize("method", ["unary", "stream", "count"])
@timely
async def test_first_event(method: str, script: Script) -> None:
    async with Upstream(script) as upstream, rig(upstream.url, timeouts=Timeouts(first_event=LIMIT)) as r:
        began = time.monotonic()
        failure = await failure_of(r, method)
        assert time.monotonic() - began > LIMIT * 0.9
        in_time(began, LIMIT * 3)
        assert (failure.reason, failure.info.metadata["stage"]) == ("UPSTREAM_TIMEOUT", "first_event")
        await upstream.connections[0].gone()
        await r.settled()


@timely
async def test_idle_is_held_off_by_pings() -> None:
    async def takes_its_time(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(BEGINNING))
        for _ in range(10):
            await asyncio.sleep(LIMIT / 3)
            await connection.send(chunk(PING))
        await connection.send(chunk(END), LAST_CHUNK)

    timeouts = Timeouts(first_event=LIMIT, idle=LIMIT)
    async with Upstream(takes_its_time) as upstream, rig(upstream.url, timeouts=timeouts) as r:
        try:
            events = await calls.events_of(r.stub, calls.stream_request("up/m"))
        except grpc.aio.AioRpcError as error:
            raise Late("the upstream may have taken more time than it meant to") from error
        assert events[-1].HasField("completion")


@timely
async def test_idle_begins_anew_with_every_event() -> None:
    async def pauses(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(BEGINNING))
        for _ in range(6):
            await asyncio.sleep(LIMIT * 0.6)
            await connection.send(chunk(delta("x")))
        await connection.hang()

    async with Upstream(pauses) as upstream, rig(upstream.url, timeouts=Timeouts(idle=LIMIT)) as r:
        events, failure = await calls.stream_failure(r.stub, calls.stream_request("up/m"))
        if len(events) < 9:
            raise Late("the upstream may have taken more time than it meant to")
        assert len(events) == 9
        assert (failure.reason, failure.info.metadata["stage"]) == ("STREAM_INTERRUPTED", "idle")
        assert failure.info.metadata["cause"] == "ERROR_REASON_UPSTREAM_TIMEOUT"


async def test_an_error_that_does_not_end_is_known_by_its_status() -> None:
    async def overloaded(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(529, content_type="application/json"))
        while True:
            await connection.send(chunk(b" " * 10_000))

    async with Upstream(overloaded) as upstream, rig(upstream.url) as r:
        assert (await failure_of(r, "stream")).reason == "UPSTREAM_OVERLOADED"
        await upstream.connections[0].gone()
        await r.settled()


@pytest.mark.slow
async def test_an_error_that_stops_is_known_by_its_status() -> None:
    async def stops(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(401, content_type="application/json"), chunk(b'{"type":"error","er'))
        await connection.hang()

    async with Upstream(stops) as upstream, rig(upstream.url) as r:
        began = time.monotonic()
        assert (await failure_of(r, "unary")).reason == "UPSTREAM_CREDENTIALS_REJECTED"
        assert time.monotonic() - began < 8
        await r.settled()


@pytest.mark.parametrize(
    ("limits", "timeout"),
    [
        (Limits(), LIMIT),
        (Limits(default_deadline=LIMIT), None),
        (Limits(max_deadline=LIMIT), None),
        (Limits(max_deadline=LIMIT), 10.0),
    ],
    ids=["the caller's", "the default", "the highest, with none", "the highest"],
)
@pytest.mark.parametrize("method", ["unary", "stream", "count"])
@timely
async def test_deadline(method: str, limits: Limits, timeout: float | None) -> None:
    async with Upstream(says_nothing) as upstream, rig(upstream.url, limits=limits) as r:
        began = time.monotonic()
        failure = ours(await failure_of(r, method, timeout))
        assert time.monotonic() - began > LIMIT * 0.5
        in_time(began, LIMIT * 3)
        assert (failure.code, failure.reason) == (CODE.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert failure.info.metadata["stage"] == "first_event"
        assert failure.retry is None
        await upstream.connections[0].gone()
        await r.settled()


@timely
async def test_deadline_in_the_middle_of_an_answer() -> None:
    async def flows(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(BEGINNING))
        while True:
            await connection.send(chunk(delta("x")))
            await asyncio.sleep(0.001)

    async with Upstream(flows) as upstream, rig(upstream.url) as r:
        events, failure = await calls.stream_failure(r.stub, calls.stream_request("up/m"), timeout=LIMIT)
        assert ours(failure).reason == "DEADLINE_EXCEEDED"
        assert len(events) > 10
        assert not any(event.HasField("completion") for event in events)


@timely
async def test_deadline_covers_the_lookup_of_the_maximum() -> None:
    asked = calls.request("up/m")
    asked.input.ClearField("generation")
    async with Upstream(says_nothing) as upstream, rig(upstream.url) as r:
        failure = ours(await calls.chat_failure(r.stub, asked, timeout=LIMIT))
        assert failure.reason == "DEADLINE_EXCEEDED"


async def floods(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(), chunk(BEGINNING))
    while True:
        await connection.send(chunk(delta("x" * 100_000)))


async def read(
    call: grpc.aio.UnaryStreamCall[chat_service_pb2.StreamChatRequest, chat_service_pb2.StreamChatResponse],
    events: list[chat_service_pb2.ChatEvent],
) -> None:
    async for message in call:
        events.extend(message.events)


@pytest.mark.parametrize("delay", [0, 50])
async def test_slow_consumer(delay: int) -> None:
    limits = Limits(slow_consumer=LIMIT, max_concurrent_calls=1)
    async with Upstream(floods) as upstream, rig(upstream.url, limits=limits) as r:
        asked = calls.stream_request("up/m")
        asked.max_event_delay.FromMilliseconds(delay)
        call = r.stub.StreamChat(asked, timeout=30)
        connection = await upstream.connection()
        # gRPC takes some megabytes before it lets the gateway feel that nobody reads.
        await connection.gone()
        assert connection.sent < 30e6
        assert r.sockets() == 0
        events: list[chat_service_pb2.ChatEvent] = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read(call, events)
        failure = calls.failure(caught.value)
        assert (failure.code, failure.reason, failure.retry) == (CODE.ABORTED, "SLOW_CONSUMER", None)
        # All of what was sent before arrives, and in order.
        assert [event.WhichOneof("kind") for event in events[:2]] == ["start", "block_start"]
        assert {event.WhichOneof("kind") for event in events[2:]} == {"block_delta"}
        assert sum(len(event.block_delta.text) for event in events) > 1e6
        await r.settled()
        upstream.script = answer
        await r.serves()


async def test_slow_consumer_that_never_comes_back() -> None:
    limits = Limits(slow_consumer=LIMIT, max_concurrent_calls=1)
    async with Upstream(floods) as upstream, rig(upstream.url, limits=limits) as r:
        caller = Caller(r, "stream", calls.chat_input("up/m"), reads=False)
        await (await upstream.connection()).gone()
        await caller.leave()
        await caller.end()
        await r.settled()
        upstream.script = answer
        await r.serves()


@timely
async def test_slow_but_steady() -> None:
    async def sends_much(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(BEGINNING))
        for _ in range(200):
            await connection.send(chunk(delta("x" * 100_000)))
        await connection.send(chunk(END), LAST_CHUNK)

    async with Upstream(sends_much) as upstream, rig(upstream.url, limits=Limits(slow_consumer=LIMIT)) as r:
        characters = 0
        reads = [time.monotonic()]
        try:
            async for message in r.stub.StreamChat(calls.stream_request("up/m"), timeout=30):
                characters += sum(len(event.block_delta.text) for event in message.events)
                await asyncio.sleep(LIMIT / 10)
                reads.append(time.monotonic())
        except grpc.aio.AioRpcError as error:
            if max(late - early for early, late in itertools.pairwise([*reads, time.monotonic()])) > LIMIT / 2:
                raise Late("this caller was not as steady as it meant to be") from error
            raise
        assert characters == 20_000_005
        assert reads[-1] - reads[0] > 2 * LIMIT


async def test_time_for_the_caller_is_not_the_provider_s() -> None:
    """While the caller does not read, neither does the gateway; that is not the provider's silence."""

    async def sends_much(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(BEGINNING))
        for _ in range(200):
            await connection.send(chunk(delta("x" * 100_000)))
        await connection.send(chunk(END), LAST_CHUNK)

    timeouts = Timeouts(first_event=LIMIT, idle=LIMIT)
    async with Upstream(sends_much) as upstream, rig(upstream.url, timeouts=timeouts) as r:
        call = r.stub.StreamChat(calls.stream_request("up/m"), timeout=30)
        await (await upstream.connection()).stuck()
        await asyncio.sleep(2 * LIMIT)
        last = [event async for message in call for event in message.events][-1]
        assert last.HasField("completion")
