"""What Anthropic's response headers say."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from trunkline.v1 import route_pb2

# A day: whoever says more (or something that is not a number of seconds at all) is not to be waited for by a timer.
MAX_RETRY_AFTER = 86_400.0

_LIMITS = {
    **{f"anthropic-ratelimit-{name}": name for name in ("requests", "tokens", "input-tokens", "output-tokens")},
    **{
        f"anthropic-{kind}-{name}": f"{kind}-{name}"
        for kind in ("priority", "fast")
        for name in ("input-tokens", "output-tokens")
    },
}


def request_id(headers: Mapping[str, str]) -> str:
    """The provider's id of the request; empty if it gave none."""
    return headers.get("request-id", "")[:200]


def rate_limits(headers: Mapping[str, str]) -> list[route_pb2.RateLimit]:
    """The limits that the response told, in the order of `anthropic-ratelimit-*`, then priority and fast."""
    result: list[route_pb2.RateLimit] = []
    if not any(name.startswith("anthropic-") for name in headers):
        return result
    for prefix, name in _LIMITS.items():
        limit = _integer(headers.get(f"{prefix}-limit"))
        remaining = _integer(headers.get(f"{prefix}-remaining"))
        reset = _instant(headers.get(f"{prefix}-reset"))
        if limit is None and remaining is None and reset is None:
            continue
        entry = route_pb2.RateLimit(name=name, limit=limit, remaining=remaining)
        if reset is not None:
            entry.reset_time.FromDatetime(reset)
        result.append(entry)
    return result


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms`, `retry-after` in seconds or as a date, or the resets of spent limits.

    Dates are taken against the response's own `date`, so that clocks which differ do no harm.
    """
    if (milliseconds := _seconds(headers.get("retry-after-ms"))) is not None:
        return min(milliseconds / 1000, MAX_RETRY_AFTER)
    value = headers.get("retry-after")
    if (seconds := _seconds(value)) is not None:
        return min(seconds, MAX_RETRY_AFTER)
    now = _http_date(headers.get("date")) or datetime.now(UTC)
    if (then := _http_date(value)) is not None:
        return min(max((then - now).total_seconds(), 0.0), MAX_RETRY_AFTER)
    resets = [
        (reset - now).total_seconds()
        for prefix in _LIMITS
        if _integer(headers.get(f"{prefix}-remaining")) == 0
        and (reset := _instant(headers.get(f"{prefix}-reset"))) is not None
    ]
    return min(max(*resets, 0.0), MAX_RETRY_AFTER) if resets else None


def _integer(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 18:
        return None
    return int(value)


def _seconds(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _http_date(value: str | None) -> datetime | None:
    try:
        result = email.utils.parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return result if result.tzinfo else result.replace(tzinfo=UTC)


def _instant(value: str | None) -> datetime | None:
    try:
        result = datetime.fromisoformat(value or "")
        return (result if result.tzinfo else result.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
