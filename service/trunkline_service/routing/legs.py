"""The legs of calls: what asking a model of a provider takes, put together once for all calls that ask alike."""

from __future__ import annotations

import dataclasses
import functools

from trunkline.v1 import error_reason_pb2
from trunkline_service import catalog
from trunkline_service.config import KINDS, ProviderSettings
from trunkline_service.config import Limits as ServiceLimits
from trunkline_service.errors import GatewayError, InvalidRequest, Violation
from trunkline_service.providers.base import Target
from trunkline_service.routing.endpoint import Endpoint
from trunkline_service.routing.leg import Leg
from trunkline_service.routing.policies import UNLIMITED, Limits

# Callers choose the names of models: what is remembered of them must have an end.
MAX_LEGS = 1000


class Legs:
    """Makes legs. One for each router, as settings do not change."""

    def __init__(self, limits: ServiceLimits) -> None:
        self._limits = limits
        # Of calls with the gateway's own keys: what callers' keys lead to is not kept.
        self._made: dict[tuple[str, str, bool, Limits], Leg] = {}

    def leg(
        self, endpoint: Endpoint, model: str, api_key: str, key_field: str, *, drop: bool, limits: Limits = UNLIMITED
    ) -> Leg:
        """The leg of a call with a key of the caller's, or with the gateway's own if `api_key` is empty.

        `key_field` is where the request has the caller's key; empty says that it has no such field. `drop` is whether
        fields that the provider cannot honour are left out.

        Raises:
            GatewayError: there is no key. INVALID_REQUEST where the request could have had one, or else
                UPSTREAM_CREDENTIALS_REJECTED, as it is for a key that is gone.
        """
        if api_key:
            return self._leg(endpoint, model, api_key, drop=drop, limits=limits, callers=True)
        # It may change at any time.
        key = _own_key(endpoint.settings)
        place = (endpoint.settings.name, model, drop, limits)
        leg = self._made.get(place)
        if leg is not None and leg.target.api_key == key and not _knows_more(endpoint, leg.target):
            return leg
        if not key and not endpoint.upstream.has_credentials and not KINDS[endpoint.settings.type].keyless:
            raise _no_key(endpoint.settings.name, key_field)
        if len(self._made) >= MAX_LEGS:
            self._made.clear()
        leg = self._made[place] = self._leg(endpoint, model, key, drop=drop, limits=limits)
        return leg

    def _leg(
        self, endpoint: Endpoint, model: str, key: str, *, drop: bool, limits: Limits, callers: bool = False
    ) -> Leg:
        settings = endpoint.settings
        facts = catalog.find(settings.type, model)
        maximum = facts.max_output_tokens if facts else None
        given = {name: getattr(limits, name) for name in ("first_event", "idle", "attempt")}
        return Leg(
            provider=endpoint.provider,
            upstream=endpoint.upstream,
            timeouts=dataclasses.replace(settings.timeouts, **{name: v for name, v in given.items() if v is not None}),
            connect=limits.connect,
            slow_consumer=self._limits.slow_consumer,
            # An event's own members take a few bytes more than the provider's text.
            max_answer_bytes=self._limits.max_message_bytes - 64 * 1024,
            prices=functools.partial(catalog.prices, settings.type),
            tokenizer=facts.tokenizer if facts else "",
            target=Target(
                provider=settings.name,
                model=model,
                base_url=settings.base_url,
                version=settings.version,
                betas=settings.betas,
                headers=settings.headers,
                auth=settings.auth,
                api_key=key,
                caller_key=callers,
                max_output_tokens=endpoint.maxima.get(model) if maximum is None else maximum,
                takes_sampling=facts.takes_sampling if facts else None,
                takes_newest_version=facts.takes_newest_version if facts else None,
                takes_cache_marks=facts.takes_cache_marks if facts else None,
                api=settings.api,
                region=settings.region,
                project=settings.project,
                drop_unsupported=drop,
            ),
        )


def _knows_more(endpoint: Endpoint, target: Target) -> bool:
    """Whether the provider has said more of the model since."""
    return target.max_output_tokens is None and endpoint.maxima.get(target.model) is not None


def _own_key(settings: ProviderSettings) -> str:
    """The gateway's own key for a provider; empty if it has none.

    Raises:
        GatewayError: UPSTREAM_CREDENTIALS_REJECTED; it should have one.
    """
    if settings.api_key is None:
        return ""
    try:
        key = settings.api_key.value()
    except LookupError:
        key = ""
    if key and key.isascii() and key.isprintable():
        return key
    # Settings are checked when they are read, but what they name may change under a running service.
    raise GatewayError(
        error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
        f"the gateway's key for {settings.name!r} is gone, or no key",
    )


def _no_key(provider: str, field: str) -> GatewayError:
    lack = f"the gateway has no key of its own for {provider!r}"
    if field:
        return InvalidRequest([Violation(field, f"is required: {lack}")])
    return GatewayError(
        error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
        f"{lack}, and this request has no field for one",
        metadata={"provider": provider},
    )
