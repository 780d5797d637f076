import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from trunkline_service.simulator import Simulator


@pytest_asyncio.fixture(scope="session")
async def running() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    """A simulator, with an empty record of calls."""
    running.clear()
    return running


@pytest.fixture(autouse=True)
def no_bugs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever an upstream or a caller does, it is no reason for the gateway, asyncio or gRPC to log an error.

    A test that causes one on purpose clears `caplog`.
    """
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []
