"""Events held back for a while, for callers that would rather have fewer messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

from trunkline.v1.chat_service_pb2 import ChatEvent

Write = Callable[[Sequence[ChatEvent]], Awaitable[None]]


class Batcher:
    """Passes events on `delay` seconds after the first that waits, and what is left when the stream ends."""

    def __init__(self, write: Write, delay: float) -> None:
        self._write = write
        self._delay = delay
        self._held: list[ChatEvent] = []
        self._flushing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Batcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        timer = self._timer
        if timer is not None:
            timer.cancel()
        # What came before an error is a valid part of the answer. After a cancellation nobody reads it.
        if error is None or isinstance(error, Exception):
            await self._flush()

    async def add(self, events: Sequence[ChatEvent]) -> None:
        """Takes the events of one network read."""
        self._held += events
        if self._timer is not None and self._timer.done():
            self._timer.result()
            self._timer = None
        if self._timer is None:
            self._timer = asyncio.create_task(self._flush_later())

    async def _flush_later(self) -> None:
        await asyncio.sleep(self._delay)
        await self._flush()

    async def _flush(self) -> None:
        async with self._flushing:
            events, self._held = self._held, []
            if events:
                await self._write(events)
