"""What a route must be, whether it stands in the configuration or in a request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from trunkline.v1 import error_reason_pb2, route_pb2
from trunkline_service.errors import Violation
from trunkline_service.routing.conditions import ConditionError, compiled
from trunkline_service.routing.policies import TOP, Inherited, PolicyName
from trunkline_service.rules.basics import MAX_NAME, KnowsProvider, is_header_value
from trunkline_service.rules.inputs import parts

MAX_DEPTH = 20
MAX_TARGETS = 1000
# Of routes of callers, each of which is looked at for its one call.
MAX_OWN_TARGETS = 100
MAX_OWN_BYTES = 256 * 1024
MAX_ATTEMPTS = 10
_WEEK = 7 * 24 * 3600


class RouteRules:
    """Finds what is wrong with routes. `routes` are those of the configuration, which others may refer to."""

    def __init__(self, routes: Mapping[str, route_pb2.Route], knows_provider: KnowsProvider, *, own: bool) -> None:
        """`own` says that they are the gateway's, not a caller's."""
        self._routes = routes
        self._knows_provider = knows_provider
        self._own = own

    def violations(self, route: route_pb2.Route, path: str, name: str = "") -> Iterator[Violation]:
        """Everything that is wrong with a route at `path`; `name` is its own, in the configuration."""
        most = MAX_TARGETS if self._own else MAX_OWN_TARGETS
        if _count(route, {}) > most:
            yield Violation(path, f"has more than {most} targets, or is nested deeper than {MAX_DEPTH} levels")
            return
        if _count(route, self._routes, (name,)) > MAX_TARGETS:
            what = "with the routes that it names, has more than"
            yield Violation(path, f"{what} {MAX_TARGETS} targets, or is nested deeper than {MAX_DEPTH} levels")
            return
        if not self._own and route.ByteSize() > MAX_OWN_BYTES:
            yield Violation(path, f"is larger than {MAX_OWN_BYTES} bytes")
            return
        yield from self._route(route, path, TOP, (name,) if name else ())

    def _route(
        self, route: route_pb2.Route, path: str, upper: Inherited, names: tuple[str, ...]
    ) -> Iterator[Violation]:
        yield from self._overrides(route, f"{path}.overrides")
        yield from _policies(route, path)
        inner = upper.below(route)
        if inner.route.HasField("hedge") and inner.route.hedge.WhichOneof("trigger") is None:
            yield Violation(f"{path}.hedge", "needs a delay or a percentile")
        match route.WhichOneof("strategy"):
            case None:
                yield Violation(f"{path}.strategy", "is required")
            case "target":
                yield from self._target(route.target, f"{path}.target")
            case "fallback":
                yield from _not_empty(route.fallback.routes, f"{path}.fallback.routes")
                for number, child in enumerate(route.fallback.routes):
                    yield from self._route(child, f"{path}.fallback.routes[{number}]", inner, names)
            case "load_balance":
                yield from self._load_balance(route.load_balance, f"{path}.load_balance", inner, names)
            case "conditional":
                yield from self._conditional(route.conditional, f"{path}.conditional", inner, names)
            case "route_name":
                yield from self._named(route.route_name, f"{path}.route_name", inner, names)

    def _target(self, target: route_pb2.Target, path: str) -> Iterator[Violation]:
        if not target.provider:
            yield Violation(f"{path}.provider", "is required")
        if len(target.model) > MAX_NAME:
            yield Violation(f"{path}.model", f"is longer than {MAX_NAME} characters")
        if target.api_key and self._own:
            yield Violation(f"{path}.api_key", "a key does not belong in this file: give the provider an api_key")
        elif not is_header_value(target.api_key):
            yield Violation(f"{path}.api_key", "must be printable ASCII")

    def _load_balance(
        self, balance: route_pb2.LoadBalance, path: str, inner: Inherited, names: tuple[str, ...]
    ) -> Iterator[Violation]:
        yield from _not_empty(balance.routes, f"{path}.routes")
        if balance.strategy not in route_pb2.LoadBalanceStrategy.values():
            yield Violation(f"{path}.strategy", "is not a strategy that this gateway knows")
        weights = [share.weight if share.HasField("weight") else 1.0 for share in balance.routes]
        for number, weight in enumerate(weights):
            if not (math.isfinite(weight) and 0 <= weight <= 1e9):
                yield Violation(f"{path}.routes[{number}].weight", f"{weight:g} is not between 0 and 1e9")
        if weights and not any(weights):
            yield Violation(f"{path}.routes", "have all the weight 0: at least one must have more")
        for number, share in enumerate(balance.routes):
            yield from self._route(share.route, f"{path}.routes[{number}].route", inner, names)

    def _conditional(
        self, conditional: route_pb2.Conditional, path: str, inner: Inherited, names: tuple[str, ...]
    ) -> Iterator[Violation]:
        yield from _not_empty(conditional.branches, f"{path}.branches")
        for number, branch in enumerate(conditional.branches):
            place = f"{path}.branches[{number}]"
            try:
                compiled(branch.condition, own=self._own)
            except ConditionError as error:
                yield Violation(f"{place}.condition", str(error))
            yield from self._route(branch.route, f"{place}.route", inner, names)
        if conditional.HasField("default_route"):
            yield from self._route(conditional.default_route, f"{path}.default_route", inner, names)

    def _named(self, name: str, path: str, inner: Inherited, names: tuple[str, ...]) -> Iterator[Violation]:
        if name in names:
            yield Violation(path, f"leads back to itself: {' → '.join((*names, name))}")
        elif name not in self._routes:
            known = ", ".join(sorted(self._routes)[:20]) or "none"
            yield Violation(path, f"there is no route {name!r}; there is {known}")
        else:
            # What is wrong with that route by itself is told in its own place.
            found = self._route(self._routes[name], path, inner, (*names, name))
            yield from (each for each in found if "leads back to itself" in each.description)

    def _overrides(self, route: route_pb2.Route, path: str) -> Iterator[Violation]:
        if route.overrides.model:
            yield Violation(f"{path}.model", "must not be set: the target names the model")
        if route.overrides.messages:
            yield Violation(f"{path}.messages", "must not be set: they are the caller's")
        for violation in parts(route.overrides, self._knows_provider) if route.HasField("overrides") else ():
            yield Violation(path + violation.field.removeprefix("input"), violation.description)


def _not_empty(routes: Sequence[Message], path: str) -> Iterator[Violation]:
    if not routes:
        yield Violation(path, "is required: at least one")


def _policies(route: route_pb2.Route, path: str) -> Iterator[Violation]:
    for name, rules in _RULES.items():
        if not route.HasField(name):
            continue
        policy = getattr(route, name)
        for field, rule in rules.items():
            if policy.HasField(field) and (wrong := rule(getattr(policy, field))):
                yield Violation(f"{path}.{name}.{field}", wrong)
        if name in ("retry", "failover"):
            yield from _when(policy, f"{path}.{name}")


def _when(policy: route_pb2.RetryPolicy | route_pb2.FailoverPolicy, path: str) -> Iterator[Violation]:
    for number, reason in enumerate(policy.reasons):
        if not reason or reason not in error_reason_pb2.ErrorReason.values():
            yield Violation(f"{path}.reasons[{number}]", "is not a reason that this gateway knows")
    for number, status in enumerate(policy.upstream_statuses):
        if not 100 <= status <= 599:
            yield Violation(f"{path}.upstream_statuses[{number}]", f"{status} is not an HTTP status")


Rule = Callable[[object], str]


def _number(least: float, most: float) -> Rule:
    def rule(value: object) -> str:
        assert isinstance(value, int | float)  # noqa: S101 - the fields are numbers
        return "" if least <= value <= most else f"{value:g} is not between {least:g} and {most:g}"

    return rule


def _duration(least: float) -> Rule:
    def rule(value: object) -> str:
        assert isinstance(value, Duration)  # noqa: S101 - the fields are durations
        seconds = value.seconds + value.nanos / 1e9
        if seconds < least:
            return f"{seconds:g} s is too short: it must be at least {least:g} s"
        return "" if seconds <= _WEEK else f"{seconds:g} s is too long: it may be {_WEEK} s at most"

    return rule


_TIME = _duration(0.001)
_RULES: Mapping[PolicyName, Mapping[str, Rule]] = {
    "retry": {
        "max_attempts": _number(1, MAX_ATTEMPTS),
        "initial_backoff": _duration(0),
        "max_backoff": _duration(0),
        "max_retry_after": _duration(0),
    },
    "timeouts": {"connect": _TIME, "first_event": _TIME, "idle": _TIME, "attempt": _TIME},
    "hedge": {"delay": _TIME, "percentile": _number(50, 99.9), "max_share": _number(0, 100)},
    "failover": {},
    "circuit_breaker": {
        "consecutive_failures": _number(0, 1_000_000),
        "failure_rate": _number(0, 100),
        "min_calls": _number(1, 1000),
        "window": _TIME,
        "ejection": _TIME,
        "max_ejection": _TIME,
    },
}


def _count(
    route: route_pb2.Route, named: Mapping[str, route_pb2.Route], names: tuple[str, ...] = (), depth: int = 0
) -> int:
    """The number of targets, those of `named` routes included; more than there may be, if the route is too deep to look
    at. `names` are those that led here: what leads back to them is looked for elsewhere.
    """
    if depth > MAX_DEPTH:
        return MAX_TARGETS + 1
    name = route.route_name
    if name and name not in names and name in named:
        return _count(named[name], named, (*names, name), depth + 1)
    total = 0
    for child in _children(route):
        total += _count(child, named, names, depth + 1)
        if total > MAX_TARGETS:
            break
    return total or 1


def _children(route: route_pb2.Route) -> list[route_pb2.Route]:
    """The routes that stand directly in a route."""
    match route.WhichOneof("strategy"):
        case "fallback":
            return list(route.fallback.routes)
        case "load_balance":
            return [share.route for share in route.load_balance.routes]
        case "conditional":
            default = [route.conditional.default_route] if route.conditional.HasField("default_route") else []
            return [*(branch.route for branch in route.conditional.branches), *default]
    return []
