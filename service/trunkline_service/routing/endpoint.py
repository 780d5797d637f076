"""A configured provider, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline_service.config import ProviderSettings
from trunkline_service.providers.base import Provider
from trunkline_service.routing.chores import Chores
from trunkline_service.routing.health import Health
from trunkline_service.routing.listing import Listing
from trunkline_service.upstream.http import HttpUpstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A configured provider, with its codec and its connections."""

    settings: ProviderSettings
    provider: Provider
    upstream: HttpUpstream
    # What the provider said about models that the catalogue does not have.
    maxima: dict[str, int | None] = field(default_factory=dict)
    # How its models do, by their names there.
    health: dict[str, Health] = field(default_factory=dict)
    # How they do for callers with keys of their own, each apart (`health.unreadable`).
    health_by_key: dict[str, Health] = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)
    chores: Chores = field(default_factory=Chores)

    async def close(self) -> None:
        """Closes every connection."""
        try:
            await self.listing.close()
            await self.chores.close()
        finally:
            await self.upstream.close()
