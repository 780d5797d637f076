from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from trunkline_service.simulator import Simulator


@pytest_asyncio.fixture(scope="session")
async def running() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    running.clear()
    return running


@pytest_asyncio.fixture
async def http(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"x-api-key": "sk-ant-test-key-1234", "anthropic-version": "2023-06-01"}
    # Trusting the environment would send loopback through a developer's proxy; certificates take long to load.
    async with httpx.AsyncClient(base_url=sim.url, headers=headers, timeout=5, trust_env=False, verify=False) as client:
        yield client
