"""How a call is made: its deadline, its metadata and its id."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple
from uuid import uuid4

from trunkline.requests import CallOptions, Metadata
from trunkline.statuses import REQUEST_ID_KEY, Trailers

_A_YEAR = 365 * 86_400.0
_REQUEST_ID = re.compile(r"[ -~]{1,64}")
_KEY = re.compile(r"[0-9a-zA-Z_.-]+")
_VALUE = re.compile(r"[ -~]*")


class Call(NamedTuple):
    """What goes with a request."""

    timeout: float | None
    """Seconds; None for no deadline."""
    metadata: tuple[tuple[str, str | bytes], ...]
    """All of it, the id included."""
    request_id: str
    """The id that is sent. Always there, so that even a call without an answer can be found in the gateway's log."""

    def id_in(self, trailers: Trailers | None) -> str:
        """Take the id that came back, or else the one that was sent."""
        return next((str(value) for key, value in trailers or () if key == REQUEST_ID_KEY), self.request_id)


class CallDefaults(NamedTuple):
    """What a client's calls have in common."""

    timeout: float | None
    """Seconds; None for no deadline."""
    metadata: dict[str, list[str | bytes]]
    """Values by key."""

    def call(self, options: CallOptions) -> Call:
        """Put the options of one call over the defaults.

        Raises:
            ValueError: The request id is too long or has characters that it may not have, or the timeout is no number.
        """
        metadata = self.metadata | by_key(options.get("metadata"))
        if request_id := options.get("request_id"):
            metadata[REQUEST_ID_KEY] = [request_id]
        request_id = str(metadata.setdefault(REQUEST_ID_KEY, [uuid4().hex])[0])
        if not _REQUEST_ID.fullmatch(request_id):
            raise ValueError("a request id has 1 to 64 printable ASCII characters")
        pairs = tuple((key, value) for key, values in metadata.items() for value in values)
        return Call(_timeout(options.get("timeout", self.timeout)), pairs, request_id)


def _timeout(seconds: float | None) -> float | None:
    """Return what gRPC takes: it counts in a way that makes a very long time none at all."""
    if seconds is None:
        return None
    if math.isnan(seconds):
        raise ValueError("a timeout is a number of seconds, or None")
    return seconds if seconds < _A_YEAR else None


def by_key(metadata: Metadata | None) -> dict[str, list[str | bytes]]:
    """Gather metadata by its keys, in small letters, as gRPC wants them.

    Raises:
        ValueError: gRPC would not send a key, or its value, and would take it for an error of the gateway's.
    """
    gathered: dict[str, list[str | bytes]] = {}
    for key, value in metadata.items() if isinstance(metadata, Mapping) else metadata or ():
        if not _KEY.fullmatch(key):
            raise ValueError(f"a key of metadata has letters, digits, '_', '-' and '.' only: {key!r}")
        if isinstance(value, str) and not _VALUE.fullmatch(value):
            raise ValueError(
                f"text in metadata is printable ASCII; bytes belong under a key that ends in -bin: {key!r}"
            )
        gathered.setdefault(key.lower(), []).append(value)
    return gathered
