from collections.abc import AsyncIterator

import pytest_asyncio

from matrix.rig import Rig, rig


@pytest_asyncio.fixture(scope="session")
async def running() -> AsyncIterator[Rig]:
    async with rig() as found:
        yield found


@pytest_asyncio.fixture(scope="session")
async def impatient() -> AsyncIterator[Rig]:
    """One whose gateway does not bear silence."""
    async with rig(silence=0.25) as found:
        yield found
