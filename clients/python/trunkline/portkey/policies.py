"""Portkey's settings of patience as policies of routes."""

from __future__ import annotations

from typing import Final

from google.protobuf.duration_pb2 import Duration

from trunkline.portkey.reading import Place, Settings
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline.v1.route_pb2 import CircuitBreaker, RetryPolicy

# What the gateway takes.
_MAX_ATTEMPTS: Final = 10
_WEEK: Final = 7 * 24 * 3600 * 1000
# Portkey's own, if a config lists none.
_RETRIED: Final = (429, 500, 502, 503, 504)
USUAL_STATUSES: Final = (
    401,
    402,
    403,
    404,
    408,
    409,
    425,
    429,
    *(500, 501, 502, 503, 504, 520, 521, 522, 523, 524, 529),
)
"""Of failures that lead on unless a route says otherwise, the statuses that they come with: for where an upper list is
not to hold."""


def statuses(place: Place) -> list[int]:
    """A list of HTTP statuses, without those that no failure here has."""
    found = []
    for item in place.items():
        status = item.integer(0, 10**6)
        if status in (246, 446):
            item.dropped("is what guardrails answer with, which have no counterpart in routes")
        elif 300 <= status <= 599:
            found.append(status)
        else:
            item.dropped("is not the status of a failure: what succeeds is the answer")
    return list(dict.fromkeys(found))


def retry(place: Place, *, explicit: bool) -> RetryPolicy:
    """How often to ask again.

    `explicit` leaves nothing to what is inherited: a config's lower settings replace the upper ones as a whole.
    """
    settings = Settings(place)
    attempts = settings.take("attempts")
    listed = settings.take("on_status_codes")
    honours = [
        each for each in (settings.take("use_retry_after_header"), settings.take("use_retry_after_headers")) if each
    ]
    settings.close()
    retries = attempts.integer(0, 10**6) if attempts else 0
    policy = RetryPolicy(max_attempts=min(retries + 1, _MAX_ATTEMPTS))
    if attempts and retries + 1 > _MAX_ATTEMPTS:
        attempts.differs(f"a target is asked {_MAX_ATTEMPTS} times at most")
    if not retries:
        for each in (listed, *honours):
            if each:
                each.dropped("nothing is asked again, as attempts is not above 0")
        return policy
    place.differs(
        "the waits double as there, 1 s at first and 16 s at last, but each is a random part of that; and all retries"
        " together add no more than a tenth to what a target is asked"
    )
    policy.initial_backoff.CopyFrom(Duration(seconds=1))
    policy.max_backoff.CopyFrom(Duration(seconds=16))
    _when(policy, place, listed, explicit=explicit)
    _wait(policy, honours, explicit=explicit)
    return policy


def _when(policy: RetryPolicy, place: Place, listed: Place | None, *, explicit: bool) -> None:
    if listed is None:
        place.differs("what may pass is asked again, by its class: 529, 408 and timeouts, too, and never a spent quota")
        policy.upstream_statuses.extend(_RETRIED if explicit else ())
        return
    policy.upstream_statuses.extend(statuses(listed))
    if policy.upstream_statuses:
        listed.differs(
            "timeouts and connections that fail, which have no status here, are asked again whatever it says"
        )
    else:
        listed.differs("no status is asked again: only connections that fail")
        policy.reasons.append(ErrorReason.ERROR_REASON_UPSTREAM_UNREACHABLE)


def _wait(policy: RetryPolicy, honours: list[Place], *, explicit: bool) -> None:
    if any(each.boolean() for each in honours):
        policy.max_retry_after.CopyFrom(Duration(seconds=60))
        return
    for each in honours:
        each.differs("what a provider says about when to come back is always minded")
    if explicit:
        policy.max_retry_after.CopyFrom(Duration(seconds=30))


def milliseconds(place: Place) -> Duration | None:
    """A time; None if it is 0, which is none at all."""
    value = place.number()
    if value == 0:
        place.dropped("0 is no limit there: what the provider's configuration says holds")
        return None
    if not 1 <= value <= _WEEK:
        place.fail(f"expected 0, or milliseconds from 1 to {_WEEK}")
    duration = Duration()
    duration.FromMicroseconds(round(value * 1000))
    return duration


def circuit_breaker(place: Place) -> CircuitBreaker:
    """When to leave a target alone. What is not set does not count, as there."""
    settings = Settings(place)
    breaker = CircuitBreaker()
    if threshold := settings.take("failure_threshold"):
        breaker.consecutive_failures = threshold.integer(1, 1_000_000)
        threshold.differs("counts failures in a row")
    if share := settings.take("failure_threshold_percentage"):
        if not 0 < share.number() <= 100:
            share.fail("expected a number above 0, up to 100")
        breaker.failure_rate = share.number()
    if threshold or share:
        # Each has a default here.
        breaker.consecutive_failures = breaker.consecutive_failures if threshold else 0
        breaker.failure_rate = breaker.failure_rate if share else 0
    if least := settings.take("minimum_requests"):
        breaker.min_calls = least.integer(1, 1000)
    if (cooldown := settings.take("cooldown_interval")) and (duration := milliseconds(cooldown)):
        breaker.ejection.CopyFrom(duration)
        breaker.max_ejection.CopyFrom(duration)
        cooldown.differs("a single call then tries whether the target is back, instead of all")
    if listed := settings.take("failure_status_codes"):
        listed.dropped("failures count by their class")
    settings.close()
    return breaker
