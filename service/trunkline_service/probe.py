"""Whether each provider lets the gateway in: `trunkline check --live`."""

from __future__ import annotations

import asyncio

from trunkline.v1.route_pb2 import UNSUPPORTED_FIELD_POLICY_UNSPECIFIED, Target
from trunkline_service.app import make_endpoint
from trunkline_service.config import Settings
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ModelLister
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.generations import Generations
from trunkline_service.routing.leg import Leg
from trunkline_service.routing.listing import Listing
from trunkline_service.routing.watch import Watch
from trunkline_service.upstream.request import UpstreamRequest

# So long a provider may take to tell its models.
PROBE_SECONDS = 10.0


async def probe(settings: Settings) -> dict[str, int | GatewayError | None]:
    """Asks each provider for its models: how many it has, None if its API has no such list, or why it does not tell.

    A provider without a list is asked for whatever else shows that it lets the gateway in, if there is anything; and
    the credentials that it needs have to be there. Raises `StartupError`.
    """
    generations = await Generations.begin(settings, make_endpoint)
    router = generations.current
    try:

        async def ask(name: str) -> int | GatewayError | None:
            try:
                leg = router.provider_leg(Target(provider=name), UNSUPPORTED_FIELD_POLICY_UNSPECIFIED, key_field="")
                deadline = asyncio.get_running_loop().time() + PROBE_SECONDS
                if isinstance(leg.provider, ModelLister):
                    models = await Listing().get(leg, leg.provider, deadline)
                    if models is not None:
                        return len(models)
                    if (request := leg.provider.encode_probe(leg.target)) is not None:
                        await _knock(leg, request, deadline)
                with Watch(deadline):
                    await leg.upstream.check_credentials(leg.target.base_url)
            except GatewayError as error:
                return error
            return None

        return dict(zip(settings.providers, await asyncio.gather(*map(ask, settings.providers)), strict=True))
    finally:
        await generations.close()


async def _knock(leg: Leg, request: UpstreamRequest, deadline: float) -> None:
    """Sees whether a provider lets the gateway in. Nothing at the address does not say that it does not."""
    try:
        await Attempt(leg).fetch(request, deadline)
    except GatewayError as error:
        if error.metadata.get("upstream_status") != "404":
            raise
