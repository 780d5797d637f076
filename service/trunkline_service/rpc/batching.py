"""Events held back for a while, for callers that would rather have fewer messages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

from trunkline.v1 import error_reason_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError

Write = Callable[[Sequence[ChatEvent]], Awaitable[None]]


# More than this does not wait: a message stays far below what callers take.
MAX_HELD_BYTES = 256 * 1024
LAST_FLUSH_SECONDS = 1.0


# The caller's time is over, or it does not read: nothing more can be given to it.
_OUT_OF_TIME = (
    error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED,
    error_reason_pb2.ERROR_REASON_SLOW_CONSUMER,
)


class Batcher:
    """Passes events on `delay` seconds after the first that waits, and at once if they are the last, or many.

    So a caller that does not read holds up whoever adds, and what waits here stays small.
    """

    def __init__(self, write: Write, delay: float) -> None:
        self._write = write
        self._delay = delay
        self._held: list[ChatEvent] = []
        self._held_bytes = 0
        self._writing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Batcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        timer = self._timer
        try:
            # What came before an error is a valid part of the answer. After a cancellation nobody reads it.
            if error is None:
                await self._flush()
            elif isinstance(error, GatewayError) and error.reason not in _OUT_OF_TIME:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_FLUSH_SECONDS):
                        await self._flush()
        finally:
            if timer is not None:
                timer.cancel()
                await asyncio.wait((timer,))
        if timer is not None and not timer.cancelled() and (failed := timer.exception()) and error is None:
            raise failed

    async def add(self, events: Sequence[ChatEvent]) -> None:
        """Takes the events of one network read."""
        size = sum(event.ByteSize() for event in events)
        if self._held_bytes + size > MAX_HELD_BYTES:
            await self._flush()
        self._held += events
        self._held_bytes += size
        if size > MAX_HELD_BYTES or events[-1].HasField("completion"):
            await self._flush()
        elif self._timer is None or self._timer.done():
            if self._timer is not None:
                self._timer.result()
            self._timer = asyncio.create_task(self._flush_later())

    async def _flush_later(self) -> None:
        await asyncio.sleep(self._delay)
        await self._flush()

    async def _flush(self) -> None:
        async with self._writing:
            events, self._held, self._held_bytes = self._held, [], 0
            if events:
                await self._write(events)
