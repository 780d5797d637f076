"""Gateways that differ from the shared one, and waiting for what happens elsewhere."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from trunkline.v1 import chat_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.simulator import Simulator
from trunkline_service.simulator.calls import ReceivedCall
from trunkline_service.telemetry import log

KEY = "sk-ant-key-of-the-gateway"


def provider(url: str, name: str = "anthropic", **fields: Any) -> ProviderSettings:
    """A provider of Anthropic's type at `url`, with a key of the gateway's own."""
    fields.setdefault("api_key", Secret(env="KEY", environ={"KEY": KEY}))
    return ProviderSettings(name=name, type="anthropic", base_url=url, **fields)


@dataclass
class Running:
    """A gateway of its own, the simulator behind it, and a channel in front."""

    gateway: Gateway
    simulator: Simulator
    channel: grpc.aio.Channel

    @property
    def stub(self) -> chat_service_pb2_grpc.ChatServiceAsyncStub:
        return chat_service_pb2_grpc.ChatServiceStub(self.channel)  # type: ignore[return-value]


@asynccontextmanager
async def running(
    *, options: list[tuple[str, Any]] | None = None, listen: str = "127.0.0.1:0", **settings: Any
) -> AsyncIterator[Running]:
    """A gateway with `settings` and the simulator as the provider `simulator`; `options` are the channel's."""
    async with (
        Gateway(Settings(listen=listen, simulator=True, **settings)) as gateway,
        grpc.aio.insecure_channel(
            gateway.address, options=options or [("grpc.use_local_subchannel_pool", 1)]
        ) as channel,
    ):
        assert gateway.simulator is not None
        yield Running(gateway, gateway.simulator, channel)


def posts(simulator: Simulator) -> list[ReceivedCall]:
    """The calls that ask for an answer or a count."""
    return [call for call in simulator.calls if call.method == "POST"]


async def reflected(channel: grpc.aio.Channel) -> list[str]:
    """The names of the services that reflection tells."""
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection.ServerReflectionInfo(iter([asked]), timeout=5)
    answer = await call.read()
    call.cancel()
    return [service.name for service in answer.list_services_response.service]


async def until(predicate: Callable[[], object], seconds: float = 10) -> None:
    """Waits for something that nobody tells of."""
    async with asyncio.timeout(seconds):
        while not predicate():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


class Lines(logging.Handler):
    """The log lines, as an operator gets them: JSON, parsed again."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(log.JsonFormatter())
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def add_call(self, line: bytes) -> None:
        self.texts.append(line.decode().removesuffix("\n"))

    def of(self, request_id: str) -> list[dict[str, Any]]:
        lines = [json.loads(text) for text in self.texts]
        return [line for line in lines if line.get("request_id") == request_id]

    async def one(self, request_id: str) -> dict[str, Any]:
        """The only line of a call; waits for it."""
        await until(lambda: self.of(request_id))
        (line,) = self.of(request_id)
        return line


@contextmanager
def call_lines() -> Iterator[Lines]:
    """What the service says meanwhile."""
    lines = Lines()
    before, log.calls.write = log.calls.write, lines.add_call
    level = log.service.level
    log.service.addHandler(lines)
    log.service.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        log.calls.write = before
        log.service.removeHandler(lines)
        log.service.setLevel(level)
