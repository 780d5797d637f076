"""A limit on what may be done beside the ordinary: retries and hedges, as a share of calls."""

from __future__ import annotations


class Budget:
    """Earned by calls, spent by what goes beyond them. So many may be saved up.

    Time earns `a_second`, too, as far as calls have not earned as much meanwhile: what is rarely asked has something to
    spend as well, and what is often asked no more than its share.
    """

    def __init__(self, saved: float, now: float, *, a_second: float = 0.0, begin_with: float | None = None) -> None:
        self._most = saved
        self._a_second = a_second
        self._held = saved if begin_with is None else begin_with
        # Of the last call, and what time has earned since then, as far as it was counted.
        self._time = now
        self._by_time = 0.0

    def earn(self, share: float, now: float) -> None:
        """A call was made that earns `share` of one that goes beyond."""
        self._count(now)
        self._held = min(self._most, self._held + max(0.0, share - self._by_time))
        self._time, self._by_time = now, 0.0

    def spend(self, now: float) -> bool:
        """Takes one, if there is one."""
        self._count(now)
        # Tenths that were added up are not quite whole.
        if self._held < 1 - 1e-9:
            return False
        self._held -= 1
        return True

    def give_back(self) -> None:
        """What was taken was not needed."""
        self._held = min(self._most, self._held + 1)

    def _count(self, now: float) -> None:
        by_time = (now - self._time) * self._a_second
        self._held = min(self._most, self._held + by_time - self._by_time)
        self._by_time = by_time
