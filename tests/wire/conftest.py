"""A gateway whose only provider is a scripted server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from support.upstream import ScriptedUpstream
from trunkline.v1 import chat_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import ProviderSettings, Secret, Settings
from wire.decoding import KEY


@pytest.fixture(scope="session")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as running:
        yield running


@pytest.fixture(scope="session")
async def wire(upstream: ScriptedUpstream) -> AsyncIterator[chat_service_pb2_grpc.ChatServiceAsyncStub]:
    """A stub of a gateway in front of `upstream`, which is its provider "anthropic"."""
    provider = ProviderSettings(
        name="anthropic",
        type="anthropic",
        base_url=upstream.url,
        api_key=Secret(env="KEY", environ={"KEY": KEY}),
    )
    settings = Settings(listen="127.0.0.1:0", providers={"anthropic": provider})
    size = 32 * 2**20
    options = [("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)]
    async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address, options=options) as channel:
        yield chat_service_pb2_grpc.ChatServiceStub(channel)  # type: ignore[misc]
