from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from e2e.gateways import Running, running


@pytest_asyncio.fixture
async def own() -> AsyncIterator[Running]:
    """A gateway whose targets have no past."""
    async with running() as gateway:
        yield gateway
