"""What must hold of routes under trouble, in minutes of traffic instead of an hour."""

from __future__ import annotations

from functools import cache

import pytest

from routing.hour.figures import Figures, figures
from routing.hour.simulation import Result, simulate
from routing.hour.strategies import STRATEGIES
from routing.hour.traffic import traffic
from routing.hour.trouble import Kind, Scene, Trouble

ALL: tuple[Kind, ...] = ("down", "throttled", "cuts", "slow")


@cache
def result(route: str, *kinds: Kind, seconds: float = 60) -> Result:
    """Of half a minute in calm, each trouble of the first target for so long, and a minute in calm."""
    troubles = [Trouble("anthropic", kind, 30 + n * seconds, 30 + (n + 1) * seconds) for n, kind in enumerate(kinds)]
    ends = 90 + len(kinds) * seconds
    return simulate(STRATEGIES[route], Scene(ends, troubles), traffic(7, ends))


@cache
def found(route: str, *kinds: Kind, seconds: float = 60) -> Figures:
    return figures(result(route, *kinds, seconds=seconds))


@pytest.mark.parametrize("route", STRATEGIES)
def test_another_target_answers_what_one_cannot(route: str) -> None:
    answered = found(route, *ALL, seconds=30).answered
    assert 0.5 < answered < 0.85 if route.startswith("one target") else answered == 1
    assert result(route, *ALL, seconds=30).left == 0


def test_a_breaker_spares_a_provider_that_is_down() -> None:
    assert found("fallback", "down").load < 0.2
    assert found("fallback, no breaker", "down").load > 0.9
    assert found("least in flight", "down").load < 1


def test_what_fails_quickly_looks_empty_without_a_breaker() -> None:
    assert found("least in flight, no breaker", "down").load > 2


def test_retries_add_a_tenth_at_most() -> None:
    """Beside ten that were saved up."""
    asked = len(result("one target, retries", "down", seconds=200).asked["anthropic"])
    calls = len(result("one target", "down", seconds=200).asked["anthropic"])
    assert calls * 1.04 < asked <= calls * 1.1 + 10


def test_retries_help_where_it_passes_soon() -> None:
    assert found("one target, retries", "cuts").answered > found("one target", "cuts").answered + 0.02


def test_a_fallback_goes_back_within_a_minute() -> None:
    """However long the provider was away."""
    for seconds in (90, 200):
        what = result("fallback", "down", seconds=seconds)
        ends = what.scene.troubles[0].ends
        assert any(ends <= at < ends + 60 for at in what.asked["anthropic"])


def test_going_by_latency_avoids_one_that_is_slow() -> None:
    assert found("least latency", "slow").first[1] < found("weighted", "slow").first[1] / 2


def test_hedging_shortens_the_wait_for_one_that_is_slow() -> None:
    assert found("fallback, hedging a half", "slow").first[1] < found("fallback", "slow").first[1] * 0.9


def test_hedging_by_default_adds_a_twentieth_at_most() -> None:
    """Beside one that was there to begin with."""
    what = result("fallback, hedging", "slow")
    calls = len(what.records)
    assert sum(each.attempts for each in what.records) <= calls * 1.05 + 1


def test_affinity_keeps_the_hit_rate_of_a_single_account() -> None:
    single = found("one target").hits
    assert found("cache affinity").hits >= 0.9 * single
    assert found("weighted").hits < 0.8 * single


def test_the_cheapest_is_cheaper() -> None:
    others = [found(route).cost for route in ("fallback", "weighted", "cache affinity")]
    assert found("cheapest").cost < min(others)


def test_the_same_seed_gives_the_same_hour() -> None:
    scene = result("fallback, hedging", "slow").scene
    again = simulate(STRATEGIES["fallback, hedging"], scene, traffic(7, scene.seconds))
    assert again.asked == result("fallback, hedging", "slow").asked
    assert figures(again) == found("fallback, hedging", "slow")
