"""Health and reflection: what probes and tools ask."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from e2e.gateways import reflected, running
from support.calls import SERVICE, request
from trunkline_service.app import Gateway
from trunkline_service.config import Settings

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = {f"trunkline.v1.{name}Service" for name in ("Batch", "Chat", "Embedding", "Model")}


@pytest.mark.parametrize("service", ["", *sorted(SERVICES)])
async def test_health_check(service: str, channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert (await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)).status == SERVING


async def test_health_check_of_what_is_not_there(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="other"), timeout=5)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_health_watch_sees_the_end() -> None:
    """A watcher is told at once when the service begins to stop, and does not hold it up."""
    gateway = Gateway(Settings(listen="127.0.0.1:0", simulator=True))
    async with gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=20)
        assert (await watch.read()).status == SERVING
        began = time.monotonic()
        draining = asyncio.create_task(gateway.drain(delay=0.1, grace=15))
        assert (await watch.read()).status == NOT_SERVING
        await draining
        assert time.monotonic() - began < 3
        watch.cancel()


async def test_reflection(channel: grpc.aio.Channel) -> None:
    assert set(await reflected(channel)) == {
        *SERVICES,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_reflection_turned_off() -> None:
    async with running(reflection=False) as own:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reflected(own.channel)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        await own.stub.Chat(request(), timeout=5)


async def test_a_method_that_is_not_there(channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary(f"/{SERVICE}/Sing", request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
