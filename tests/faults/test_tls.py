"""The same over TLS, where a connection has more to it that could linger."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from faults.caller import WAYS, Caller, Way
from faults.rig import image, promptly, rig, until
from support import calls
from support.timing import in_time, timely
from support.tls import CERTIFICATE, PRIVATE_KEY
from trunkline_service.simulator import Simulator

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    (tmp_path / "certificate.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(PRIVATE_KEY)
    return tmp_path / "certificate.pem"


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@asynccontextmanager
async def over_tls(serve: Serve, certificate: Path) -> AsyncIterator[str]:
    """A base URL where `serve` has each connection."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    serving: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving)


@pytest_asyncio.fixture
async def url(sim: Simulator, certificate: Path, trusted: None) -> AsyncIterator[str]:
    """The simulator's, over TLS."""
    host, _, port = sim.url.removeprefix("http://").rpartition(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(port))

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()

        both = [asyncio.create_task(copy(reader, forth)), asyncio.create_task(copy(back, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            forth.transport.abort()
            for task in both:
                task.cancel()
            await asyncio.wait(both)

    async with over_tls(pass_on, certificate) as address:
        yield address


@pytest.mark.parametrize("model", ["silence", "stall", "paced-n1000-g20"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_caller_that_goes_away(sim: Simulator, url: str, way: Way, model: str) -> None:
    async def attempt() -> float:
        sim.clear()
        async with rig(url) as r:
            caller = Caller(r, "stream", calls.chat_input(f"up/{model}"), way)
            await until(lambda: sim.calls and sim.calls[0].json is not None)
            await asyncio.sleep(0.02)
            left = await caller.leave()
            await until(lambda: sim.calls[0].outcome == "hung_up")
            await caller.end()
            await until(lambda: r.sockets() == 0)
            await r.serves()
            return (sim.calls[0].hung_up_at or 0) - left

    await promptly(attempt)


@timely
async def test_a_caller_that_goes_away_while_its_request_is_sent(certificate: Path, trusted: None) -> None:
    async def never_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async with over_tls(never_reads, certificate) as address, rig(address) as r:
        caller = Caller(r, "stream", calls.chat_input("up/m", calls.user("What is this?", image(20))))
        await until(lambda: r.sockets() == 1)
        await asyncio.sleep(0.5)
        assert r.sockets() == 1
        left = await caller.leave()
        await until(lambda: r.sockets() == 0)
        # Counting them takes its time.
        in_time(left, 0.5)
        await caller.end()


async def test_connections_are_used_again(sim: Simulator, url: str) -> None:
    async with rig(url) as r:
        for _ in range(3):
            await calls.events_of(r.stub, calls.stream_request("up/text"))
            await r.stub.Chat(calls.request("up/text"), timeout=5)
        assert r.sockets() == 1


async def test_a_certificate_that_is_not_trusted(certificate: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("nothing may be sent there")

    async with over_tls(serve, certificate) as address, rig(address) as r:
        failure = await calls.chat_failure(r.stub, calls.request("up/m"))
        assert failure.reason == "UPSTREAM_UNREACHABLE"
        assert failure.info.metadata["stage"] == "connect"
