"""Whoever stops listening stops the provider, at once; and cancellation stays what it is."""

import asyncio
import time

import pytest

from clients.both import AnyClient, make
from clients.events import begin, more, start
from clients.scripted import ScriptedServer
from trunkline import AsyncTrunkline, CallCancelledError, Trunkline

SOON = 0.1
"""Seconds until the server must know."""


class Stop(Exception):
    """Not an error of the client's."""


@pytest.fixture
def endless(server: ScriptedServer) -> ScriptedServer:
    """Begins an answer and then says nothing more."""
    server.script([start(), begin(0), more("a")], 30.0)
    return server


async def test_break(client: AnyClient, endless: ScriptedServer) -> None:
    async with client.stream("Hi") as stream:
        async for event in stream:
            if event.HasField("block_delta"):
                break
    assert await endless.seen.cancelled_by(SOON)
    assert stream.response.text == "a"
    with pytest.raises(CallCancelledError):
        await stream.final()


async def test_break_out_of_the_text(client: AnyClient, endless: ScriptedServer) -> None:
    async with client.stream("Hi") as stream:
        async for _ in stream.text:
            break
    assert await endless.seen.cancelled_by(SOON)


async def test_an_exception_inside(client: AnyClient, endless: ScriptedServer) -> None:
    async def read() -> None:
        async with client.stream("Hi") as stream:
            await anext(stream)
            raise Stop

    with pytest.raises(Stop):
        await read()
    assert await endless.seen.cancelled_by(SOON)


async def test_nothing_was_read(client: AnyClient, endless: ScriptedServer) -> None:
    async with client.stream("Hi"):
        await endless.arrived.wait()
    assert await endless.seen.cancelled_by(SOON)


async def test_stop_button(client: AnyClient, endless: ScriptedServer) -> None:
    """Cancelled from elsewhere: whoever waits gets an exception, for it was not they who were cancelled."""
    async with client.stream("Hi") as stream:
        await anext(stream.text)
        waiting = asyncio.create_task(stream.final())
        await asyncio.sleep(0.05)
        stream.cancel()
        with pytest.raises(CallCancelledError) as caught:
            await waiting
    assert caught.value.partial is not None
    assert caught.value.partial.text == "a"
    assert await endless.seen.cancelled_by(SOON)


@pytest.mark.parametrize("method", ["chat", "count_tokens", "stream"])
async def test_closing_the_client(kind: str, server: ScriptedServer, method: str) -> None:
    client = make(kind, server.address)
    server.script(30.0)

    async def call() -> None:
        if method == "stream":
            async with client.stream("Hi") as stream:
                await stream.final()
        else:
            await getattr(client, method)("Hi")

    waiting = asyncio.create_task(call())
    await server.arrived.wait()
    await client.close()
    with pytest.raises(CallCancelledError):
        await waiting
    assert await server.seen.cancelled_by(SOON)


@pytest.mark.parametrize("method", ["chat", "count_tokens", "next", "text", "final"])
async def test_a_cancelled_task(server: ScriptedServer, method: str) -> None:
    server.script(30.0)
    client = AsyncTrunkline(server.address)

    async def call() -> None:
        if method in ("chat", "count_tokens"):
            await getattr(client, method)("Hi")
            return
        async with client.stream("Hi") as stream:
            await {"next": lambda: anext(stream), "text": lambda: anext(stream.text), "final": stream.final}[method]()

    task = asyncio.create_task(call())
    await server.arrived.wait()
    task.cancel()
    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert time.monotonic() - begun < SOON
    assert await server.seen.cancelled_by(SOON)
    await client.close()


async def test_timeouts_of_asyncio(server: ScriptedServer) -> None:
    client = AsyncTrunkline(server.address)
    for call in (client.chat("Hi"), _final(client)):
        server.script(30.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await call
        assert await server.seen.cancelled_by(SOON)
    await client.close()


async def _final(client: AsyncTrunkline) -> None:
    async with client.stream("Hi") as stream:
        await stream.final()


async def test_an_interrupt_in_a_thread(endless: ScriptedServer) -> None:
    def read() -> BaseException:
        try:
            with Trunkline(endless.address) as client, client.stream("Hi") as stream:
                next(stream)
                raise KeyboardInterrupt
        except BaseException as error:
            return error

    assert isinstance(await asyncio.to_thread(read), KeyboardInterrupt)
    assert await endless.seen.cancelled_by(SOON)
