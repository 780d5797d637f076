"""What Anthropic's response headers say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from trunkline.v1 import route_pb2
from trunkline_service.providers import delays

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
    """Seconds to wait, as all providers tell them, or from the resets of spent limits."""
    if (told := delays.retry_after(headers)) is not None:
        return told
    resets = [
        (reset - delays.date(headers)).total_seconds()
        for prefix in _LIMITS
        if _integer(headers.get(f"{prefix}-remaining")) == 0
        and (reset := _instant(headers.get(f"{prefix}-reset"))) is not None
    ]
    return delays.bounded(max(resets)) if resets else None


def _integer(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 18:
        return None
    return int(value)


def _instant(value: str | None) -> datetime | None:
    try:
        result = datetime.fromisoformat(value or "")
        return (result if result.tzinfo else result.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
