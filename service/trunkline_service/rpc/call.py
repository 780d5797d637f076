"""A call in flight: its id, its deadline, and what the log will say about it."""

from __future__ import annotations

import asyncio
import random
import time
from contextvars import ContextVar
from typing import Any

import grpc

from trunkline.v1 import error_reason_pb2, route_pb2
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.execution import Execution
from trunkline_service.routing.router import Router

REQUEST_ID = "x-request-id"
MAX_REQUEST_ID = 64
# What is kept back of the caller's time, so that our error arrives before its own clock runs out.
RESERVE_SECONDS = 0.25
RESERVE_SHARE = 0.1


class Call:
    """Made by the edge for each call; servicers find theirs with `current_call`."""

    def __init__(self, method: str, context: grpc.aio.ServicerContext[Any, Any], router: Router) -> None:
        """`router` is that of the configuration in force as the call begins: it stays the call's to its end."""
        self.method = method
        self.router = router
        self.context = context
        self.request_id = _request_id(context)
        self.attempt: Attempt | None = None
        self.execution: Execution[Any] | None = None
        # Not to be asked for once the caller has gone.
        self._peer = context.peer()
        self._began = time.monotonic()

    def deadline(self) -> float:
        """When the answer must be there, on the running loop's clock: the caller's deadline, or else the default."""
        limits = self.router.limits
        remaining = self.context.time_remaining()
        # None without a deadline, whatever the type hint says.
        remaining = min(limits.default_deadline if remaining is None else remaining, limits.max_deadline)
        return asyncio.get_running_loop().time() + remaining - min(RESERVE_SECONDS, remaining * RESERVE_SHARE)

    def facts(self, code: str, reason: str) -> dict[str, Any]:
        """What the log says about the call: no texts, and nothing of its content."""
        facts: dict[str, Any] = {
            "request_id": self.request_id,
            "method": self.method,
            "code": code,
            "reason": reason,
            "duration_ms": round((time.monotonic() - self._began) * 1000, 1),
            "peer": self._peer,
        }
        attempt = self.attempt
        if self.execution is not None and self.execution.attempts:
            attempts = self.execution.attempts
            attempt = attempts[-1]
            if self.execution.route_name:
                facts["route"] = self.execution.route_name
            if len(attempts) > 1:
                facts["attempts"] = [_attempt_facts(each.report) for each in attempts]
            if self.execution.restarts:
                facts["restarts"] = self.execution.restarts
        if attempt is not None:
            report = attempt.report
            facts["provider"] = report.provider
            facts["model"] = report.model
            facts["upstream_status"] = report.upstream_status
            facts["upstream_request_id"] = report.upstream_request_id
            facts["events"] = attempt.events_sent
            if attempt.first_event:
                facts["first_event_ms"] = round(attempt.first_event * 1000, 1)
        if self.execution is not None and (completion := self.execution.completion) is not None:
            facts["finish_reason"] = completion.provider_finish_reason
            facts["input_tokens"] = completion.usage.input_total
            facts["output_tokens"] = completion.usage.output_total
            if completion.HasField("cost"):
                facts["cost_nano_usd"] = completion.cost.total_nano_usd
        return facts


def _attempt_facts(attempt: route_pb2.Attempt) -> str:
    """One attempt among several, in a word: who, and what became of it."""
    outcome = route_pb2.AttemptOutcome.Name(attempt.outcome).removeprefix("ATTEMPT_OUTCOME_").lower()
    reason = error_reason_pb2.ErrorReason.Name(attempt.reason).removeprefix("ERROR_REASON_") if attempt.reason else ""
    return ":".join(filter(None, (f"{attempt.provider}/{attempt.model}", outcome, reason)))


# Its own: whoever seeds the common one would get the same ids again.
_ids = random.Random()
_current: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """The call that the running handler serves."""
    return _current.get()


def begin(method: str, context: grpc.aio.ServicerContext[Any, Any], router: Router) -> Call:
    """Makes the call that the running handler serves."""
    call = Call(method, context, router)
    _current.set(call)
    return call


def _request_id(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID and isinstance(value, str) and _is_request_id(value):
            return value
    return f"{_ids.getrandbits(128):032x}"


def _is_request_id(value: str) -> bool:
    return 0 < len(value) <= MAX_REQUEST_ID and value.isascii() and value.isprintable()
