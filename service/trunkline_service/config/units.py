"""How quantities are written: `250ms`, `32MiB`, `1000`."""

import re
from dataclasses import dataclass

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
_WEEK = 7 * 24 * 3600.0


def _split(text: str) -> tuple[str, str] | None:
    found = re.fullmatch(r"([+-]?[0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", text.strip(), re.ASCII)
    return (found[1], found[2]) if found else None


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, or a number with its unit; at most a week, which timers of every kind can count."""

    zero: bool = False

    def parse(self, text: str) -> float:
        """Return seconds. Raises ValueError with what is wrong."""
        parts = _split(text)
        if parts is None or parts[1] not in _SECONDS:
            raise ValueError(f"{text!r} is not a duration: write 250ms, 5s, 10m, 1h or a number of seconds")
        seconds = float(parts[0]) * _SECONDS[parts[1]]
        if seconds < 0 or (seconds == 0 and not self.zero):
            least = "at least" if self.zero else "longer than"
            raise ValueError(f"{text} is too short: it must be {least} 0s")
        if seconds > _WEEK:
            raise ValueError(f"{text} is too long: it may be 168h at most")
        return seconds


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, or a number with its unit; at most what gRPC can count."""

    def parse(self, text: str) -> int:
        """Return bytes. Raises ValueError with what is wrong."""
        parts = _split(text)
        if parts is None or parts[1] not in _BYTES:
            raise ValueError(f"{text!r} is not a size: write 32MiB, 500kB or a number of bytes")
        size = int(float(parts[0]) * _BYTES[parts[1]])
        if not 0 < size < 2**31:
            raise ValueError(f"{text} is out of range: it must be more than 0 and less than 2GiB")
        return size


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number above zero."""

    def parse(self, text: str) -> int:
        """Return the number. Raises ValueError with what is wrong."""
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
            raise ValueError(f"{text!r} is not a whole number")
        if int(text) < 1:
            raise ValueError(f"{text} is too small: it must be at least 1")
        return int(text)
