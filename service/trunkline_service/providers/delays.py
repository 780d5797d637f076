"""How long to wait before another try, as the headers of all providers say it."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from datetime import UTC, datetime

# A day: whoever says more (or something that is not a number of seconds at all) is not to be waited for by a timer.
MAX_RETRY_AFTER = 86_400.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms`, or from `retry-after` in seconds or as a date."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return bounded(milliseconds / 1000)
    value = headers.get("retry-after")
    if (told := seconds(value)) is not None:
        return told
    then = _date(value)
    return None if then is None else bounded((then - date(headers)).total_seconds())


def date(headers: Mapping[str, str]) -> datetime:
    """When the response was made, by its own clock where it tells: clocks that differ then do no harm."""
    return _date(headers.get("date")) or datetime.now(UTC)


def seconds(text: str | None) -> float | None:
    """A number of seconds that may be waited; None if it is none."""
    number = _number(text)
    return None if number is None else bounded(number)


def bounded(number: float) -> float:
    """The nearest number of seconds that may be waited."""
    return min(max(number, 0.0), MAX_RETRY_AFTER)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(value: str | None) -> datetime | None:
    try:
        result = email.utils.parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return result if result.tzinfo else result.replace(tzinfo=UTC)
