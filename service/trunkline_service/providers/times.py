"""Instants as providers write them."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(said: str | float | None) -> Timestamp | None:
    """A date, or a date and time, in ISO 8601 (in UTC if it does not say), or seconds since 1970.

    None if it is neither, or no year from 1 to 9999: the provider's own text still has it.
    """
    try:
        if isinstance(said, str):
            found = datetime.fromisoformat(said)
            found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        else:
            found = datetime.fromtimestamp(said or 0, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    result = Timestamp()
    result.FromDatetime(found)
    return None if said is None else result
