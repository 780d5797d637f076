"""What a simulation comes to, in numbers."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from routing.hour.simulation import Record, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of a route, in a scene.

    `answered`, `unanswered_cost` and `hits` are shares, 0 to 1: of calls, of the cost, and of the answers to turns of
    conversations. `first` are the 50th, 95th and 99th percentile of the time to the first event, and `added` is by how
    much it was later than at the best provider of the moment, on average, in seconds. `load` is what providers that
    failed every request were asked meanwhile, relative to what the same route asks them in calm. `cost` is nano-dollars
    for an answer.
    """

    answered: float
    first: tuple[float, float, float]
    added: float
    attempts: float
    load: float
    cost: float
    unanswered_cost: float
    hits: float


def figures(result: Result) -> Figures:
    """Those of a result."""
    records = result.records
    answered = [each for each in records if each.answered and each.first is not None]
    waits = sorted(each.first or 0.0 for each in answered)
    spent = sum(bill.cost for each in records for bill in each.bills)
    unanswered = sum(bill.cost for each in records for bill in each.bills if not bill.answered)
    turns = [bill for each in records if each.call.prefix for bill in each.bills if bill.answered]
    added = [each.first - each.best for each in answered if each.first is not None and math.isfinite(each.best)]
    return Figures(
        answered=len(answered) / len(records),
        first=(_percentile(waits, 0.5), _percentile(waits, 0.95), _percentile(waits, 0.99)),
        added=sum(added) / len(added),
        attempts=sum(each.attempts for each in records) / len(records),
        load=_load(result),
        cost=spent / len(answered),
        unanswered_cost=unanswered / spent,
        hits=sum(bill.hit for bill in turns) / len(turns),
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _load(result: Result) -> float:
    scene = result.scene
    arrivals = [each.call.at for each in result.records]
    calm = sum(scene.is_calm(at) for at in arrivals)
    asked = expected = 0.0
    for trouble in scene.troubles:
        times = result.asked[trouble.provider]
        usual = sum(scene.is_calm(at) for at in times) / calm
        for begins, ends in trouble.failing:
            asked += _between(times, begins, ends)
            expected += usual * _between(arrivals, begins, ends)
    return asked / expected if expected else 0.0


def _between(ordered: Sequence[float], begins: float, ends: float) -> int:
    return bisect_left(ordered, ends) - bisect_left(ordered, begins)


def by_minute(records: Sequence[Record], soon: float) -> list[tuple[int, int, int]]:
    """For each minute's calls, how many were answered soon (within so many seconds), late, and not at all."""
    minutes = [[0, 0, 0] for _ in range(int(records[-1].call.at // 60) + 1)]
    for each in records:
        place = 2 if each.first is None else int(each.first > soon)
        minutes[int(each.call.at // 60)][place] += 1
    return [(a, b, c) for a, b, c in minutes]
