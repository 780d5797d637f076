"""The configuration in force, and those before it that calls in flight still hold.

A reload makes a new router. Providers whose settings are the same go over to it with their connections and with what is
remembered of their targets; the others close once the last call that began with them has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from trunkline_service.config import ProviderSettings, Settings
from trunkline_service.routing.endpoint import Endpoint
from trunkline_service.routing.router import Router, Tallies

MakeEndpoint = Callable[[ProviderSettings], Endpoint]


class Generations:
    """One router after the other: `current` is the one for new calls, and `number` counts them from 1."""

    def __init__(self, current: Router, make_endpoint: MakeEndpoint, tallies: Tallies) -> None:
        self._make = make_endpoint
        self._tallies = tallies
        self._leaving: set[asyncio.Task[None]] = set()
        self.current = current
        self.number = 1
        self.loaded = datetime.now(UTC)

    @classmethod
    async def begin(cls, settings: Settings, make_endpoint: MakeEndpoint) -> Generations:
        """The first one, in the loop that calls run in. Raises `StartupError` if a provider cannot be made."""
        tallies: Tallies = {}
        endpoints = await _made(settings, {}, make_endpoint)
        return cls(Router(settings, endpoints, tallies), make_endpoint, tallies)

    async def replace(self, settings: Settings) -> None:
        """Puts new settings in force. Raises `StartupError`, and has then changed nothing."""
        before = self.current
        endpoints = await _made(settings, before.endpoints, self._make)
        self.current = Router(settings, endpoints, self._tallies)
        self.number += 1
        self.loaded = datetime.now(UTC)
        kept = {id(endpoint) for endpoint in endpoints.values()}
        gone = [endpoint for endpoint in before.endpoints.values() if id(endpoint) not in kept]
        task = asyncio.create_task(_close_after(before, set(self._leaving), gone))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Closes every connection to every provider, those of calls that are still under way, too."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self.current.close()


async def _made(settings: Settings, known: Mapping[str, Endpoint], make: MakeEndpoint) -> dict[str, Endpoint]:
    """The endpoints of the settings: those that are known, if they are the same, and new ones."""
    endpoints: dict[str, Endpoint] = {}
    new: list[Endpoint] = []
    try:
        for name, each in settings.providers.items():
            endpoint = known.get(name)
            if endpoint is None or endpoint.settings != each:
                endpoint = make(each)
                new.append(endpoint)
            endpoints[name] = endpoint
    except BaseException:
        for endpoint in new:
            await endpoint.close()
        raise
    return endpoints


async def _close_after(router: Router, earlier: set[asyncio.Task[None]], gone: list[Endpoint]) -> None:
    """Closes what a router has and its successor has not, once its last call has ended, or this is cancelled.

    Routers before it may have had the same: each of `earlier` ends with the last call of one of them.
    """
    try:
        await router.unused()
        if earlier:
            await asyncio.wait(earlier)
    finally:
        for endpoint in gone:
            await endpoint.close()
