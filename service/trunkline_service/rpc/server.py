"""The grpc.aio server: its options, health and reflection, and the way it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from trunkline.v1 import (
    batch_service_pb2,
    batch_service_pb2_grpc,
    chat_service_pb2,
    chat_service_pb2_grpc,
    embedding_service_pb2,
    embedding_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
)
from trunkline_service.config import Settings
from trunkline_service.errors import StartupError
from trunkline_service.routing.generations import Generations
from trunkline_service.rpc.batch import BatchServicer
from trunkline_service.rpc.chat import ChatServicer
from trunkline_service.rpc.edge import Edge
from trunkline_service.rpc.embedding import EmbeddingServicer
from trunkline_service.rpc.models import ModelServicer
from trunkline_service.rpc.tls import server_credentials

LINGER_SECONDS = 3.0
SERVICES = tuple(
    service.full_name
    for module in (batch_service_pb2, chat_service_pb2, embedding_service_pb2, model_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)

# A client that pings every 30 s while a model thinks is welcome.
MIN_PING_INTERVAL_MS = 15_000

# gRPC refuses what is too large for it without details and without a line in the log. Below this, requests come as far
# as the edge, which has both.
RECEIVED_TIMES = 2
MAX_RECEIVED_BYTES = 2**31 - 1

# How much of a request a client may send ahead. By default gRPC measures what the way takes, which costs a ping for
# nearly every request; this is enough for a way of a tenth of a second at some hundred megabits.
LOOKAHEAD_BYTES = 4 * 2**20

# Of calls that come at once, gRPC cancels some beyond the first thousand, without a word. Up to so many wait until the
# edge looks at them, which says why it refuses one.
MAX_WAITING_CALLS = 100_000


class Server:
    """Serves the contract at one address. `start`, then `stop`; not to be used again after that."""

    def __init__(self, settings: Settings, generations: Generations) -> None:
        self._settings = settings
        self._stopping: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._server = grpc.aio.server(options=_options(settings))
        self._edge = Edge(self._server, generations, settings.limits.max_message_bytes)
        chat = ChatServicer()
        chat_service_pb2_grpc.add_ChatServiceServicer_to_server(chat, self._edge)  # type: ignore[arg-type]
        embedding = EmbeddingServicer()
        embedding_service_pb2_grpc.add_EmbeddingServiceServicer_to_server(embedding, self._edge)  # type: ignore[arg-type]
        batch = BatchServicer()
        batch_service_pb2_grpc.add_BatchServiceServicer_to_server(batch, self._edge)  # type: ignore[arg-type]
        models = ModelServicer()
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, self._edge)  # type: ignore[arg-type]
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.reflection:
            names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    @property
    def calls_in_flight(self) -> int:
        """The calls that are being served."""
        return self._edge.in_flight

    async def start(self) -> str:
        """Begins to listen; returns the address, with the port that was chosen if it was 0.

        Raises:
            StartupError: the address cannot be listened at.
        """
        listen = self._settings.listen
        try:
            if self._settings.tls is not None:
                port = self._server.add_secure_port(listen, server_credentials(self._settings.tls))
            else:
                port = self._server.add_insecure_port(listen)
        except RuntimeError:
            port = 0
        if not port:
            msg = f"cannot listen at {listen}: the port is taken, or the address is not this machine's"
            if self._settings.tls is not None:
                msg += ", or the TLS certificate and its key do not belong together"
            raise StartupError(msg)
        await self._server.start()
        for name in ("", *SERVICES):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return f"{listen.rpartition(':')[0]}:{port}"

    async def stop(self, *, delay: float, grace: float) -> None:
        """Says that it is not serving, and after `delay` seconds takes no more calls; those in flight may go on for
        `grace` seconds. Called again or cancelled, it ends them at once.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(delay, grace))
        else:
            self._hurry.set()
        try:
            await asyncio.shield(self._stopping)
        except asyncio.CancelledError:
            self._hurry.set()
            await asyncio.shield(self._stopping)
            raise

    async def _stop(self, delay: float, grace: float) -> None:
        hurry = asyncio.create_task(self._hurry.wait())
        # Readiness goes first, and the calls that still come are served until callers have noticed.
        await self._health.enter_graceful_shutdown()
        await asyncio.wait((hurry,), timeout=delay)
        # From here on, calls are refused by the edge, with details. The server itself goes on: told to stop, it would
        # close connections that still have the end of an answer to send, and wait for health watchers, who stay.
        self._edge.draining = True
        if not self._edge.idle.is_set():
            idle = asyncio.create_task(self._edge.idle.wait())
            await asyncio.wait((idle, hurry), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
            if self._edge.idle.is_set():
                # The last bytes of the last call are on their way: gRPC does not tell when they have left.
                await asyncio.wait((hurry,), timeout=LINGER_SECONDS)
        hurry.cancel()
        await self._server.stop(0)


def _options(settings: Settings) -> Sequence[tuple[str, Any]]:
    size = settings.limits.max_message_bytes
    return (
        ("grpc.max_receive_message_length", min(RECEIVED_TIMES * size, MAX_RECEIVED_BYTES)),
        ("grpc.max_send_message_length", size),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
        ("grpc.server.max_pending_requests", MAX_WAITING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", MAX_WAITING_CALLS),
        # Without this, a second server at the same port succeeds in silence and takes half of the connections.
        ("grpc.so_reuseport", 0),
        # (The option that is often seen for this, grpc.http2.min_recv_ping_interval_without_data_ms, has no effect.)
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
        # Finds callers that are gone without a word, so that their calls stop costing.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    )
