"""Where a call goes: the model and the routing options of a request, to the provider that is asked."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from trunkline.v1 import error_reason_pb2, route_pb2
from trunkline_service import catalog
from trunkline_service.config import KINDS, Limits, Settings
from trunkline_service.errors import GatewayError, InvalidRequest, Violation
from trunkline_service.routing import questions
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.endpoint import Endpoint
from trunkline_service.routing.health import Health, remembered, unreadable
from trunkline_service.routing.leg import Leg
from trunkline_service.routing.legs import Legs
from trunkline_service.routing.plan import Plan, plan
from trunkline_service.routing.ways import TargetNode
from trunkline_service.rules.routes import RouteRules

# Callers choose the names of models: what is remembered of them must have an end.
MAX_MAXIMA = 1000


@dataclass(slots=True)
class Tally:
    """The calls by a route: those that were answered, and those that failed."""

    answered: int = 0
    failed: int = 0


Tallies: TypeAlias = dict[str, Tally]
"""By the names of routes."""


class Router:
    """Finds the way of a call, and the legs on it. Made of settings once; a reload makes another."""

    def __init__(self, settings: Settings, endpoints: Mapping[str, Endpoint], tallies: Tallies | None = None) -> None:
        """`endpoints` are the settings' providers, by their names. `tallies` go on from earlier routers."""
        self._settings = settings
        self.tallies: Tallies = {} if tallies is None else tallies
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self._endpoints = endpoints
        self._rules = RouteRules(settings.routes, self.knows, own=False)
        self._legs = Legs(settings.limits)
        self._plans = {name: plan(route, settings.routes, name) for name, route in settings.routes.items()}
        self.random = random.Random()

    async def close(self) -> None:
        """Closes every connection to every provider."""
        await asyncio.gather(*(endpoint.close() for endpoint in self._endpoints.values()))

    def __enter__(self) -> Router:
        """Something uses the router until it leaves: what it needs stays open."""
        self._users += 1
        self._unused.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users:
            self._unused.set()

    async def unused(self) -> None:
        """Waits until nothing uses the router."""
        await self._unused.wait()

    @property
    def limits(self) -> Limits:
        """What the service bears."""
        return self._settings.limits

    @property
    def plans(self) -> Mapping[str, Plan]:
        """The routes of the configuration, by name."""
        return self._plans

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The providers by their names."""
        return self._endpoints

    def endpoint(self, provider: str) -> Endpoint:
        """The provider of that name. Raises `GatewayError` (ROUTE_NOT_FOUND) if there is none."""
        endpoint = self._endpoints.get(provider)
        if endpoint is None:
            raise _not_found("provider", provider, self._endpoints)
        return endpoint

    def knows(self, provider: str) -> bool:
        """Whether `provider` is a name of the configuration or a type of provider."""
        return provider in self._endpoints or provider in KINDS

    def providers_that_are(self, kind: type[object]) -> list[str]:
        """The names of the providers whose codec is of a kind."""
        return sorted(name for name, each in self._endpoints.items() if isinstance(each.provider, kind))

    def plan(self, model: str, routing: route_pb2.RoutingOptions, path: str = "input.model") -> Plan:
        """The way of a request for `model`, which stands at `path` in it.

        Raises:
            GatewayError: INVALID_REQUEST or ROUTE_NOT_FOUND; the message names what was looked for.
        """
        match routing.WhichOneof("destination"):
            case "route_name":
                found = self._plans.get(routing.route_name)
                if found is None:
                    raise _not_found("route", routing.route_name, self._plans)
            case "route":
                if not self._settings.allow_inline_routes:
                    raise InvalidRequest([Violation("routing.route", "this gateway takes no routes from callers")])
                found = plan(routing.route, self._settings.routes)
            case _:
                name, own = self.resolve(model, path)
                return Plan(node=TargetNode(path="", provider=name, model=own))
        for target in found.node.targets():
            self.endpoint(target.provider)
            if not target.model and not model:
                raise InvalidRequest([Violation(path, "is required, as the route names no model")])
        return found

    def violations(self, routing: route_pb2.RoutingOptions) -> Iterator[Violation]:
        """What is wrong with a route of the caller's own, at `routing.route`. To be asked before `plan`."""
        return self._rules.violations(routing.route, "routing.route") if routing.HasField("route") else iter(())

    def leg_of(self, target: TargetNode, model: str, routing: route_pb2.RoutingOptions) -> Leg:
        """The leg of an attempt at `model` of a target. Raises `GatewayError` if the gateway has no key for it."""
        return self._legs.leg(
            self.endpoint(target.provider),
            model,
            target.api_key,
            f"routing.route.{target.path or 'target'}.api_key",
            drop=routing.unsupported_fields == _DROP,
            limits=target.policies.timeouts,
        )

    def health(self, provider: str, model: str, now: float, api_key: str = "") -> Health:
        """The memory of a target; with a key of a caller's, of the one that this key alone leads to."""
        endpoint = self.endpoint(provider)
        if api_key:
            return remembered(endpoint.health_by_key, unreadable(model, api_key), now)
        return remembered(endpoint.health, model, now)

    def provider_leg(
        self,
        target: route_pb2.Target,
        policy: route_pb2.UnsupportedFieldPolicy.ValueType,
        *,
        key_field: str = "api_key",
    ) -> Leg:
        """The leg of a call that names its provider itself. Raises as `leg_of` does.

        `key_field` is where the request has the caller's key for the provider. Empty says that it has no such field: a
        key that is missing is then UPSTREAM_CREDENTIALS_REJECTED.
        """
        endpoint = self.endpoint(target.provider)
        return self._legs.leg(endpoint, target.model, target.api_key, key_field, drop=policy == _DROP)

    def model_at(self, provider: str, model: str) -> str | None:
        """What `provider` calls `model`, which may be an alias or have the provider's name before it; None if it names
        another provider.
        """
        full = self._settings.models.get(model, model)
        name, slash, rest = full.partition("/")
        if not slash or name not in self._endpoints:
            return full
        return rest if name == provider else None

    async def with_maximum(self, leg: Leg, deadline: float) -> Leg:
        """The leg with its model's maximum of output tokens, asked from the provider if the catalogue has none."""
        model = leg.target.model
        if leg.target.max_output_tokens is not None:
            return leg
        endpoint = self._endpoints[leg.target.provider]
        if model not in endpoint.maxima:
            try:
                if len(endpoint.maxima) >= MAX_MAXIMA:
                    endpoint.maxima.clear()
                endpoint.maxima[model] = await questions.model_maximum(Attempt(leg), deadline)
            except GatewayError as error:
                if error.reason not in _UNTOLD and error.metadata.get("upstream_status") != "403":
                    raise
                # Not to be found out: the caller is told to name a number itself.
                return leg
        return _replace(leg, max_output_tokens=endpoint.maxima[model])

    def resolve(self, model: str, path: str) -> tuple[str, str]:
        """The provider and the model that a request's model, at `path`, stands for. Raises as `plan` does."""
        full = self._settings.models.get(model, model)
        name, slash, rest = full.partition("/")
        if slash and rest and name in self._endpoints:
            return name, rest
        if slash and name in self._endpoints:
            raise InvalidRequest([Violation(path, "has no model behind the provider's name")])
        if slash:
            raise _not_found("provider", name, self._endpoints)
        kind = catalog.provider_type_of(full)
        names = [name for name, endpoint in self._endpoints.items() if endpoint.settings.type == kind]
        # A provider that stands in for another (the simulator) has its models only by its own name.
        names = [name for name in names if name == kind] or names
        if len(names) == 1:
            return names[0], full
        if names:
            raise GatewayError(
                error_reason_pb2.ERROR_REASON_ROUTE_NOT_FOUND,
                f"several providers have the model {model!r}: write it as provider/model, with one of {_list(names)}",
                resource=f"models/{model}",
            )
        raise GatewayError(
            error_reason_pb2.ERROR_REASON_ROUTE_NOT_FOUND,
            f"no provider is known to have the model {model!r}: write it as provider/model, with one of "
            f"{_list(self._endpoints)}",
            resource=f"models/{model}",
        )

    def model_of(self, model: str) -> str:
        """The model's own name, for a route that has decided on the provider."""
        full = self._settings.models.get(model, model)
        name, slash, rest = full.partition("/")
        return rest if slash and name in self._endpoints else full


_DROP = route_pb2.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING
# Why a provider does not tell a model's maximum, though it may well answer for the model.
_UNTOLD = frozenset(
    {
        error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
        error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
    }
)


def _replace(leg: Leg, *, max_output_tokens: int | None) -> Leg:
    return dataclasses.replace(leg, target=dataclasses.replace(leg.target, max_output_tokens=max_output_tokens))


def _not_found(kind: str, name: str, known: Mapping[str, object]) -> GatewayError:
    return GatewayError(
        error_reason_pb2.ERROR_REASON_ROUTE_NOT_FOUND,
        f"there is no {kind} {name!r} here; there is {_list(known)}",
        resource=f"{kind}s/{name}",
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:20]) or "none"
