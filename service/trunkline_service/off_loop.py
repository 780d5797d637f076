"""Work on a large message, done where it holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from google.protobuf.message import Message

# Checking or encoding so much takes some milliseconds at most, whatever it is made of.
HEAVY_BYTES = 64 * 1024

M = TypeVar("M", bound=Message)
P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(function: Callable[Concatenate[M, P], T], message: M, *arguments: P.args, **options: P.kwargs) -> T:
    """Returns what `function` makes of the message: at once, or in a thread if the message is so large that other calls
    would have to wait for it. Cancelled, it does not wait for the thread.
    """
    if message.ByteSize() < HEAVY_BYTES:
        return function(message, *arguments, **options)
    return await asyncio.to_thread(function, message, *arguments, **options)
