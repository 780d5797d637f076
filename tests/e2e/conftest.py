"""What several of these files need: a gateway without patience, and a look at the shared one afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from e2e.gateways import Running, provider, running
from support.calls import SERVICE, Stub, request, said
from trunkline_service.config import Limits, Timeouts

# Their asserts are to tell as much as those in tests.
pytest.register_assert_rewrite("e2e.error_table", "e2e.refusals")


@pytest.fixture
async def healthy_afterwards(channel: grpc.aio.Channel, stub: Stub) -> AsyncIterator[None]:
    """Whatever a test sent: the gateway says that it serves, and does."""
    yield
    health = health_pb2_grpc.HealthStub(channel)
    told = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
    assert told.status == health_pb2.HealthCheckResponse.SERVING
    answer = await stub.Chat(request(), timeout=5)
    assert said(answer) == "You said: Hello"


@pytest.fixture(scope="module")
async def impatient() -> AsyncIterator[Running]:
    """A gateway that waits for a provider only so long as a test may take."""
    async with running(limits=Limits(default_deadline=0.7)) as own:
        url = own.simulator.url
        waits = Timeouts(first_event=0.3, idle=0.3)
        providers = {"anthropic": provider(url, timeouts=waits)}
        async with running(providers=providers, limits=Limits(default_deadline=0.7)) as front:
            yield Running(front.gateway, own.simulator, front.channel)
