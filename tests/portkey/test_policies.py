"""Retries, status codes, timeouts and circuit breakers."""

from __future__ import annotations

from typing import Any

import pytest

from portkey.converting import converted, expected, noted, refused, strategy, target
from trunkline.portkey import NoteKind

LIKE_THERE = "initial_backoff { seconds: 1 } max_backoff { seconds: 16 }"


@pytest.mark.parametrize(
    ("retry", "policy"),
    [
        ({}, "max_attempts: 1"),
        ({"attempts": 0}, "max_attempts: 1"),
        ({"attempts": 3}, f"max_attempts: 4 {LIKE_THERE}"),
        ({"attempts": 50}, f"max_attempts: 10 {LIKE_THERE}"),
        (
            {"attempts": 1, "on_status_codes": [429, 529, 429]},
            f"max_attempts: 2 {LIKE_THERE} upstream_statuses: [429, 529]",
        ),
        (
            {"attempts": 1, "on_status_codes": []},
            f"max_attempts: 2 {LIKE_THERE} reasons: ERROR_REASON_UPSTREAM_UNREACHABLE",
        ),
        (
            {"attempts": 1, "use_retry_after_header": True},
            f"max_attempts: 2 {LIKE_THERE} max_retry_after {{ seconds: 60 }}",
        ),
        (
            {"attempts": 1, "use_retry_after_headers": True},
            f"max_attempts: 2 {LIKE_THERE} max_retry_after {{ seconds: 60 }}",
        ),
        ({"attempts": 1, "use_retry_after_header": False}, f"max_attempts: 2 {LIKE_THERE}"),
    ],
)
def test_retry(retry: dict[str, Any], policy: str) -> None:
    assert converted(target(retry=retry)).route.retry == expected(f"retry {{ {policy} }}").retry


def test_a_lower_retry_takes_nothing_from_the_upper_one() -> None:
    """There it replaces the upper one as a whole; here each field would be inherited by itself."""
    config = strategy("fallback", target(retry={"attempts": 1}), target())
    config["retry"] = {"attempts": 4, "on_status_codes": [408], "use_retry_after_header": True}
    route = converted(config).route
    lower, without = route.fallback.routes
    assert list(route.retry.upstream_statuses) == [408]
    assert list(lower.retry.upstream_statuses) == [429, 500, 502, 503, 504]
    assert lower.retry.max_retry_after.seconds == 30
    assert not without.HasField("retry")


def test_status_codes_of_a_fallback() -> None:
    done = converted(strategy("fallback", target(), target("openai"), on_status_codes=[429, 529, 401]))
    assert list(done.route.failover.upstream_statuses) == [429, 529, 401]
    assert noted(done, NoteKind.DIFFERS) == ["config.strategy.on_status_codes"]


def test_status_codes_that_no_failure_has() -> None:
    done = converted(strategy("fallback", target(), target("openai"), on_status_codes=[200, 429, 446, 246]))
    assert list(done.route.failover.upstream_statuses) == [429]
    assert noted(done, NoteKind.DROPPED) == [f"config.strategy.on_status_codes[{number}]" for number in (0, 2, 3)]


@pytest.mark.parametrize("codes", [[], [200], [446]])
def test_status_codes_after_which_nothing_leads_on(codes: list[int]) -> None:
    done = converted(strategy("fallback", target(), target("openai"), on_status_codes=codes))
    assert len(done.route.fallback.routes) == 1
    assert "config.targets[1]" in noted(done, NoteKind.DROPPED)


def test_status_codes_hold_for_their_own_strategy() -> None:
    """There no strategy inherits them; here all below would."""
    inner = strategy("fallback", target(), target())
    route = converted(strategy("fallback", inner, target(), on_status_codes=[429])).route
    assert list(route.failover.upstream_statuses) == [429]
    assert {401, 429, 500, 529} <= set(route.fallback.routes[0].failover.upstream_statuses)
    assert not {400, 422} & set(route.fallback.routes[0].failover.upstream_statuses)


def test_timeout() -> None:
    config = strategy("fallback", target(request_timeout=1500), target(request_timeout=0)) | {"request_timeout": 10000}
    done = converted(config)
    assert done.route.timeouts == expected("timeouts { first_event { seconds: 10 } }").timeouts
    first, second = done.route.fallback.routes
    assert first.timeouts == expected("timeouts { first_event { seconds: 1 nanos: 500000000 } }").timeouts
    assert not second.HasField("timeouts")
    assert noted(done, NoteKind.DROPPED) == ["config.targets[1].request_timeout"]


def test_weights() -> None:
    done = converted(strategy("loadbalance", target(weight=0), target(weight=3), target()))
    zero, three, one = done.route.load_balance.routes
    assert (zero.HasField("weight"), zero.weight, three.weight, one.HasField("weight")) == (True, 0, 3, False)
    assert "config.targets[0].weight" in noted(done, NoteKind.DIFFERS)


def test_sticky() -> None:
    sticky = {"enabled": True, "hash_fields": ["metadata.user"], "ttl": 60}
    done = converted(strategy("loadbalance", target(), target(), sticky=sticky))
    assert done.route.load_balance.strategy == 5
    paths = [f"config.strategy.sticky.{name}" for name in ("hash_fields", "ttl")]
    assert noted(done, NoteKind.DROPPED) == paths


@pytest.mark.parametrize(
    ("breaker", "policy"),
    [
        ({"failure_threshold": 3}, "consecutive_failures: 3 failure_rate: 0"),
        (
            {"failure_threshold_percentage": 20, "minimum_requests": 10, "cooldown_interval": 60000},
            "consecutive_failures: 0 failure_rate: 20 min_calls: 10"
            " ejection { seconds: 60 } max_ejection { seconds: 60 }",
        ),
        ({"cooldown_interval": 30000}, "ejection { seconds: 30 } max_ejection { seconds: 30 }"),
    ],
)
def test_circuit_breaker(breaker: dict[str, Any], policy: str) -> None:
    wanted = expected(f"circuit_breaker {{ {policy} }}").circuit_breaker
    assert converted(strategy("fallback", target(), cb_config=breaker)).route.circuit_breaker == wanted
    listed = breaker | {"failure_status_codes": [401]}
    done = converted(strategy("fallback", target()) | {"cb_config": listed})
    assert done.route.circuit_breaker == wanted
    assert noted(done, NoteKind.DROPPED) == ["config.cb_config.failure_status_codes"]


@pytest.mark.parametrize(
    ("part", "path", "text"),
    [
        ({"retry": {"attempts": -1}}, "config.retry.attempts", "expected a whole number from 0 to 1000000"),
        ({"retry": {"attempts": 1.5}}, "config.retry.attempts", "expected a whole number from 0 to 1000000"),
        ({"retry": 3}, "config.retry", "expected an object, found a number"),
        ({"request_timeout": -5}, "config.request_timeout", "expected 0, or milliseconds from 1 to 604800000"),
        (
            {"cb_config": {"failure_threshold": 0}},
            "config.cb_config.failure_threshold",
            "expected a whole number from 1 to 1000000",
        ),
    ],
)
def test_mistakes(part: dict[str, Any], path: str, text: str) -> None:
    assert refused(target(**part)) == (path, text)
