"""A gateway with its simulator, for every test that needs nothing special of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
import uvloop

from trunkline.v1 import chat_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import Settings
from trunkline_service.simulator import Simulator

# The loop that the service runs in: what a connection does at its end differs from the standard one's. Set here, as
# pytest-asyncio's own hook for it ends the session's fixtures wherever tests with and without a loop alternate.
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


@pytest.fixture(scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(Settings(listen="127.0.0.1:0", simulator=True)) as running:
        yield running


@pytest.fixture(scope="session")
async def channel(gateway: Gateway) -> AsyncIterator[grpc.aio.Channel]:
    size = 32 * 2**20
    options = [("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)]
    async with grpc.aio.insecure_channel(gateway.address, options=options) as opened:
        yield opened


@pytest.fixture(scope="session")
def stub(channel: grpc.aio.Channel) -> chat_service_pb2_grpc.ChatServiceAsyncStub:
    return chat_service_pb2_grpc.ChatServiceStub(channel)  # type: ignore[return-value]


@pytest.fixture
def simulator(gateway: Gateway) -> Simulator:
    """The simulator behind `gateway`, with an empty record of calls."""
    assert gateway.simulator is not None
    gateway.simulator.clear()
    return gateway.simulator
