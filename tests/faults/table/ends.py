"""How a call may end that met a fault: what the caller gets, and how often each target is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Setup = Literal["alone", "retried", "fallback", "restart"]
"""What the route does: nothing; retries; retries and a second target; the same for a stream that may begin again."""

Call = Literal["stream", "whole"]
SETUPS: tuple[Setup, ...] = ("alone", "retried", "fallback", "restart")
ATTEMPTS = 3
"""Of each target, where the route retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One way. `first` and `second` are how often those targets are asked.

    Without a `reason` the call is answered, by the target that was asked last. With `begun` it ends as
    STREAM_INTERRUPTED, for that reason. `restarts` is how often the answer began again.
    """

    first: int = 1
    second: int = 0
    reason: str = ""
    begun: bool = False
    restarts: int = 0

    @property
    def attempts(self) -> int:
        """How many requests to providers there are."""
        return self.first + self.second


Ends: TypeAlias = Mapping[tuple[Setup, Call], End]
"""Ways by what the route does and how the caller asks; what is not there does not apply."""


def ends(
    *,
    alone: End,
    retried: End,
    fallback: End,
    restart: End | None = None,
    whole: Mapping[Setup, End] | None = None,
) -> Ends:
    """The ways of streams, and of whole answers where those differ. `restart` is as `fallback` if it is not given."""
    found: dict[tuple[Setup, Call], End] = {}
    for setup, end in (("alone", alone), ("retried", retried), ("fallback", fallback)):
        found[setup, "stream"] = end
        found[setup, "whole"] = (whole or {}).get(setup, end)
    return {**found, ("restart", "stream"): fallback if restart is None else restart}


def everywhere(end: End) -> Ends:
    """The same, whatever the route does."""
    return ends(alone=end, retried=end, fallback=end)


def passing(reason: str, *, leads_on: bool = False) -> Ends:
    """It happens once. With `leads_on` another target is asked rather than the same one."""
    back = End(first=2)
    return ends(alone=End(reason=reason), retried=back, fallback=End(second=1) if leads_on else back)


def lasting(reason: str, *, leads_on: bool = False) -> Ends:
    """It happens each time, before there is any answer."""
    return ends(
        alone=End(reason=reason),
        retried=End(reason=reason, first=ATTEMPTS),
        fallback=End(first=1 if leads_on else ATTEMPTS, second=1),
    )


def final(reason: str) -> Ends:
    """No retry helps, and no other target is asked."""
    return everywhere(End(reason=reason))


def elsewhere(reason: str) -> Ends:
    """No retry helps, but another target may do better."""
    return ends(alone=End(reason=reason), retried=End(reason=reason), fallback=End(second=1))


def breaking(reason: str) -> Ends:
    """It happens each time, when a part of the answer is there: that is the end of a stream that may not restart."""
    broken = End(reason=reason, begun=True)
    again = End(first=ATTEMPTS, second=1, restarts=ATTEMPTS)
    return ends(
        alone=broken,
        retried=broken,
        fallback=broken,
        restart=again,
        whole={"retried": End(reason=reason, begun=True, first=ATTEMPTS, restarts=ATTEMPTS - 1), "fallback": again},
    )
