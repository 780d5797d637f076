"""Routes whose targets change while a call is on its way, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from routing.asking import by, fallback, outcomes, target
from routing.scripts import Outcome, Scripts
from routing.virtual import run
from support import calls
from trunkline.v1 import chat_input_pb2, error_reason_pb2, route_pb2
from trunkline_service.app import make_endpoint
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.errors import GatewayError
from trunkline_service.routing.execution import Execution
from trunkline_service.routing.generations import Generations
from trunkline_service.routing.policies import Breaker, Failure
from trunkline_service.routing.router import Router

ANSWERS = Outcome(words=1)
OVERLOADED = Outcome(reason=error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED, status=503)
TOO_LONG = Outcome(reason=error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED, status=400)


async def report_of(
    route: dict[str, Any],
    script: dict[str, Outcome],
    chat_input: chat_input_pb2.ChatInput,
    meanwhile: Callable[[Router], None] = lambda _: None,
) -> route_pb2.RouteReport:
    """Where a call goes whose models do as the script says; `meanwhile` happens a second after its beginning."""
    settings = ProviderSettings(
        name="up", type="anthropic", base_url="http://127.0.0.1:1", api_key=Secret(env="K", environ={"K": "k"})
    )
    generations = await Generations.begin(Settings(providers={"up": settings}), make_endpoint)
    router, routing = generations.current, by(route)
    loop = asyncio.get_running_loop()

    async def sink(_: object) -> None:
        return

    execution = Execution(
        router, router.plan("", routing), chat_input, routing, loop.time() + 60,
        Scripts(lambda model, _, __: script[model]).work, sink,
    )  # fmt: skip
    loop.call_later(1, meanwhile, router)
    with suppress(GatewayError):
        await execution.run()
    await generations.close()
    return execution.report


def up(*models: str) -> list[dict[str, Any]]:
    return [target(model, provider="up") for model in models]


def eject(router: Router, model: str) -> None:
    now = asyncio.get_running_loop().time()
    health = router.health("up", model, now)
    failure = Failure(GatewayError(OVERLOADED.reason, ""), OVERLOADED.reason, 503)
    health.fail(failure, 0, Breaker(consecutive_failures=1, ejection=300), now, probed=health.begin(now))


def test_what_is_too_long_is_so_after_other_failures_too() -> None:
    # Of their windows, only the second one's is larger than 200,000 tokens.
    models = "claude-haiku-4-5", "claude-opus-5-5", "claude-haiku-4-5-20251001"
    script = dict(zip(models, (TOO_LONG, OVERLOADED, ANSWERS), strict=True))
    long = calls.chat_input("", calls.user("word " * 300_000))
    report = run(report_of(fallback(*up(*models)), script, long))
    assert [model for model, _ in outcomes(report)] == list(models[:2])


@pytest.mark.parametrize("ejected", [False, True])
def test_a_second_attempt_goes_to_no_target_that_is_left_alone(ejected: bool) -> None:
    route = fallback(*up("late", "other"), hedge={"delay": "2s", "max_share": 100})
    script = {"late": Outcome(wait=5, words=1), "other": ANSWERS}
    report = run(report_of(route, script, calls.chat_input(""), lambda router: ejected and eject(router, "other")))
    assert [model for model, _ in outcomes(report)] == (["late"] if ejected else ["late", "other"])


def test_a_retry_that_there_is_no_time_for_is_not_counted() -> None:
    later = replace(OVERLOADED, retry_after=100.0)
    budgets = []

    def look(router: Router) -> None:
        budgets.append(router.health("up", "busy", 0).retries)

    route = target("busy", provider="up", retry={"max_retry_after": "200s"})
    script = {"busy": replace(later, wait=2.0)}
    report = run(report_of(route, script, calls.chat_input(""), look))
    assert len(report.attempts) == 1
    assert all(budgets[0].spend(2.0) for _ in range(10))


def test_a_second_attempt_that_has_nowhere_to_go_is_not_counted() -> None:
    route = fallback(*up("late", "other"), hedge={"delay": "2s", "max_share": 0})
    left = []

    def look(router: Router) -> None:
        eject(router, "other")
        left.append(router.health("up", "late", 0).hedges)

    run(report_of(route, {"late": Outcome(wait=5, words=1)}, calls.chat_input(""), look))
    assert left[0].spend(0)
