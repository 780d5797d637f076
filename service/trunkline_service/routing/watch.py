"""The limits of time that bind an attempt.

An attempt is always in a stage (connecting, waiting for the first event, between events, handing events to the
caller), and each stage may last only so long; above all is the deadline. A stage changes twice for every network
read, so changing it costs two assignments: one timer looks at them when it fires, and is only set anew when it would
fire too late.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType

from trunkline.v1 import error_reason_pb2
from trunkline_service.errors import GatewayError

WRITE = "write"


class Watch:
    """`async with Watch(deadline) as watch`, in the task that does the work.

    Raises on exit, in place of the cancellation that it caused:
        GatewayError: DEADLINE_EXCEEDED, SLOW_CONSUMER or UPSTREAM_TIMEOUT; the metadata's `stage` says where.
    """

    def __init__(self, deadline: float, attempt_ends: float = math.inf) -> None:
        """Both are times of the running loop's clock: the call's deadline, and when the attempt must be over."""
        self._loop = asyncio.get_running_loop()
        self._call_ends = deadline
        self._deadline = deadline = min(deadline, attempt_ends)
        self._timeout = asyncio.timeout_at(None)
        self._stage = ""
        self._expires = deadline
        self._armed = deadline
        self._timer: asyncio.TimerHandle | None = None
        self._error: GatewayError | None = None

    async def __aenter__(self) -> Watch:
        await self._timeout.__aenter__()
        self._arm(self._deadline)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            assert self._error is not None  # noqa: S101 - nothing else sets the timeout
            raise self._error from None

    def stage(self, name: str, limit: float) -> None:
        """The attempt enters a stage, which may last `limit` seconds."""
        self._stage = name
        self._expires = expires = self._loop.time() + limit
        if expires < self._armed:
            self._arm(expires)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = min(when, self._deadline)
        self._timer = self._loop.call_at(self._armed, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        if now < self._deadline and now < self._expires:
            self._arm(self._expires)
            return
        # Said now: the attempt may enter another stage before the cancellation reaches it.
        self._error = self._reached(now)
        self._timeout.reschedule(now)

    def _reached(self, now: float) -> GatewayError:
        if now >= self._call_ends:
            return GatewayError(
                error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED,
                "the call's deadline passed",
                metadata={"stage": self._stage},
            )
        if now >= self._deadline:
            return GatewayError(
                error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT,
                "the attempt took longer than its route allows",
                metadata={"stage": self._stage},
            )
        if self._stage == WRITE:
            return GatewayError(
                error_reason_pb2.ERROR_REASON_SLOW_CONSUMER, "the caller did not read its stream for too long"
            )
        return GatewayError(
            error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT,
            _TEXTS.get(self._stage, "the provider took too long"),
            metadata={"stage": self._stage},
        )


_TEXTS = {
    "first_event": "the provider did not begin to answer in time",
    "idle": "the provider fell silent in the middle of its answer",
}
