"""Tests of how long things take, on machines that have other things to do.

What is wrong with our code is late at every try; what else the machine does, at some.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec

import grpc

from support.calls import Failure

TRIES = 8

P = ParamSpec("P")


class Late(AssertionError):
    """Something came later than it may."""


def timely(test: Callable[P, Awaitable[None]]) -> Callable[P, Coroutine[Any, Any, None]]:
    """Has a test run again while it is `Late`, up to `TRIES` times. Whatever else fails, fails at once."""

    @functools.wraps(test)
    async def tried(*arguments: P.args, **options: P.kwargs) -> None:
        for _ in range(TRIES - 1):
            with contextlib.suppress(Late):
                return await test(*arguments, **options)
        return await test(*arguments, **options)

    return tried


def in_time(began: float, seconds: float) -> None:
    """Raises `Late` if `seconds` have passed since `began`, of `time.monotonic()`."""
    if (took := time.monotonic() - began) >= seconds:
        raise Late(f"took {took:.3f} s, and may take {seconds:g} s")


def ours(failure: Failure) -> Failure:
    """A call whose deadline passed, as the gateway says it. Raises `Late` if the caller's own clock was first: it is
    ahead by a tenth of the time, and a quarter of a second at most.
    """
    if failure.code is grpc.StatusCode.DEADLINE_EXCEEDED and not failure.status:
        raise Late("the gateway's own answer came after the deadline")
    return failure
