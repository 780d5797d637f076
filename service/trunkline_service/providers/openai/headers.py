"""The headers of OpenAI's requests and responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from trunkline.v1 import route_pb2
from trunkline_service.providers import delays
from trunkline_service.providers.base import Target

# Of one response: more than any provider tells.
MAX_LIMITS = 16

_LIMIT = re.compile(r"x-ratelimit-(?:limit|remaining|reset)-([a-z0-9-]{1,60})")
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h|d))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def request_headers(target: Target, *, accept: str) -> dict[str, str]:
    """The headers of a request, the configured ones among them. `accept` is the media type wanted.

    Without a key there is none: local servers want none, and credentials add their own.
    """
    result = {
        "content-type": "application/json",
        "accept": accept,
        # A compressed stream would wait in buffers for more to compress.
        "accept-encoding": "identity",
    }
    if target.api_key:
        if target.auth == "api-key":
            result["api-key"] = target.api_key
        else:
            result["authorization"] = f"Bearer {target.api_key}"
    return {**result, **target.headers} if target.headers else result


def request_id(headers: Mapping[str, str]) -> str:
    """The provider's id of the request; empty if it gave none."""
    return (headers.get("x-request-id") or headers.get("apim-request-id") or "")[:200]


def rate_limits(headers: Mapping[str, str]) -> list[route_pb2.RateLimit]:
    """The limits that the response told, by the names it gave them, in their order.

    OpenAI tells after how long a limit is full again; that counts from the response's own `date`, and without one
    nobody knows when it is.
    """
    date = _date(headers)
    result = []
    for name in _names(headers):
        limit = _count(headers.get(f"x-ratelimit-limit-{name}"))
        remaining = _count(headers.get(f"x-ratelimit-remaining-{name}"))
        reset = duration(headers.get(f"x-ratelimit-reset-{name}"))
        if limit is None and remaining is None and (reset is None or date is None):
            continue
        entry = route_pb2.RateLimit(name=name, limit=limit, remaining=remaining)
        if reset is not None and date is not None and date.year < datetime.max.year:
            entry.reset_time.FromDatetime(date + timedelta(seconds=reset))
        result.append(entry)
    return result


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, as all providers tell them, or from the resets of spent limits."""
    if (seconds := delays.retry_after(headers)) is not None:
        return seconds
    resets = [
        reset
        for name in _names(headers)
        if _count(headers.get(f"x-ratelimit-remaining-{name}")) == 0
        and (reset := duration(headers.get(f"x-ratelimit-reset-{name}"))) is not None
    ]
    return max(resets, default=None)


def duration(text: str | None) -> float | None:
    """Seconds, of a duration as Go writes it ("6m0s", "12ms") or a plain number of them; at most a day.

    None if it is neither.
    """
    if text is None or len(text) > 40 or not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return delays.bounded(float(text))
    if not _DURATION.fullmatch(text):
        return None
    return delays.bounded(sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def _names(headers: Mapping[str, str]) -> list[str]:
    matches = (_LIMIT.fullmatch(name) for name in headers)
    return list(dict.fromkeys(match[1] for match in matches if match is not None))[:MAX_LIMITS]


def _count(value: str | None) -> int | None:
    """A count; None for Azure's -1, which means that there is none."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 18:
        return None
    return int(value)


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        result = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return result if result.tzinfo else result.replace(tzinfo=UTC)
