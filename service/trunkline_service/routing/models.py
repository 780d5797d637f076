"""What models there are behind the gateway: the providers' own lists, and the catalogue."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from trunkline.v1 import error_reason_pb2, model_service_pb2, route_pb2, warning_pb2
from trunkline.v1.model_service_pb2 import Model
from trunkline_service import catalog
from trunkline_service.catalog.describe import describe
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ModelLister, Target
from trunkline_service.routing.router import Router

# So long, at most, a call waits for a provider that does not answer.
WAIT_SECONDS = 10.0
NEAREST = 3

_REJECT = route_pb2.UNSUPPORTED_FIELD_POLICY_REJECT
_STAGE = {"stage": "first_event"}
_RETIRED = model_service_pb2.MODEL_LIFECYCLE_RETIRED


class Models:
    """The models of a router's providers."""

    def __init__(self, router: Router, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._router = router
        self._now = now

    async def all(self, provider: str, deadline: float) -> tuple[list[Model], list[warning_pb2.Warning]]:
        """The models of all providers, or of the one that is named: by provider, and by id within it.

        A provider that cannot be asked is told of in a warning. Raises `GatewayError` if there is no such provider.
        """
        names = [provider] if provider else sorted(self._router.endpoints)
        found = await asyncio.gather(*(self._of(name, deadline) for name in names))
        models = [model for each, _ in found for model in each]
        warnings = [_warning(name, error) for name, (_, error) in zip(names, found, strict=True) if error is not None]
        return models, warnings

    async def one(self, name: str, deadline: float) -> tuple[Model, list[warning_pb2.Warning]]:
        """The model that a request for `name` would be answered by.

        Where the provider has no list of its models, any name may be one that it takes: a deployment, a profile. Such
        a model is described by what the catalogue knows, which may be nothing.

        Raises:
            GatewayError: the provider's own list has no such model, or it is retired (MODEL_NOT_FOUND, with the nearest
                names), or the provider should have told and did not; or what `Router.resolve` raises.
        """
        try:
            provider, own = self._router.resolve(name, "model")
        except GatewayError as error:
            if "/" in name or catalog.provider_type_of(name) is not None:
                raise
            models, _ = await self.all("", deadline)
            raise _not_found(name, f"no provider has the model {name!r}", models, error.metadata) from error
        endpoint = self._router.endpoints[provider]
        kind = endpoint.settings.type
        told, failure = await self._told(provider, deadline)
        models = self._described(provider, told)
        model: Model | None
        if told is not None:
            model = _pick(own, kind, models)
        else:
            facts = catalog.find(kind, own)
            if failure is not None and facts is None and not _has_no_list(failure):
                # It may well be there.
                raise failure if asyncio.get_running_loop().time() < deadline else _too_late()
            model = describe(provider, endpoint.provider.type, None, facts, self._now(), asked=own)
        metadata = {"provider": provider, "model": own}
        if model is None:
            raise _not_found(own, f"{provider!r} has no model {own!r}", models, metadata)
        if model.lifecycle == _RETIRED:
            when = f" on {model.retire_time.ToDatetime():%Y-%m-%d}" if model.HasField("retire_time") else ""
            raise _not_found(own, f"{provider!r} retired the model {own!r}{when}", models, metadata)
        return model, [] if failure is None else [_warning(provider, failure)]

    async def _of(self, provider: str, deadline: float) -> tuple[list[Model], GatewayError | None]:
        """The models of a provider by their ids, and why it could not be asked."""
        told, failure = await self._told(provider, deadline)
        return self._described(provider, told), failure

    async def _told(self, provider: str, deadline: float) -> tuple[Mapping[str, Model] | None, GatewayError | None]:
        """A provider's own list, None if it has none; and why it could not be asked."""
        endpoint = self._router.endpoint(provider)
        lister = endpoint.provider
        bare = Target(provider=provider, model="", base_url=endpoint.settings.base_url)
        if not isinstance(lister, ModelLister) or lister.encode_models(bare, "") is None:
            return None, None
        wait = asyncio.get_running_loop().time() + WAIT_SECONDS
        try:
            leg = self._router.provider_leg(route_pb2.Target(provider=provider), _REJECT, key_field="")
            return await endpoint.listing.get(leg, lister, min(deadline, wait)), None
        except GatewayError as error:
            return None, error

    def _described(self, provider: str, told: Mapping[str, Model] | None) -> list[Model]:
        """What is known of a provider's models, by their ids; of the catalogue's, if the provider has not told."""
        endpoint = self._router.endpoint(provider)
        kind, speaks, now = endpoint.settings.type, endpoint.provider.type, self._now()
        models = {
            name: describe(provider, speaks, model, catalog.find(kind, name), now)
            for name, model in (told or {}).items()
        }
        known = {each.id for name in models if (each := catalog.find(kind, name)) is not None}
        for facts in catalog.models(kind):
            # What a provider that tells its models has not told is not there, but what is gone may be asked for.
            if facts.id not in models and facts.id not in known and (told is None or facts.lifecycle == "retired"):
                models[facts.id] = describe(provider, speaks, None, facts, now)
        return [models[name] for name in sorted(models)]


def _has_no_list(failure: GatewayError) -> bool:
    """Whether the provider's answer was that there is nothing to be had at the list's address."""
    return failure.metadata.get("upstream_status") in ("404", "405", "501")


def _pick(name: str, kind: str, models: Sequence[Model]) -> Model | None:
    """The model of that name, or else that the name is an alias of, or else that the catalogue takes for the same."""
    for model in models:
        if model.id == name:
            return model
    for model in models:
        if name in model.aliases:
            return model
    facts = catalog.find(kind, name)
    if facts is None:
        return None
    return next((model for model in models if model.id in (facts.id, *facts.aliases)), None)


def _not_found(name: str, text: str, models: Iterable[Model], metadata: Mapping[str, str]) -> GatewayError:
    there = {f"{model.provider}/{model.id}": model.id for model in models if model.lifecycle != _RETIRED}
    near = difflib.get_close_matches(name, set(there.values()), n=NEAREST, cutoff=0.5)
    full = [path for each in near for path, own in there.items() if own == each][:NEAREST]
    text += f"; the nearest are {', '.join(full)}" if full else ""
    return GatewayError(
        error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND, text, metadata=metadata, resource=f"models/{name}"
    )


def _too_late() -> GatewayError:
    return GatewayError(error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED, "the call's deadline passed", metadata=_STAGE)


def _warning(provider: str, error: GatewayError) -> warning_pb2.Warning:
    return warning_pb2.Warning(
        code=warning_pb2.WARNING_CODE_PROVIDER_UNAVAILABLE,
        value=provider,
        message=f"{provider!r} could not be asked for its models, these are the catalogue's: {error.message}",
    )
