"""A limit on what may be done beside the ordinary: retries and hedges, as a share of calls."""

from __future__ import annotations


class Budget:
    """Earned by calls (and by time), spent by what goes beyond them. So many may be saved up."""

    def __init__(self, saved: float, now: float, *, a_second: float = 0.0, begin_with: float | None = None) -> None:
        self._most = saved
        self._a_second = a_second
        self._held = saved if begin_with is None else begin_with
        self._time = now

    def earn(self, share: float) -> None:
        """A call was made that earns `share` of one that goes beyond."""
        self._held = min(self._most, self._held + share)

    def spend(self, now: float) -> bool:
        """Takes one, if there is one."""
        self._held = min(self._most, self._held + (now - self._time) * self._a_second)
        self._time = now
        # Tenths that were added up are not quite whole.
        if self._held < 1 - 1e-9:
            return False
        self._held -= 1
        return True
