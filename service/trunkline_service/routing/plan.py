"""Routes compiled: from the message to the tree that `ways.py` walks, with every policy where it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.v1 import route_pb2
from trunkline_service.routing.balancing import PICKS
from trunkline_service.routing.conditions import compiled
from trunkline_service.routing.policies import TOP, Inherited, policies
from trunkline_service.routing.ways import BalanceNode, ConditionalNode, FallbackNode, Node, Share, TargetNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A route, ready to be gone. `name` is that of the configuration, empty for all others.

    `looks_at` are the variables that its conditions read, and "estimated_tokens" where its balancing does.
    """

    node: Node
    name: str = ""
    looks_at: frozenset[str] = frozenset()


def plan(route: route_pb2.Route, routes: Mapping[str, route_pb2.Route], name: str = "") -> Plan:
    """Compiles a route that keeps the rules of `rules/routes.py`. `routes` are those that it may refer to."""
    compiler = _Compiler(routes)
    node = compiler.node(route, "", TOP)
    return Plan(node=node, name=name, looks_at=frozenset(compiler.looks_at))


class _Compiler:
    def __init__(self, routes: Mapping[str, route_pb2.Route]) -> None:
        self._routes = routes
        self.looks_at: set[str] = set()

    def node(self, route: route_pb2.Route, path: str, upper: Inherited) -> Node:
        inner = upper.below(route)
        strategy = route.WhichOneof("strategy")
        path = f"{path}.{strategy}" if path else str(strategy)
        match strategy:
            case "fallback":
                children = [
                    self.node(child, f"{path}.routes[{number}]", inner)
                    for number, child in enumerate(route.fallback.routes)
                ]
                return FallbackNode(children=children, failover=policies(inner.route).failover)
            case "load_balance":
                return self._balance(route.load_balance, path, inner)
            case "conditional":
                return self._conditional(route.conditional, path, inner)
            case "route_name":
                return self.node(self._routes[route.route_name], f"{path}({route.route_name})", inner)
        return TargetNode(
            path=path,
            provider=route.target.provider,
            model=route.target.model,
            api_key=route.target.api_key,
            overrides=inner.overrides,
            policies=policies(inner.route),
        )

    def _balance(self, balance: route_pb2.LoadBalance, path: str, inner: Inherited) -> Node:
        if balance.strategy == route_pb2.LOAD_BALANCE_STRATEGY_CHEAPEST:
            self.looks_at.add("estimated_tokens")
        shares: list[Share] = []
        alike: Counter[str] = Counter()
        for number, share in enumerate(balance.routes):
            node = self.node(share.route, f"{path}.routes[{number}].route", inner)
            weight = share.weight if share.HasField("weight") else 1.0
            name = " ".join(f"{target.provider}/{target.model}" for target in node.targets())
            alike[name] += 1
            shares.append(Share(node, weight, f"{name} {alike[name]}"))
        return BalanceNode(shares=shares, pick=PICKS[balance.strategy], failover=policies(inner.route).failover)

    def _conditional(self, conditional: route_pb2.Conditional, path: str, inner: Inherited) -> Node:
        branches = []
        for number, branch in enumerate(conditional.branches):
            condition = compiled(branch.condition, own=True)
            self.looks_at |= condition.variables
            branches.append((condition, self.node(branch.route, f"{path}.branches[{number}].route", inner)))
        default = None
        if conditional.HasField("default_route"):
            default = self.node(conditional.default_route, f"{path}.default_route", inner)
        return ConditionalNode(branches=branches, default=default)
