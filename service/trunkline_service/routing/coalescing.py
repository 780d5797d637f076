"""Identical calls in flight share one: each gets all of its events, keeps its own deadline, and may leave.

The shared call belongs to none of them. It ends with the last one that waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from trunkline.v1 import chat_input_pb2, route_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError, forget_frames
from trunkline_service.routing.attempt import Sink
from trunkline_service.routing.execution import Execution
from trunkline_service.routing.router import Router
from trunkline_service.routing.watch import WRITE, Watch

# Of a longer answer, the beginning is not kept: nobody can join it any more.
MAX_KEPT_BYTES = 4 * 2**20

Key: TypeAlias = tuple[bytes, int, bool, bool]
Begin: TypeAlias = Callable[[Sink], Execution[None]]


def key_of(
    chat_input: chat_input_pb2.ChatInput,
    routing: route_pb2.RoutingOptions,
    router: Router,
    *,
    may_restart: bool,
    stream: bool,
) -> Key:
    """What calls that share one have in common: the whole request, with the caller's key, the configuration, and how
    it is answered. `stream` says so where the route looks at it.
    """
    digest = hashlib.blake2b(digest_size=32)
    for message in (chat_input, routing):
        data = message.SerializeToString(deterministic=True)
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.digest(), id(router), may_restart, stream


class Coalescer:
    """The shared calls of a service."""

    def __init__(self) -> None:
        self._open: dict[Key, Shared] = {}

    def join(self, key: Key, begin: Begin) -> Shared:
        """The call in flight that has this key, or else the one that `begin` makes."""
        shared = self._open.get(key)
        if shared is None:
            shared = self._open[key] = Shared(begin, lambda: self._open.pop(key, None))
        return shared


class Shared:
    """A call that several callers wait for: what `execution` gives to its sink goes to all of them."""

    def __init__(self, begin: Begin, closed: Callable[[], object]) -> None:
        """`closed` is called as soon as nobody can join any more."""
        self._kept: deque[Sequence[ChatEvent]] = deque()
        # How many came before those that are kept.
        self._gone = 0
        self._bytes = 0
        self._news = asyncio.Event()
        self._places: dict[object, int] = {}
        self._joined = 0
        self._is_open = True
        self._is_over = False
        self._error: Exception | None = None
        self._closed = closed
        self.execution = begin(self._take)
        self._task = asyncio.create_task(self._run())

    async def follow(self, sink: Sink, deadline: float, slow_consumer: float) -> None:
        """Gives all events of the call to `sink`, from the first one on.

        Raises:
            GatewayError: what the call ended with, or DEADLINE_EXCEEDED or SLOW_CONSUMER, which are the caller's own.
        """
        me = object()
        self._places[me] = 0
        self._joined += 1
        try:
            with Watch(deadline) as watch:
                while True:
                    while self._places[me] - self._gone < len(self._kept):
                        events = self._kept[self._places[me] - self._gone]
                        self._places[me] += 1
                        watch.stage(WRITE, slow_consumer)
                        await sink(self._marked(events))
                    self._trim()
                    if self._is_over:
                        break
                    watch.stage("idle" if self._places[me] else "first_event", math.inf)
                    await self._news.wait()
            if self._error is not None:
                raise self._error.again() if isinstance(self._error, GatewayError) else self._error
        finally:
            del self._places[me]
            if not self._places and not self._is_over:
                self._close()
                self._task.cancel()
                await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            await self.execution.run()
        except Exception as error:
            forget_frames(error)
            self._error = error
        finally:
            self._is_over = True
            self._close()
            self._tell()

    async def _take(self, events: Sequence[ChatEvent]) -> None:
        # Whoever made them goes on with the list.
        self._kept.append(list(events))
        self._bytes += sum(event.ByteSize() for event in events)
        if self._bytes > MAX_KEPT_BYTES:
            self._close()
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _trim(self) -> None:
        """Lets go of what nobody needs any more."""
        if not self._is_open:
            least = min(self._places.values())
            while self._gone < least:
                self._kept.popleft()
                self._gone += 1

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._closed()

    def _marked(self, events: Sequence[ChatEvent]) -> Sequence[ChatEvent]:
        """The events as one of several callers gets them: the completion says that it is shared."""
        if self._joined < 2 or not events[-1].HasField("completion"):
            return events
        last = ChatEvent()
        last.CopyFrom(events[-1])
        last.completion.route_report.coalesced = True
        return [*events[:-1], last]
