"""A gateway that has every home, all of them in one simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from matrix.homes import HOMES, Home
from support.calls import Stub
from trunkline.v1 import batch_service_pb2_grpc, chat_service_pb2_grpc, embedding_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import Settings
from trunkline_service.simulator import ReceivedCall, Simulator


@dataclass
class Rig:
    """The gateway's stubs, and the simulator behind."""

    stub: Stub
    embeddings: embedding_service_pb2_grpc.EmbeddingServiceStub
    batches: batch_service_pb2_grpc.BatchServiceStub
    simulator: Simulator

    def last(self) -> ReceivedCall:
        """The last request for an answer or a count."""
        return next(call for call in reversed(self.simulator.calls) if call.method == "POST")


@asynccontextmanager
async def rig(silence: float = 5.0, homes: Sequence[Home] = HOMES) -> AsyncIterator[Rig]:
    async with Simulator() as simulator:
        settings = Settings(
            listen="127.0.0.1:0", providers={home.name: home.settings(simulator.url, silence) for home in homes}
        )
        async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
            yield Rig(
                stub=chat_service_pb2_grpc.ChatServiceStub(channel),  # type: ignore[arg-type]
                embeddings=embedding_service_pb2_grpc.EmbeddingServiceStub(channel),
                batches=batch_service_pb2_grpc.BatchServiceStub(channel),
                simulator=simulator,
            )
