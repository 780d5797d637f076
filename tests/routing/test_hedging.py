"""Hedging: a second attempt where the first one is silent, and never two answers."""

from __future__ import annotations

import asyncio
from typing import Any

from e2e.gateways import Running, posts, provider, running, until
from routing.asking import asked, asked_stream, balance, fallback, folded, kinds, outcomes, target
from support import calls

SOON: dict[str, Any] = {"delay": "0.1s", "max_share": 100}


async def test_the_second_answers_and_the_first_is_cancelled(own: Running) -> None:
    request = asked(fallback("silence", "text", hedge=SOON))
    answer = await own.stub.Chat(request, timeout=10)
    assert calls.said(answer) == "You said: Hello"
    report = answer.completion.route_report
    assert outcomes(report) == [("silence", "SUPERSEDED"), ("text", "ANSWERED")]
    assert [each.hedge for each in report.attempts] == [False, True]
    assert report.attempts[0].usage_is_estimate
    assert report.attempts[0].usage.input_total > 0
    await until(lambda: posts(own.simulator)[0].outcome == "hung_up")


async def test_both_costs_are_told() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with silent, running(providers={"silent": provider(url, "silent")}) as own:
        model = "claude-haiku-4-5"
        route = fallback(target(model, provider="silent"), model, hedge=SOON)
        answer = await own.stub.Chat(asked(route), timeout=10)
    report = answer.completion.route_report
    assert answer.completion.cost.total_nano_usd > 0
    assert report.attempts[0].cost.total_nano_usd > 0
    assert report.unanswered_cost == report.attempts[0].cost


async def test_the_first_answers_if_it_is_quicker(own: Running) -> None:
    answer = await own.stub.Chat(asked(fallback("slow-t300", "silence", hedge=SOON)), timeout=10)
    assert outcomes(answer.completion.route_report) == [("slow-t300", "ANSWERED"), ("silence", "SUPERSEDED")]
    await until(lambda: posts(own.simulator)[1].outcome == "hung_up")


async def test_not_once_an_answer_has_begun(own: Running) -> None:
    route = fallback("paced-n30-g50", "text", hedge={"delay": "1s", "max_share": 100})
    events = await calls.events_of(own.stub, asked_stream(route))
    assert kinds(events) == ["start", "block_start", "block_delta", "block_end", "completion"]
    assert len(posts(own.simulator)) == 1


async def test_a_stream_has_one_answer(own: Running) -> None:
    route = fallback("slow-t150", "slow-t50-n3", hedge=SOON)
    for _ in range(5):
        events = await calls.events_of(own.stub, asked_stream(route))
        assert kinds(events) == ["start", "block_start", "block_delta", "block_end", "completion"]
        folded(events)


async def test_both_fail(own: Running) -> None:
    failure = await calls.chat_failure(own.stub, asked(fallback("error-503-t250", "error-500-t250", hedge=SOON)))
    assert sorted(outcomes(failure.report)) == [
        ("error-500-t250", "UPSTREAM_ERROR"),
        ("error-503-t250", "UPSTREAM_OVERLOADED"),
    ]


async def test_a_third_is_asked_after_both(own: Running) -> None:
    route = fallback("error-503-t250", "error-500-t250", "text", hedge=SOON)
    answer = await own.stub.Chat(asked(route), timeout=10)
    assert calls.said(answer) == "You said: Hello"
    assert len(answer.completion.route_report.attempts) == 3


async def test_not_without_another_target(own: Running) -> None:
    assert (
        len((await own.stub.Chat(asked(target("slow-t300", hedge=SOON)), timeout=10)).completion.route_report.attempts)
        == 1
    )


async def test_no_more_than_its_share(own: Running) -> None:
    request = asked(fallback("slow-t150", "text", hedge={"delay": "0.02s", "max_share": 10}))
    answers = await asyncio.gather(*(own.stub.Chat(request, timeout=20) for _ in range(60)))
    hedged = sum(len(each.completion.route_report.attempts) > 1 for each in answers)
    # The one that it begins with, and one for each ten calls.
    assert 5 <= hedged <= 7


async def test_a_percentile_of_its_own_past(own: Running) -> None:
    route = fallback("flaky-0-text-t20", "text-n1", hedge={"percentile": 90, "max_share": 100})
    request = asked(route)
    for _ in range(20):
        assert len((await own.stub.Chat(request, timeout=10)).completion.route_report.attempts) == 1
    answers = [await own.stub.Chat(request, timeout=10) for _ in range(40)]
    hedged = sum(len(each.completion.route_report.attempts) > 1 for each in answers)
    assert hedged < 30


async def test_within_a_balancer(own: Running) -> None:
    route = balance("WEIGHTED", ("silence", 1), ("text", 0), hedge=SOON)
    answer = await own.stub.Chat(asked(route), timeout=10)
    assert outcomes(answer.completion.route_report) == [("silence", "SUPERSEDED"), ("text", "ANSWERED")]


async def test_a_caller_that_leaves_ends_both(own: Running) -> None:
    call = own.stub.Chat(asked(fallback("silence", "silence-headers", hedge=SOON)), timeout=10)
    await until(lambda: len(posts(own.simulator)) == 2)
    call.cancel()
    await until(lambda: [each.outcome for each in posts(own.simulator)] == ["hung_up", "hung_up"])


async def test_a_deadline_ends_both(own: Running) -> None:
    failure = await calls.chat_failure(own.stub, asked(fallback("silence", "silence-headers", hedge=SOON)), timeout=0.6)
    assert failure.code.name == "DEADLINE_EXCEEDED"
    await until(lambda: [each.outcome for each in posts(own.simulator)] == ["hung_up", "hung_up"])
