import os
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from clients.both import AnyClient, make
from clients.scripted import ScriptedServer
from clients.serve import World, world

Make: TypeAlias = Callable[..., AnyClient]


@pytest_asyncio.fixture(scope="session")
async def running() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
def server(running: ScriptedServer) -> ScriptedServer:
    running.clear()
    return running


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which client; tests that take this or `client` run once with each."""
    return str(request.param)


@pytest_asyncio.fixture
async def client(kind: str, server: ScriptedServer) -> AsyncIterator[AnyClient]:
    client = make(kind, server.address, model="m")
    yield client
    await client.close()


@pytest_asyncio.fixture(scope="session")
async def servers() -> AsyncIterator[World]:
    """What the suite of all languages runs against: what `make test-clients` has started, or else its own."""
    if running := World.of_environment(os.environ):
        yield running
    else:
        async with world() as started:
            yield started


@pytest_asyncio.fixture
async def client_of(kind: str) -> AsyncIterator[Make]:
    """Makes clients, and closes them."""
    made: list[AnyClient] = []

    def client(*args: Any, **settings: Any) -> AnyClient:
        made.append(make(kind, *args, **{"timeout": 30, **settings}))
        return made[-1]

    yield client
    for each in made:
        await each.close()
