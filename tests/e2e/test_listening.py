"""Where the service listens, and pings from those who are connected."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import grpc
import pytest

from e2e.gateways import Running, running
from support.calls import Stub, request, said
from trunkline_service.app import Gateway
from trunkline_service.config import Settings
from trunkline_service.errors import StartupError
from trunkline_service.rpc import server


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


async def test_a_port_that_is_taken(taken_port: int) -> None:
    with pytest.raises(StartupError, match=f"cannot listen at 127.0.0.1:{taken_port}"):
        await Gateway(Settings(listen=f"127.0.0.1:{taken_port}", simulator=True)).__aenter__()


async def test_a_port_that_another_gateway_has(gateway: Gateway, stub: Stub) -> None:
    """By default gRPC would share the port in silence, and take half of the connections."""
    with pytest.raises(StartupError, match="cannot listen"):
        await Gateway(Settings(listen=gateway.address, simulator=True)).__aenter__()
    await stub.Chat(request(), timeout=5)


async def test_an_address_that_is_not_this_machines() -> None:
    with pytest.raises(StartupError, match=r"cannot listen at 192\.0\.2\.1:1"):
        await Gateway(Settings(listen="192.0.2.1:1", simulator=True)).__aenter__()


async def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with running(listen="[::1]:0") as own:
        assert own.gateway.address.startswith("[::1]:")
        await own.stub.Chat(request(), timeout=5)


# Keep-alive.

# A client that pings every second while it waits: no client of gRPC's may do so more often.
PINGING = [
    ("grpc.keepalive_time_ms", 1000),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


@pytest.mark.slow
async def test_pings_while_a_model_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that pings every 30 s through a long silence is welcome, one that does so all the time is not.

    Scaled by 30, with what is allowed: 0.5 s for 15 s, and a ping a second for one in 30 s. By gRPC's own rule, which
    is one in 5 minutes, the third ping of a silence ends the connection.
    """
    assert server.MIN_PING_INTERVAL_MS == 15_000

    async def silent_call(own: Running) -> str:
        return said(await own.stub.Chat(request("simulator/slow-t6000"), timeout=20))

    async with contextlib.AsyncExitStack() as stack:
        strict = await stack.enter_async_context(running(options=PINGING))
        monkeypatch.setattr(server, "MIN_PING_INTERVAL_MS", 500)
        scaled = await stack.enter_async_context(running(options=PINGING))
        began = time.monotonic()
        answer, refused = await asyncio.gather(silent_call(scaled), silent_call(strict), return_exceptions=True)
        assert answer == "You said: Hello"
        assert isinstance(refused, grpc.aio.AioRpcError)
        assert (refused.code(), refused.details()) == (grpc.StatusCode.UNAVAILABLE, "Too many pings")
        assert time.monotonic() - began < 10
