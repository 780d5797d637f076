"""The policies of a target, as numbers: what a route says on the way down to it, and the defaults for the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from google.protobuf.duration_pb2 import Duration

from trunkline.v1 import chat_input_pb2, error_reason_pb2, route_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError
from trunkline_service.routing.layers import inherited

Reasons = frozenset[ErrorReason.ValueType]

# What may pass by itself.
PASSING: Reasons = frozenset(
    {
        error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED,
        error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT,
        error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR,
        error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED,
        error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE,
        error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
    }
)
# What another target may do better. (All connections to one provider being in use is GATEWAY_OVERLOADED.)
LEADING_ON: Reasons = PASSING | {
    error_reason_pb2.ERROR_REASON_GATEWAY_OVERLOADED,
    error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
    error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
    error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND,
    error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED,
    error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED,
    error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt gave no answer, as policies look at it.

    `reason` is the cause, also of an answer that broke off; `status` is the HTTP status, 0 if there was none.
    """

    error: GatewayError
    reason: ErrorReason.ValueType
    status: int = 0
    refused: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether the same call may work later, as its status will say."""
        if self.error.retryable is not None:
            return self.error.retryable
        return self.error.reason in PASSING or self.error.reason == error_reason_pb2.ERROR_REASON_GATEWAY_OVERLOADED

    @property
    def retry_after(self) -> float | None:
        """How long the provider asks to wait, in seconds."""
        return self.error.retry_after


def failure(error: GatewayError, status: int) -> Failure:
    """The failure that an attempt's error stands for."""
    reason = error.reason
    if reason == error_reason_pb2.ERROR_REASON_STREAM_INTERRUPTED:
        reason = ErrorReason.Value(error.metadata.get("cause", "ERROR_REASON_UPSTREAM_ERROR"))
    # What is asked before the attempt itself - the model's maximum - fails with a status of its own.
    return Failure(error, reason, status or int(error.metadata.get("upstream_status") or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """See `RetryPolicy`. Times are in seconds."""

    max_attempts: int = 3
    initial_backoff: float = 0.5
    max_backoff: float = 8.0
    max_retry_after: float = 30.0
    reasons: Reasons = PASSING
    upstream_statuses: frozenset[int] = frozenset()

    def covers(self, failure: Failure) -> bool:
        """Whether the same target may be asked again after this."""
        if failure.refused or failure.error.retryable is False:
            return False
        if self.upstream_statuses and failure.status not in (0, 200):
            return failure.status in self.upstream_statuses
        return failure.reason in self.reasons or failure.error.retryable is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """See `HedgePolicy`. `delay` is in seconds, None where the target's own `percentile` (0 to 1) decides."""

    delay: float | None = None
    percentile: float = 0.95
    max_share: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """See `FailoverPolicy`."""

    reasons: Reasons = LEADING_ON
    upstream_statuses: frozenset[int] = frozenset()
    on_refusal: bool = False

    def covers(self, failure: Failure) -> bool:
        """Whether another target is to be asked after this."""
        if failure.refused or failure.reason == error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED:
            return self.on_refusal or failure.reason in self.reasons
        if self.upstream_statuses and failure.status not in (0, 200):
            return failure.status in self.upstream_statuses
        return failure.reason in self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """See `CircuitBreaker`. `failure_rate` is a share, 0 to 1; times are in seconds.

    `max_ejection` is low enough that a target that is back after long is soon found to be. Waiting as long again as it
    was gone saves a handful of requests. `max_asked` is the longest retry-after that counts.
    """

    consecutive_failures: int = 5
    failure_rate: float = 0.5
    min_calls: int = 20
    window: float = 30.0
    ejection: float = 5.0
    max_ejection: float = 60.0
    max_asked: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """See `Timeouts`. In seconds; None is what the provider's configuration says, or no limit."""

    connect: float | None = None
    first_event: float | None = None
    idle: float | None = None
    attempt: float | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All that holds for a target."""

    retry: Retry | None = None
    hedge: Hedge | None = None
    failover: Failover = field(default_factory=Failover)
    breaker: Breaker = field(default_factory=Breaker)
    timeouts: Limits = UNLIMITED


DEFAULTS = Policies()
"""What holds where no route says anything."""

PolicyName = Literal["retry", "timeouts", "hedge", "failover", "circuit_breaker"]
NAMES: tuple[PolicyName, ...] = ("retry", "timeouts", "hedge", "failover", "circuit_breaker")


@dataclass(frozen=True, slots=True)
class Inherited:
    """What holds below a point of a route: its policies, as fields of a route, and what is laid over the request."""

    route: route_pb2.Route
    overrides: chat_input_pb2.ChatInput | None = None

    def below(self, lower: route_pb2.Route) -> Inherited:
        """What holds below `lower`, which is itself below this point."""
        merged = route_pb2.Route()
        for name in NAMES:
            if self.route.HasField(name) or lower.HasField(name):
                getattr(merged, name).CopyFrom(inherited(getattr(self.route, name), getattr(lower, name)))
        overrides = self.overrides
        if lower.HasField("overrides"):
            overrides = lower.overrides if overrides is None else inherited(overrides, lower.overrides)
        return Inherited(merged, overrides)


TOP = Inherited(route_pb2.Route())


def policies(route: route_pb2.Route) -> Policies:
    """The numbers of a route's policies; what it does not set has its default."""
    if not any(route.HasField(name) for name in NAMES):
        return DEFAULTS
    return Policies(
        retry=_retry(route.retry) if route.HasField("retry") else None,
        hedge=_hedge(route.hedge) if route.HasField("hedge") else None,
        failover=_failover(route.failover),
        breaker=_breaker(route.circuit_breaker),
        timeouts=_limits(route.timeouts),
    )


def _retry(policy: route_pb2.RetryPolicy) -> Retry:
    names = ("max_attempts", "initial_backoff", "max_backoff", "max_retry_after")
    return Retry(**_given(policy, *names), **_conditions(policy))


def _failover(policy: route_pb2.FailoverPolicy) -> Failover:
    return Failover(**_given(policy, "on_refusal"), **_conditions(policy))


def _limits(policy: route_pb2.Timeouts) -> Limits:
    return Limits(**given) if (given := _given(policy, "connect", "first_event", "idle", "attempt")) else UNLIMITED


def _hedge(policy: route_pb2.HedgePolicy) -> Hedge:
    values = _given(policy, "delay", "percentile", "max_share")
    for name in ("percentile", "max_share"):
        if name in values:
            values[name] /= 100
    return Hedge(**values)


def _breaker(policy: route_pb2.CircuitBreaker) -> Breaker:
    names = ("consecutive_failures", "failure_rate", "min_calls", "window", "ejection", "max_ejection")
    values = _given(policy, *names)
    if "failure_rate" in values:
        values["failure_rate"] /= 100
    if "max_ejection" in values:
        values["max_asked"] = values["max_ejection"]
    return Breaker(**values)


def _conditions(policy: route_pb2.RetryPolicy | route_pb2.FailoverPolicy) -> dict[str, Any]:
    names = ("reasons", "upstream_statuses")
    return {name: frozenset(getattr(policy, name)) for name in names if getattr(policy, name)}


def _given(message: Any, *names: str) -> dict[str, Any]:
    """The fields that are set, durations in seconds."""
    values = {}
    for name in names:
        if message.HasField(name):
            value = getattr(message, name)
            values[name] = value.ToNanoseconds() / 1e9 if isinstance(value, Duration) else value
    return values
