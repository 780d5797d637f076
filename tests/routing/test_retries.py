"""Retries of one target: what is asked again, when, and how often."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from e2e.gateways import Running, call_lines, posts, until
from routing.asking import asked, asked_stream, fallback, folded, outcomes, target
from support import calls
from trunkline_service.routing.budget import Budget
from trunkline_service.simulator import Simulator

ECHO = "You said: Hello"
QUICK = {"initial_backoff": "0.01s", "max_backoff": "0.02s"}


def gaps(simulator: Simulator) -> list[float]:
    times = [call.started for call in posts(simulator)]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_what_may_pass_is_asked_again(own: Running, status: int) -> None:
    answer = await own.stub.Chat(asked(target(f"flaky-2-text-s{status}", retry=QUICK)), timeout=10)
    assert calls.said(answer) == ECHO
    assert len(answer.completion.route_report.attempts) == 3
    events = await calls.events_of(own.stub, asked_stream(target(f"flaky-1-text-s{status}-g1", retry=QUICK)))
    assert calls.said(folded(events)) == ECHO


@pytest.mark.parametrize("model", ["error-400", "error-401", "error-402", "error-404", "error-413", "error-429-spend"])
async def test_what_will_not_pass_is_not(own: Running, model: str) -> None:
    await calls.chat_failure(own.stub, asked(target(model, retry=QUICK)))
    assert len(posts(own.simulator)) == 1


async def test_without_a_policy_nothing_is(own: Running) -> None:
    assert (await calls.chat_failure(own.stub, asked(target("flaky-1-text")))).reason == "UPSTREAM_OVERLOADED"
    assert len(posts(own.simulator)) == 1


async def test_as_often_as_the_policy_says(own: Running) -> None:
    failure = await calls.chat_failure(own.stub, asked(target("error-503", retry={**QUICK, "max_attempts": 4})))
    assert outcomes(failure.report) == [("error-503", "UPSTREAM_OVERLOADED")] * 4
    assert len(posts(own.simulator)) == 4


async def test_not_before_the_provider_says(own: Running) -> None:
    await calls.chat_failure(own.stub, asked(target("error-429-ms", retry={**QUICK, "max_attempts": 3})))
    assert len(posts(own.simulator)) == 3
    # uvloop's timers count in whole milliseconds.
    assert all(0.248 <= gap < 1 for gap in gaps(own.simulator))


async def test_no_longer_than_the_policy_says(own: Running) -> None:
    route = target("error-429", retry={**QUICK, "max_retry_after": "6s"})
    began = time.monotonic()
    failure = await calls.chat_failure(own.stub, asked(route))
    assert failure.retry is not None
    assert failure.retry.retry_delay.seconds == 7
    assert time.monotonic() - began < 2
    assert len(posts(own.simulator)) == 1


async def test_another_way_is_taken_rather_than_waiting_long(own: Running) -> None:
    route = fallback(target("error-429", retry={"max_backoff": "5s"}), "text")
    began = time.monotonic()
    assert calls.said(await own.stub.Chat(asked(route), timeout=10)) == ECHO
    assert time.monotonic() - began < 2


async def test_another_way_keeps_as_much_time_as_one_attempt_took(own: Running) -> None:
    policies = {"retry": QUICK, "timeouts": {"first_event": "1s"}}
    route = fallback(target("silence", **policies), "text")
    for timeout, tries in ((1.9, 1), (2.8, 1), (8, 3)):
        own.simulator.clear()
        assert calls.said(await own.stub.Chat(asked(route), timeout=timeout)) == ECHO
        assert len(posts(own.simulator)) == tries + 1


async def test_what_cannot_end_in_time_is_not_begun(own: Running) -> None:
    began = time.monotonic()
    failure = await calls.chat_failure(own.stub, asked(target("error-429", retry={})), timeout=3)
    assert failure.reason == "UPSTREAM_RATE_LIMITED"
    assert time.monotonic() - began < 2
    assert len(posts(own.simulator)) == 1


async def test_own_reasons_and_statuses(own: Running) -> None:
    route = target("flaky-2-text", retry={**QUICK, "upstream_statuses": [503]})
    assert (await calls.chat_failure(own.stub, asked(route))).reason == "UPSTREAM_OVERLOADED"
    route = target("flaky-1-text-s503", retry={**QUICK, "upstream_statuses": [503]})
    assert calls.said(await own.stub.Chat(asked(route), timeout=10)) == ECHO
    route = target("error-503", retry={**QUICK, "reasons": ["ERROR_REASON_UPSTREAM_TIMEOUT"]})
    await calls.chat_failure(own.stub, asked(route))
    assert len(posts(own.simulator)) == 4


async def test_a_storm_adds_no_more_than_a_tenth(own: Running) -> None:
    """Ten that were saved up, one for each ten calls, or one in ten seconds."""
    route = target("error-503", retry={**QUICK, "max_attempts": 5}, circuit_breaker={"consecutive_failures": 0})
    request = asked(route)
    began = time.monotonic()
    for _ in range(10):
        await asyncio.gather(*(calls.chat_failure(own.stub, request) for _ in range(20)))
    extra = len(posts(own.simulator)) - 200
    assert 10 <= extra <= 30 + (time.monotonic() - began) / 10


async def test_the_policy_comes_from_above_field_by_field(own: Running) -> None:
    route = fallback(
        target("error-503", retry={"max_attempts": 2}),
        target("error-500"),
        retry={"max_attempts": 3, **QUICK},
    )
    failure = await calls.chat_failure(own.stub, asked(route))
    assert [model for model, _ in outcomes(failure.report)] == ["error-503"] * 2 + ["error-500"] * 3


async def test_waiting_ends_with_the_caller(own: Running) -> None:
    with call_lines() as lines:
        metadata = (("x-request-id", "leaves"),)
        call = own.stub.Chat(asked(target("error-429", retry={})), timeout=90, metadata=metadata)
        await until(lambda: [each.outcome for each in posts(own.simulator)] == ["answered"])
        call.cancel()
        assert (await lines.one("leaves"))["code"] == "CANCELLED"
    assert len(posts(own.simulator)) == 1


class TestBudget:
    """What may be spent on retries, in virtual time."""

    @staticmethod
    def spent(calls_a_second: float, seconds: int) -> int:
        """By calls that all want a retry, once what was saved up is gone."""
        budget = Budget(10, 0, a_second=0.1, begin_with=0)
        spent = 0
        for number in range(int(seconds * calls_a_second)):
            now = number / calls_a_second
            budget.earn(0.1, now)
            spent += budget.spend(now + 0.01)
        return spent

    def test_what_is_often_asked_has_a_tenth(self) -> None:
        assert 295 <= self.spent(3, 1000) <= 300
        assert 2990 <= self.spent(30, 1000) <= 3000

    def test_what_is_rarely_asked_has_one_in_ten_seconds(self) -> None:
        assert 95 <= self.spent(0.2, 1000) <= 101
