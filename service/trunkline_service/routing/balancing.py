"""How a load balancer picks one of several: a function for each strategy, over those that are welcome."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from trunkline.v1 import route_pb2
from trunkline_service.routing.affinity import ranked
from trunkline_service.routing.health import Health
from trunkline_service.routing.ways import Asked, Pick, Share, TargetNode


def weighted(asked: Asked, shares: Sequence[Share]) -> Share:
    """At random, in proportion to the weights."""
    total = sum(share.weight for share in shares)
    if not total:
        return asked.random.choice(shares)
    point = asked.random.uniform(0, total)
    for share in shares:
        point -= share.weight
        if point < 0:
            return share
    return next(share for share in reversed(shares) if share.weight)


def least_latency(asked: Asked, shares: Sequence[Share]) -> Share:
    """The quicker one of two at random: as good as looking at all, and no herd runs to the best one of the moment."""
    first = weighted(asked, shares)
    others = [share for share in shares if share is not first]
    if not others:
        return first
    second = weighted(asked, others)
    if first.weight and not second.weight:
        return first
    return min(first, second, key=lambda share: _next(asked, share).load(asked.now()))


def least_in_flight(asked: Asked, shares: Sequence[Share]) -> Share:
    """The one with the fewest calls in flight for its weight; one of them at random, if there are several."""

    def crowd(share: Share) -> float:
        in_flight = sum(asked.health(target).in_flight for target in share.node.in_reach(asked))
        return (in_flight + 1) / share.weight if share.weight else math.inf

    least = min(map(crowd, shares))
    return weighted(asked, [share for share in shares if crowd(share) == least])


def cheapest(asked: Asked, shares: Sequence[Share]) -> Share:
    """The one that costs the least, of those that the call fits into; one without a known price comes after them, one
    of weight 0 last.
    """

    def rank(share: Share) -> tuple[bool, bool, float]:
        target = _next_target(asked, share)
        price = asked.price(target)
        return not share.weight, not asked.fits(target), math.inf if price is None else price

    best = min(map(rank, shares))
    return weighted(asked, [share for share in shares if rank(share) == best])


def cache_affinity(asked: Asked, shares: Sequence[Share]) -> Share:
    """The one that calls with the same beginning go to, as long as it is there."""
    names = [share.name for share in shares]
    return shares[ranked(asked.affinity(), names, [share.weight for share in shares])[0]]


PICKS: Mapping[route_pb2.LoadBalanceStrategy.ValueType, Pick] = {
    route_pb2.LOAD_BALANCE_STRATEGY_UNSPECIFIED: weighted,
    route_pb2.LOAD_BALANCE_STRATEGY_WEIGHTED: weighted,
    route_pb2.LOAD_BALANCE_STRATEGY_LEAST_LATENCY: least_latency,
    route_pb2.LOAD_BALANCE_STRATEGY_LEAST_IN_FLIGHT: least_in_flight,
    route_pb2.LOAD_BALANCE_STRATEGY_CHEAPEST: cheapest,
    route_pb2.LOAD_BALANCE_STRATEGY_CACHE_AFFINITY: cache_affinity,
}


def _next_target(asked: Asked, share: Share) -> TargetNode:
    """The target of a share that would be asked first."""
    now = asked.now()
    targets = list(share.node.in_reach(asked))
    return next((each for each in targets if asked.health(each).available(now)), targets[0])


def _next(asked: Asked, share: Share) -> Health:
    return asked.health(_next_target(asked, share))
