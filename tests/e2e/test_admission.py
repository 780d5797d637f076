"""How many calls there may be at once, and what becomes of those beyond."""

from __future__ import annotations

import asyncio
import contextlib
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from e2e.gateways import posts, reflected, running, until
from support.calls import SERVICE, chat_failure, request, said, stream_failure, stream_request
from support.timing import in_time, timely
from trunkline_service.config import Limits

SERVING = health_pb2.HealthCheckResponse.SERVING


@timely
async def test_as_many_calls_as_allowed() -> None:
    """Beyond them: a typed refusal, at once; health is answered all the same; and room again when one ends."""
    async with running(limits=Limits(max_concurrent_calls=2)) as own:
        first = asyncio.ensure_future(own.stub.Chat(request("simulator/silence"), timeout=30))
        second = own.stub.StreamChat(stream_request("simulator/silence"), timeout=30)
        await until(lambda: len(posts(own.simulator)) == 2)

        began = time.monotonic()
        refused = await chat_failure(own.stub, request())
        events, refused_stream = await stream_failure(own.stub, stream_request())
        in_time(began, 1)
        assert not events
        for found in (refused, refused_stream):
            assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "GATEWAY_OVERLOADED")
            assert found.retry is not None
            assert found.retry.retry_delay.ToMilliseconds() > 0
            assert found.request_info is not None
            # Another replica may take it, so nothing forbids the client to ask one.
            assert "grpc-retry-pushback-ms" not in found.trailers
        assert len(posts(own.simulator)) == 2

        health = health_pb2_grpc.HealthStub(own.channel)
        told = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=2)
        assert told.status == SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=5)
        assert (await watch.read()).status == SERVING
        watch.cancel()
        assert SERVICE in await reflected(own.channel)

        def hung_up() -> int:
            return [call.outcome for call in posts(own.simulator)[:2]].count("hung_up")

        first.cancel()
        await until(lambda: hung_up() == 1)
        assert said(await own.stub.Chat(request(), timeout=5)) == "You said: Hello"
        second.cancel()
        await until(lambda: hung_up() == 2)
        both = await asyncio.gather(own.stub.Chat(request(), timeout=5), own.stub.Chat(request(), timeout=5))
        assert [said(answer) for answer in both] == ["You said: Hello"] * 2


async def test_a_crowd_at_the_door() -> None:
    """Each of many that come at once gets an answer of the gateway's own: gRPC would send some away by itself."""
    async with running(limits=Limits(max_concurrent_calls=1)) as own:
        first = asyncio.ensure_future(own.stub.Chat(request("simulator/silence"), timeout=50))
        await until(lambda: len(posts(own.simulator)) == 1)
        refused = await asyncio.gather(*(chat_failure(own.stub, request(), timeout=50) for _ in range(2_500)))
        assert {(found.code, found.reason) for found in refused} == {
            (grpc.StatusCode.UNAVAILABLE, "GATEWAY_OVERLOADED")
        }
        first.cancel()


async def test_calls_that_fail_make_room_as_well() -> None:
    async with running(limits=Limits(max_concurrent_calls=1)) as own:
        for model in ("simulator/error-500", "simulator/cut", "nowhere/text", "simulator/text", "simulator/garbage"):
            for _ in range(3):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await own.stub.Chat(request(model), timeout=5)
        call = own.channel.unary_unary(f"/{SERVICE}/Chat", request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.aio.AioRpcError):
            await call(b"\xff", timeout=5)
        assert said(await own.stub.Chat(request(), timeout=5)) == "You said: Hello"
