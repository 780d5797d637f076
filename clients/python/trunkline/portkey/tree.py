"""Strategies and targets as a tree of routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from trunkline.portkey import policies
from trunkline.portkey.conditions import condition
from trunkline.portkey.destinations import OF_PROVIDERS, Destinations, Leaf
from trunkline.portkey.leftovers import drop
from trunkline.portkey.names import api, known, model_name, provider_type
from trunkline.portkey.params import chat_input
from trunkline.portkey.reading import Place, Settings
from trunkline.v1.chat_input_pb2 import ChatInput
from trunkline.v1.route_pb2 import Branch, LoadBalanceStrategy, Route, WeightedRoute

# What the gateway takes, or less.
_MAX_DEPTH: Final = 16
_MAX_TARGETS: Final = 1000
_MAX_WEIGHT: Final = 1e9
_MAX_MODEL: Final = 1000


class Built(NamedTuple):
    """A route, and how many targets it has."""

    route: Route
    targets: int


@dataclass(frozen=True, slots=True)
class Above:
    """What holds from above.

    Of `params` and `custom_host`, a target has its own or those from above; the rest says which policies there are.
    """

    params: Mapping[str, Place] = field(default_factory=dict)
    custom_host: Place | None = None
    has_retry: bool = False
    has_statuses: bool = False
    depth: int = 0


class Builder:
    """Makes routes of nodes: strategies with their targets, or targets of one provider."""

    def __init__(self, destinations: Destinations, names: Mapping[str, str]) -> None:
        """`destinations` makes the targets; `names` are our names of providers by Portkey's, where they differ."""
        self._destinations = destinations
        self._names = names
        self._modes: Mapping[str, Callable[[Settings, Place, Above, Route], int]] = {
            "single": self._single,
            "fallback": self._fallback,
            "loadbalance": self._load_balance,
            "conditional": self._conditional,
        }

    def build(self, place: Place, above: Above, *, share: WeightedRoute | None = None, is_named: bool = False) -> Built:
        """The route of a node. Its weight goes to the `share`, if there is one; `is_named` says that its name was used.

        Raises PortkeyError.
        """
        if above.depth > _MAX_DEPTH:
            place.fail(f"is nested deeper than {_MAX_DEPTH} levels")
        settings = Settings(place)
        route = Route()
        if (weight := settings.take("weight")) and share is None:
            weight.dropped("there is nothing to weigh it against")
        elif weight and share:
            _weigh(weight, share)
        if (name := settings.take("name")) and not is_named:
            name.dropped("only the targets of a conditional strategy need names")
        within = self._policies(settings, route, above)
        strategy, targets = settings.take("strategy"), settings.take("targets")
        if strategy is None and targets is None:
            self._leaf(settings, route, within)
            return Built(route, 1)
        if strategy is None:
            place.fail("has targets but no strategy")
        if targets is None:
            strategy.fail("has no targets beside it")
        if not targets.items():
            targets.fail("is empty: there is nothing to ask")
        for _, setting in settings.rest():
            setting.dropped("means nothing beside targets: they do not inherit it")
        count = self._strategy(strategy, targets, within, route)
        if count > _MAX_TARGETS:
            place.fail(f"leads to more than {_MAX_TARGETS} targets")
        return Built(route, count)

    def _policies(self, settings: Settings, route: Route, above: Above) -> Above:
        """Read what holds for a node and all below it."""
        drop(settings)
        retry = settings.take("retry")
        if retry:
            route.retry.CopyFrom(policies.retry(retry, explicit=above.has_retry))
        if (timeout := settings.take("request_timeout")) and (duration := policies.milliseconds(timeout)):
            timeout.differs("ends with the first event of the answer, streamed or not, and so covers the headers, too")
            route.timeouts.first_event.CopyFrom(duration)
        if breaker := settings.take("cb_config"):
            route.circuit_breaker.CopyFrom(policies.circuit_breaker(breaker))
        params = settings.take("override_params")
        return replace(
            above,
            params={**above.params, **(params.members() if params else {})},
            custom_host=settings.take("custom_host") or above.custom_host,
            has_retry=above.has_retry or retry is not None,
            depth=above.depth + 1,
        )

    def _strategy(self, place: Place, targets: Place, above: Above, route: Route) -> int:
        strategy = Settings(place)
        mode = strategy.take("mode") or place.fail("has no mode")
        if mode.text() not in self._modes:
            mode.fail(f"expected one of {', '.join(self._modes)}")
        if breaker := strategy.take("cb_config"):
            route.circuit_breaker.MergeFrom(policies.circuit_breaker(breaker))
        count = self._modes[mode.text()](strategy, targets, above, route)
        strategy.close()
        return count

    def _single(self, _strategy: Settings, targets: Place, above: Above, route: Route) -> int:
        first, *others = targets.items()
        for other in others:
            other.dropped("a single strategy asks only the first target")
        built = self.build(first, above)
        _only(route, built.route)
        return built.targets

    def _fallback(self, strategy: Settings, targets: Place, above: Above, route: Route) -> int:
        items = targets.items()
        listed = strategy.take("on_status_codes")
        if listed is None:
            targets.differs(
                "a failure leads on by its class, not by any status but 2xx: what is wrong with the request itself"
                " (its own keys, too) or refused by a policy does not, unless strategy.on_status_codes says so"
            )
            if above.has_statuses:
                route.failover.upstream_statuses.extend(policies.USUAL_STATUSES)
        elif statuses := policies.statuses(listed):
            listed.differs("timeouts and connections that fail, which have no status here, lead on whatever it says")
            route.failover.upstream_statuses.extend(statuses)
            above = replace(above, has_statuses=True)
        else:
            for other in items[1:]:
                other.dropped("nothing leads here, as strategy.on_status_codes has no failure")
            items = items[:1]
        built = [self.build(item, above) for item in items]
        route.fallback.routes.extend(each.route for each in built)
        return sum(each.targets for each in built)

    def _load_balance(self, strategy: Settings, targets: Place, above: Above, route: Route) -> int:
        items = targets.items()
        shares = [WeightedRoute() for _ in items]
        count = 0
        for item, share in zip(items, shares, strict=True):
            built = self.build(item, above, share=share)
            share.route.CopyFrom(built.route)
            count += built.targets
        if not any(share.weight if share.HasField("weight") else 1 for share in shares):
            targets.fail("have all the weight 0: at least one must have more (in Portkey, such a call hangs)")
        if len(items) > 1:
            targets.differs("if the one that was drawn fails, another one is asked; Portkey asks no other")
        route.load_balance.routes.extend(shares)
        if sticky := strategy.take("sticky"):
            _stick(sticky, route)
        return count

    def _conditional(self, strategy: Settings, targets: Place, above: Above, route: Route) -> int:
        found = _by_name(targets)
        built: dict[str, Built] = {}
        used: list[str] = []

        def way(place: Place) -> Route:
            name = place.text()
            if name not in found:
                place.fail(f"there is no target with the name {name!r}")
            if name not in built:
                built[name] = self.build(found[name], above, is_named=True)
            used.append(name)
            if sum(built[each].targets for each in used) > _MAX_TARGETS:
                place.fail(f"leads to more than {_MAX_TARGETS} targets")
            return built[name].route

        conditions = strategy.take("conditions")
        for item in conditions.items() if conditions else []:
            branch = Settings(item)
            query = branch.take("query") or item.fail("needs a query")
            then = branch.take("then") or item.fail("needs a then, the name of a target")
            route.conditional.branches.append(Branch(condition=condition(query), route=way(then)))
            branch.close()
        if default := strategy.take("default"):
            if route.conditional.branches:
                route.conditional.default_route.CopyFrom(way(default))
            else:
                _only(route, way(default))
        elif not route.conditional.branches:
            strategy.place.fail("needs conditions")
        for name, target in found.items():
            if name not in built:
                target.dropped("no condition leads here")
        return sum(built[each].targets for each in used)

    def _leaf(self, settings: Settings, route: Route, above: Above) -> None:
        place = settings.place
        params = dict(above.params)
        model = params.pop("model", None)
        name, model_text = _provider(settings, model)
        called = self._names.get(name, name)
        type_ = provider_type(known(name, called), model_text)
        of_provider = settings.take_all(OF_PROVIDERS)
        if above.custom_host:
            of_provider["custom_host"] = above.custom_host
        for part in ("anthropic_version", "anthropic_beta"):
            if setting := settings.take(part):
                params[part] = setting
        leaf = Leaf(place, name, called, type_, model_name(type_, model_text), of_provider)
        route.target.CopyFrom(self._destinations.target(leaf))
        overrides = chat_input(params, api(type_), route.target.provider)
        if overrides != ChatInput():
            route.overrides.CopyFrom(overrides)
        settings.close()


def _provider(settings: Settings, model: Place | None) -> tuple[str, str]:
    """The provider's name, and the model: "@name/model" says both."""
    stated = [each for each in (settings.take("provider"), settings.take("virtual_key")) if each]
    text = "" if model is None or model.value is None else model.text()
    if model is not None and model.value is None:
        model.dropped("null takes nothing back here: the caller's model is asked")
    if len(text) > _MAX_MODEL and model:
        model.fail(f"is longer than {_MAX_MODEL} characters")
    if text.startswith("@") and "/" in text:
        slug, _, text = text[1:].partition("/")
        for each in stated:
            each.differs(f"the model names another provider, {slug!r}")
        if model and not (slug and text):
            model.fail("expected @PROVIDER/MODEL")
        return slug, text
    if not stated:
        settings.place.fail("names no provider")
    for other in stated[:-1]:
        other.differs("the virtual key says which provider it is")
    name = stated[-1].text().removeprefix("@")
    return name or stated[-1].fail("is empty"), text


def _only(route: Route, way: Route) -> None:
    """Write the only way that there is: on its own, unless something holds for it from above."""
    if route.ListFields():
        route.fallback.routes.append(way)
    else:
        route.CopyFrom(way)


def _weigh(place: Place, share: WeightedRoute) -> None:
    share.weight = place.number()
    if not 0 <= share.weight <= _MAX_WEIGHT:
        place.fail(f"expected a number from 0 to {_MAX_WEIGHT:g}")
    if not share.weight:
        place.differs("with 0 it is asked where the others fail; Portkey never asks it")


def _stick(place: Place, route: Route) -> None:
    settings = Settings(place)
    enabled = settings.take("enabled")
    if enabled and enabled.boolean():
        route.load_balance.strategy = LoadBalanceStrategy.LOAD_BALANCE_STRATEGY_CACHE_AFFINITY
        place.differs("calls that begin alike stay together, or those with the same RoutingOptions.affinity_key")
    settings.close()


def _by_name(targets: Place) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for item in targets.items():
        name = item.members().get("name")
        if name is None:
            item.dropped("no condition leads here, as it has no name")
        elif name.text() in found:
            item.dropped("no condition leads here, as the one before it has the same name")
        else:
            found[name.text()] = item
    return found
