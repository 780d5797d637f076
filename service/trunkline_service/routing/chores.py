"""What is left to do at a provider when the call that made it necessary is over."""

from __future__ import annotations

import asyncio

from trunkline_service.errors import GatewayError
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.leg import Leg
from trunkline_service.telemetry import log
from trunkline_service.upstream.request import UpstreamRequest

# For one request, with connecting.
CHORE_SECONDS = 10.0
# At one provider at a time. A provider that is so far behind has other troubles.
MAX_CHORES = 100
# How long those that are under way when the gateway stops may still take.
LAST_SECONDS = 1.0


class Chores:
    """Requests that nobody waits for. Each is tried once, in `CHORE_SECONDS`; the log says which have failed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def begin(self, leg: Leg, request: UpstreamRequest, what: str) -> None:
        """Sends a request. `what` is for the log: "delete a file"."""
        if self._closed or len(self._tasks) >= MAX_CHORES:
            _failed(leg, what, "the gateway stops" if self._closed else f"there are {MAX_CHORES} others")
            return
        task = asyncio.create_task(_do(leg, request, what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Waits a little for those that are under way, and drops the rest."""
        self._closed = True
        tasks = set(self._tasks)
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=LAST_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _do(leg: Leg, request: UpstreamRequest, what: str) -> None:
    try:
        await Attempt(leg).fetch(request, asyncio.get_running_loop().time() + CHORE_SECONDS)
    except GatewayError as error:
        _failed(leg, what, error.reason_name)


def _failed(leg: Leg, what: str, why: str) -> None:
    log.service.warning("could not %s", what, extra={"facts": {"provider": leg.target.provider, "why": why}})
