"""Keys that have to be made, fetched or renewed while the service runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from trunkline_service.upstream.request import UpstreamRequest


class Credentials(Protocol):
    """What lets a request in. A key that is sent as it is needs none: the codec writes it into the headers."""

    async def headers(self, request: UpstreamRequest) -> Mapping[str, str]:
        """The headers to add to the request, which is otherwise final.

        Raises:
            GatewayError: UPSTREAM_CREDENTIALS_REJECTED or UPSTREAM_UNREACHABLE; there is nothing valid to send.
        """

    async def close(self) -> None:
        """Ends what it has open."""


def has_key(request: UpstreamRequest) -> bool:
    """Whether a request brings a key: that of a caller, which is not to be replaced by the gateway's."""
    return any(name in request.headers for name in ("authorization", "x-api-key", "x-goog-api-key"))
