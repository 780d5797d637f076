from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from clients.both import AnyClient, make
from clients.scripted import ScriptedServer


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
