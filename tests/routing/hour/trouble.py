"""What goes wrong, where and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["slow", "down", "throttled", "cuts", "flaps"]

FLAP_SECONDS = 15.0

MEANINGS: Mapping[Kind, str] = {
    "slow": "takes ten times as long to begin its answers.",
    "down": "answers every request with a 500.",
    "throttled": "takes a request in two seconds, and answers the others with a 429 and retry-after.",
    "cuts": "falls silent in the middle of a sixth of its answers, and cuts another sixth.",
    "flaps": "answers every request with a 503 for 15 seconds, none for the next 15, and so on.",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Of one provider, from one time to another, in seconds. What it means is in `MEANINGS`."""

    provider: str
    kind: Kind
    begins: float
    ends: float

    def strikes(self, now: float) -> bool:
        """Whether it is that time."""
        return self.begins <= now < self.ends and (
            self.kind != "flaps" or (now - self.begins) % (2 * FLAP_SECONDS) < FLAP_SECONDS
        )

    @property
    def failing(self) -> Iterator[tuple[float, float]]:
        """The times in which every request fails."""
        if self.kind == "down":
            yield self.begins, self.ends
        elif self.kind == "flaps":
            begins = self.begins
            while begins < self.ends:
                yield begins, min(begins + FLAP_SECONDS, self.ends)
                begins += 2 * FLAP_SECONDS


@dataclass(frozen=True, slots=True)
class Scene:
    """So many seconds of traffic, and what goes wrong meanwhile."""

    seconds: float
    troubles: Sequence[Trouble] = ()

    def is_calm(self, now: float) -> bool:
        """Whether nothing goes wrong anywhere."""
        return not any(each.begins <= now < each.ends for each in self.troubles)


def _minutes(provider: str, kind: Kind, begins: float, ends: float) -> Trouble:
    return Trouble(provider, kind, begins * 60, ends * 60)


HOUR = Scene(
    3600,
    (
        _minutes("anthropic", "slow", 4, 12),
        _minutes("anthropic", "down", 17, 22),
        _minutes("anthropic", "throttled", 27, 33),
        _minutes("anthropic", "cuts", 38, 44),
        _minutes("gemini", "flaps", 49, 56),
    ),
)
