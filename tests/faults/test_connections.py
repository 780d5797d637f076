"""Connections that are used again: what becomes of one after a call must not become the next call's trouble."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from faults.rig import image, rig
from faults.upstream import (
    ANSWER,
    BLOCK_START,
    END,
    LAST_CHUNK,
    START,
    Connection,
    Upstream,
    answer,
    chunk,
    delta,
    head,
)
from support import calls
from trunkline.v1 import chat_service_pb2


async def test_one_serves_many_calls() -> None:
    async with Upstream(answer) as upstream, rig(upstream.url) as r:
        for _ in range(5):
            await r.stub.Chat(calls.request("up/m"), timeout=5)
            await calls.events_of(r.stub, calls.stream_request("up/m"))
        assert len(upstream.connections) == 1
        assert upstream.connections[0].requests == 10


async def test_one_that_the_provider_closed_meanwhile() -> None:
    async def answers_once(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(ANSWER), LAST_CHUNK)

    async with Upstream(answers_once) as upstream, rig(upstream.url) as r:
        for _ in range(3):
            await r.stub.Chat(calls.request("up/m"), timeout=5)
            await asyncio.sleep(0.02)
        assert len(upstream.connections) == 3


@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("method", ["unary", "stream"])
async def test_one_that_the_provider_closes_just_then(method: str, how: str) -> None:
    """Nobody can know whether the request was taken, and it costs money: so it is not repeated, but may be."""

    async def answers_once(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(ANSWER), LAST_CHUNK)
        await connection.request()
        if how == "resets":
            connection.reset()

    async with Upstream(answers_once) as upstream, rig(upstream.url) as r:
        await r.stub.Chat(calls.request("up/m"), timeout=5)
        # The end of the body, which may come by itself, lets the connection serve again.
        await asyncio.sleep(0.02)
        if method == "unary":
            failure = await calls.chat_failure(r.stub, calls.request("up/m"))
        else:
            _, failure = await calls.stream_failure(r.stub, calls.stream_request("up/m"))
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNREACHABLE")
        assert failure.info.metadata["stage"] == "headers"
        assert failure.retry is not None
        assert len(upstream.connections) == 1
        await r.serves()


async def test_what_came_before_the_request_is_not_its_answer() -> None:
    async def answers_twice(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(ANSWER), LAST_CHUNK)
        await asyncio.sleep(0.05)
        await connection.send(head(), chunk(START + BLOCK_START + delta("somebody else's") + END), LAST_CHUNK)
        await connection.hang()

    async with Upstream(answers_twice) as upstream, rig(upstream.url) as r:
        first = await r.stub.Chat(calls.request("up/m"), timeout=5)
        await asyncio.sleep(0.1)
        # Nothing was sent over that connection, so that another one does no harm.
        second = await r.stub.Chat(calls.request("up/m"), timeout=5)
        assert second.message == first.message
        await upstream.connections[0].gone()
        assert len(upstream.connections) == 2
        await r.serves()


async def test_a_redirect_is_not_followed() -> None:
    """The key in the request is for nobody else."""
    async with Upstream(answer) as elsewhere:

        async def redirects(connection: Connection) -> None:
            await connection.request()
            await connection.send(head(307, location=f"{elsewhere.url}/v1/messages", content_length="0"))
            await connection.hang()

        async with Upstream(redirects) as upstream, rig(upstream.url) as r:
            failure = await calls.chat_failure(r.stub, calls.request("up/m"))
            assert failure.reason == "UPSTREAM_PROTOCOL_ERROR"
            assert failure.info.metadata["upstream_status"] == "307"
            assert elsewhere.connections == []


async def test_a_large_request_arrives_whole() -> None:
    bodies: list[bytes] = []

    async def takes(connection: Connection) -> None:
        while True:
            bodies.append(await connection.request())
            await connection.send(head(), chunk(ANSWER), LAST_CHUNK)

    picture = image(8)
    asked = calls.chat_input("up/m", calls.user("What is this?", picture))
    async with Upstream(takes) as upstream, rig(upstream.url) as r:
        for _ in range(2):
            await r.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=20)
        assert bodies[0] == bodies[1]
        assert len(bodies[0]) > len(picture.image.media.data) * 4 / 3
        assert bodies[0].endswith(b"}")
        assert len(upstream.connections) == 1
