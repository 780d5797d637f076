"""Work on large or on many messages, done so that it holds up nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from google.protobuf.message import Message

# Checking or encoding so much takes some milliseconds at most, whatever it is made of.
HEAVY_BYTES = 64 * 1024
# How long one call works at small things before the others have their turn.
TURN_SECONDS = 0.005

M = TypeVar("M", bound=Message | bytes)
P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(function: Callable[Concatenate[M, P], T], message: M, *arguments: P.args, **options: P.kwargs) -> T:
    """Returns what `function` makes of the message: at once, or in a thread if the message is so large that other calls
    would have to wait for it. Cancelled, it does not wait for the thread.
    """
    size = len(message) if isinstance(message, bytes) else message.ByteSize()
    if size < HEAVY_BYTES:
        return function(message, *arguments, **options)
    return await asyncio.to_thread(function, message, *arguments, **options)


class Turns:
    """For many small pieces of work in a row: `await turns.next()` after each lets other calls go on, now and then."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    async def next(self) -> None:
        """Lets others go on, if this one has worked for `TURN_SECONDS`."""
        if time.monotonic() - self._began > TURN_SECONDS:
            await asyncio.sleep(0)
            self._began = time.monotonic()
