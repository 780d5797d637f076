"""What is fetched from outside, lives for a while, and has to be fetched again: tokens and temporary keys.

The libraries that fetch them block, so that is done in a thread. However many calls need the same value, it is fetched
once, and before it expires; a call that is cancelled meanwhile takes nothing away from the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError

T = TypeVar("T")

# After a failure, a value that is still good is not fetched anew for every call.
PAUSE_SECONDS = 10.0


class FetchFailed(Exception):
    """There is no value, and why, in a sentence of ours: the caller of the gateway gets to see it."""

    def __init__(self, reason: ErrorReason.ValueType, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def rejected(message: str) -> FetchFailed:
    """Somebody has to do something: trying again does not help."""
    return FetchFailed(error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED, message)


def unreachable(message: str) -> FetchFailed:
    """It may work next time."""
    return FetchFailed(error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE, message)


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """A value, after how many seconds it should be fetched again, and after how many it is of no more use."""

    value: T
    fresh_for: float
    good_for: float


class Renewed(Generic[T]):
    """A value that `fetch` gets anew in a thread whenever it gets old."""

    def __init__(self, fetch: Callable[[], Fetched[T]]) -> None:
        """`fetch` may block, but not for ever, and raises `FetchFailed`."""
        self._fetch = fetch
        self._held: Fetched[T] | None = None
        self._held_since = 0.0
        self._not_before = 0.0
        self._fetching: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The value, fetched first if need be.

        Raises:
            GatewayError: as `FetchFailed` said.
        """
        now = asyncio.get_running_loop().time()
        held, age = self._held, now - self._held_since
        if held is not None and age < held.fresh_for:
            return held.value
        is_good = held is not None and age < held.good_for
        if self._fetching is None and not (is_good and now < self._not_before):
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(_heed)
        if held is not None and is_good:
            return held.value
        assert self._fetching is not None  # noqa: S101 - without a good value, it was started
        try:
            return await asyncio.shield(self._fetching)
        except FetchFailed as failed:
            # One for each call: what became of the call is noted in it.
            is_out_of_reach = failed.reason == error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE
            metadata = {"stage": "connect"} if is_out_of_reach else {}
            raise GatewayError(failed.reason, failed.message, metadata=metadata) from failed

    async def close(self) -> None:
        """Waits for nothing any more."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _renew(self) -> T:
        loop = asyncio.get_running_loop()
        try:
            fetched = await asyncio.to_thread(self._fetch)
        except FetchFailed:
            self._not_before = loop.time() + PAUSE_SECONDS
            raise
        finally:
            self._fetching = None
        self._held, self._held_since = fetched, loop.time()
        return fetched.value


def _heed(task: asyncio.Task[T]) -> None:
    """Takes note of a failure that nobody waits for."""
    if not task.cancelled():
        task.exception()
