"""How a target does: what is remembered of its attempts, and whether it is to be left alone for a while.

A target is a model at a provider, whichever routes it is in. Times are those of the running loop's clock.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections import deque
from enum import Enum

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.routing.budget import Budget
from trunkline_service.routing.policies import PASSING, Breaker, Failure

# What says something about the target, not about the request.
_ITS_FAULT = PASSING | {
    error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
    error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
}
# A call whose own time ends says something only if it had been long.
PATIENCE_SECONDS = 10.0
# Latencies are forgotten with these time constants: as others come, and while none does. The second one is how soon a
# target that was slow is tried again, by callers who wait if it still is.
DECAY_SECONDS = 10.0
FADE_SECONDS = 30.0
# Callers choose the names of models, and keys: what is remembered of them must have an end.
MAX_REMEMBERED = 1000
MAX_LATENCIES = 200
MIN_LATENCIES = 20
MAX_OUTCOMES = 1000
# Retries may add this to what a target is asked, or this much a second where that is more; so many may be saved up.
RETRY_SHARE = 0.1
RETRIES_A_SECOND = 0.1
SAVED_RETRIES = 10.0
SAVED_HEDGES = 10.0


class State(Enum):
    """Whether a target is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Health:
    """The memory of one target."""

    def __init__(self, now: float) -> None:
        self.in_flight = 0
        self.last_use = now
        self.answered = 0
        self.failed = 0
        self.consecutive_failures = 0
        self.last_error: ErrorReason.ValueType = error_reason_pb2.ERROR_REASON_UNSPECIFIED
        self.last_error_time = 0.0
        self.retries = Budget(SAVED_RETRIES, now, a_second=RETRIES_A_SECOND)
        self.hedges = Budget(SAVED_HEDGES, now, begin_with=1.0)
        self._latency = 0.0
        self._latency_time = now
        self._latencies: deque[float] = deque(maxlen=MAX_LATENCIES)
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=MAX_OUTCOMES)
        self._failures = 0
        self._ejected_until = 0.0
        self._ejections = 0
        self._probing = False

    def state(self, now: float) -> State:
        """Whether the target is asked."""
        if not self._ejections:
            return State.CLOSED
        return State.OPEN if now < self._ejected_until else State.HALF_OPEN

    def ejected_for(self, now: float) -> float:
        """For how many more seconds it is left alone."""
        return max(0.0, self._ejected_until - now) if self._ejections else 0.0

    def available(self, now: float) -> bool:
        """Whether one more attempt is welcome: always, but while it is left alone or a single call tries it."""
        state = self.state(now)
        return state is State.CLOSED or (state is State.HALF_OPEN and not self._probing)

    def begin(self, now: float) -> bool:
        """An attempt begins. Returns whether it is the one that tries whether the target is back."""
        self.in_flight += 1
        self.last_use = now
        probes = self.state(now) is State.HALF_OPEN and not self._probing
        self._probing |= probes
        return probes

    def begins_to_answer(self) -> None:
        """The attempt that tries whether the target is back has its first event: the next one may try, too, as a whole
        answer can take minutes.
        """
        self._probing = False

    def first_event(self, seconds: float, now: float) -> None:
        """An attempt's first event came after so long."""
        self._latencies.append(seconds)
        kept = self._kept(now, DECAY_SECONDS)
        # Bad news at once, good news with time: "peak-EWMA".
        self._latency = max(seconds, self._latency * kept + seconds * (1 - kept))
        self._latency_time = now

    def silent(self, seconds: float, now: float) -> None:
        """An attempt was given up that had been silent for so long: it would have taken longer still."""
        self._latency = max(seconds, self._latency * self._kept(now, DECAY_SECONDS))
        self._latency_time = now

    def leave(self, *, probed: bool) -> None:
        """An attempt is over, and nothing follows from it: its caller went, or another one was quicker."""
        self.in_flight -= 1
        if probed:
            self._probing = False

    def succeed(self, now: float, *, probed: bool) -> None:
        """An attempt answered."""
        self.leave(probed=probed)
        self.answered += 1
        self.consecutive_failures = 0
        self._note(now, failed=False)
        if probed or self.state(now) is not State.OPEN:
            self._close()

    def fail(self, failure: Failure, waited: float, breaker: Breaker, now: float, *, probed: bool) -> None:
        """An attempt failed after `waited` seconds."""
        self.leave(probed=probed)
        self.failed += 1
        self.last_error = failure.reason
        self.last_error_time = time.time()
        late = failure.reason == error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED and waited >= PATIENCE_SECONDS
        if failure.reason not in _ITS_FAULT and not late:
            # It has answered, if with a refusal: it is there.
            if probed and failure.status:
                self._close()
            return
        self.consecutive_failures += 1
        self._note(now, failed=True)
        if probed or self._is_too_much(breaker, now) or failure.retry_after is not None or _is_final(failure):
            self._eject(failure, breaker, now)

    def load(self, now: float) -> float:
        """What one more call here would cost in time: seconds to the first event, for each that is in flight.

        Without news, the old ones fade: a target that was slow once would otherwise never be asked again.
        """
        if not self._latency:
            # Nothing is known: worth a try, but not with many at once.
            return float(self.in_flight)
        return self._latency * self._kept(now, FADE_SECONDS) * (self.in_flight + 1)

    def _kept(self, now: float, constant: float) -> float:
        """What is left of the latency that was seen last, as a share of it."""
        return math.exp(-(now - self._latency_time) / constant)

    def percentile(self, share: float, least: int = MIN_LATENCIES) -> float | None:
        """The time to the first event that this share of the latest answers did not exceed; None if there were not at
        least so many.
        """
        if len(self._latencies) < least:
            return None
        ordered = sorted(self._latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def quickest(self) -> float | None:
        """The shortest time to the first event of the latest answers; None without enough."""
        return min(self._latencies) if len(self._latencies) >= MIN_LATENCIES else None

    def _note(self, now: float, *, failed: bool) -> None:
        if len(self._outcomes) == MAX_OUTCOMES:
            self._failures -= self._outcomes[0][1]
        self._outcomes.append((now, failed))
        self._failures += failed

    def _is_too_much(self, breaker: Breaker, now: float) -> bool:
        if 0 < breaker.consecutive_failures <= self.consecutive_failures:
            return True
        while self._outcomes and self._outcomes[0][0] < now - breaker.window:
            self._failures -= self._outcomes.popleft()[1]
        calls = len(self._outcomes)
        return bool(breaker.failure_rate and calls >= breaker.min_calls) and (
            self._failures >= breaker.failure_rate * calls
        )

    def _eject(self, failure: Failure, breaker: Breaker, now: float) -> None:
        asked = min(failure.retry_after or 0.0, breaker.max_asked)
        if self.state(now) is State.OPEN:
            # One of those that were under way when it began.
            self._ejected_until = max(self._ejected_until, now + asked)
            return
        own = min(breaker.ejection * 2**self._ejections, max(breaker.ejection, breaker.max_ejection))
        self._ejections = min(self._ejections + 1, 30)
        self._ejected_until = now + (asked if failure.retry_after is not None else own)

    def _close(self) -> None:
        self.consecutive_failures = 0
        if self._ejections:
            self._ejections = 0
            # What was before says nothing about a target that is back.
            self._outcomes.clear()
            self._failures = 0


def remembered(memory: dict[str, Health], name: str, now: float) -> Health:
    """The memory of that name, which may begin now."""
    found = memory.get(name)
    if found is None:
        if len(memory) >= MAX_REMEMBERED:
            forget_idle(memory)
        found = memory[name] = Health(now)
    return found


def unreadable(model: str, api_key: str) -> str:
    """A name for a model by a caller's key that tells nobody the key."""
    return hashlib.blake2b(f"{api_key}\0{model}".encode(), key=_SECRET, digest_size=16).hexdigest()


_SECRET = os.urandom(32)


def forget_idle(memory: dict[str, Health]) -> None:
    """Makes room for as many again."""
    idle = [(each.answered + each.failed, each.last_use, name) for name, each in memory.items() if not each.in_flight]
    # Those first that were hardly ever asked: they may be but names.
    for _, _, name in sorted(idle)[: len(memory) // 2 + 1]:
        del memory[name]


def _is_final(failure: Failure) -> bool:
    """Whether it will be so for a while, as the first one has already said."""
    return failure.reason in (
        error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
        error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
    )
