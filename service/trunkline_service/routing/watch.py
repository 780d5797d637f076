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
    """`with Watch(deadline) as watch`, in the task that does the work.

    Raises on exit, in place of the cancellation that it caused:
        GatewayError: DEADLINE_EXCEEDED, SLOW_CONSUMER or UPSTREAM_TIMEOUT; the metadata's `stage` says where.
    """

    def __init__(
        self, deadline: float, attempt_ends: float = math.inf, *, stage: str = "", limit: float = math.inf
    ) -> None:
        """`deadline` is the call's, and `attempt_ends` is when the attempt must be over: times of the running loop's
        clock; `ends` is the earlier of them. It begins in `stage`, which may last `limit` seconds.
        """
        self._loop = asyncio.get_running_loop()
        self._call_ends = deadline
        self.ends = min(deadline, attempt_ends)
        self._stage = stage
        self._limit = limit
        self._error: GatewayError | None = None

    def __enter__(self) -> Watch:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only a task can be cancelled
        self._task = task
        # Whoever else cancels it is told apart from this by the count of cancellations, as in `asyncio.timeout`.
        self._cancelling = task.cancelling()
        self._expires = self._loop.time() + self._limit
        self._arm(self._expires)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._error is None:
            return
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._error from None

    def stage(self, name: str, limit: float) -> None:
        """The attempt enters a stage, which may last `limit` seconds."""
        self._stage = name
        self._expires = expires = self._loop.time() + limit
        if expires < self._armed:
            self._timer.cancel()
            self._arm(expires)

    def _arm(self, when: float) -> None:
        self._armed = min(when, self.ends)
        self._timer = self._loop.call_at(self._armed, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        if now < self.ends and now < self._expires:
            self._arm(self._expires)
            return
        # Said now: the attempt may enter another stage before the cancellation reaches it.
        self._error = self._reached(now)
        self._task.cancel()

    def _reached(self, now: float) -> GatewayError:
        if now >= self._call_ends:
            return GatewayError(
                error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED,
                "the call's deadline passed",
                metadata={"stage": self._stage},
            )
        if now >= self.ends:
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
