"""The routes that are compared, in their JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing import asking
from routing.hour.profiles import PROFILES

TIMEOUTS = {"first_event": "20s", "idle": "5s"}
# What a provider asks for by retry-after counts all the same.
NO_BREAKER = {"circuit_breaker": {"consecutive_failures": 0, "failure_rate": 0}}


def target(provider: str) -> dict[str, Any]:
    """A route to one provider."""
    return asking.target(PROFILES[provider].model, provider)


def _alone(**policies: Any) -> dict[str, Any]:
    return {**target("anthropic"), "timeouts": TIMEOUTS, **policies}


def _fallback(**policies: Any) -> dict[str, Any]:
    return asking.fallback(*map(target, ("anthropic", "openai", "gemini")), timeouts=TIMEOUTS, **policies)


def _balance(strategy: str, **policies: Any) -> dict[str, Any]:
    return asking.balance(strategy, *((target(name), 1.0) for name in PROFILES), timeouts=TIMEOUTS, **policies)


STRATEGIES: Mapping[str, dict[str, Any]] = {
    "one target": _alone(),
    "one target, retries": _alone(retry={}),
    "fallback": _fallback(),
    "fallback, no breaker": _fallback(**NO_BREAKER),
    "fallback, retries": _fallback(retry={}),
    "fallback, hedging": _fallback(hedge={"percentile": 95}),
    "fallback, hedging a half": _fallback(hedge={"delay": "2s", "max_share": 50}),
    "weighted": _balance("WEIGHTED"),
    "weighted, no breaker": _balance("WEIGHTED", **NO_BREAKER),
    "least latency": _balance("LEAST_LATENCY"),
    "least latency, no breaker": _balance("LEAST_LATENCY", **NO_BREAKER),
    "least in flight": _balance("LEAST_IN_FLIGHT"),
    "least in flight, no breaker": _balance("LEAST_IN_FLIGHT", **NO_BREAKER),
    "cheapest": _balance("CHEAPEST"),
    "cache affinity": _balance("CACHE_AFFINITY"),
}
