"""Load balancing: what each strategy goes by, and that one that fails is replaced."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from e2e.gateways import Running, posts, until
from routing.asking import asked, balance, by, fallback, outcomes, target
from support import calls
from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.routing.affinity import prefix_key, ranked
from trunkline_service.routing.plan import plan
from trunkline_service.routing.ways import BalanceNode


async def spread(own: Running, route: dict[str, object], number: int, at_once: int = 20) -> Counter[str | None]:
    request = asked(route)
    for _ in range(0, number, at_once):
        await asyncio.gather(*(own.stub.Chat(request, timeout=20) for _ in range(at_once)))
    return Counter(each.model for each in posts(own.simulator))


async def test_weights_are_shares(own: Running) -> None:
    found = await spread(own, balance("WEIGHTED", ("text-n1", 0.7), ("text-n2", 0.3)), 400)
    # Five standard deviations.
    assert abs(found["text-n1"] - 280) < 46
    assert found["text-n1"] + found["text-n2"] == 400


async def test_one_of_weight_0_only_replaces(own: Running) -> None:
    assert await spread(own, balance("WEIGHTED", ("text-n1", 0), ("text-n2", 1)), 40) == {"text-n2": 40}
    answer = await own.stub.Chat(asked(balance("WEIGHTED", ("text-n1", 0), ("error-503", 1))), timeout=10)
    assert outcomes(answer.completion.route_report) == [("error-503", "UPSTREAM_OVERLOADED"), ("text-n1", "ANSWERED")]


STRATEGIES = ["WEIGHTED", "LEAST_LATENCY", "LEAST_IN_FLIGHT", "CHEAPEST", "CACHE_AFFINITY"]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_one_that_fails_is_replaced(own: Running, strategy: str) -> None:
    route = balance(strategy, ("error-503", 1), ("error-500", 1), ("text", 1))
    for _ in range(10):
        assert calls.said(await own.stub.Chat(asked(route), timeout=10)) == "You said: Hello"


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_all_fail(own: Running, strategy: str) -> None:
    failure = await calls.chat_failure(own.stub, asked(balance(strategy, ("error-503", 1), ("error-500", 1))))
    assert sorted(outcomes(failure.report)) == [("error-500", "UPSTREAM_ERROR"), ("error-503", "UPSTREAM_OVERLOADED")]


async def test_least_latency_goes_where_it_is_quick(own: Running) -> None:
    found = await spread(own, balance("LEAST_LATENCY", ("slow-t150", 1), ("text-n2", 1)), 200, at_once=2)
    assert found["text-n2"] > 180


async def test_what_never_answers_is_not_the_quickest(own: Running) -> None:
    hedge = {"delay": "0.3s", "max_share": 100}
    route = balance("LEAST_LATENCY", ("silence", 1), ("text", 1), hedge=hedge)
    for _ in range(20):
        await own.stub.Chat(asked(route), timeout=10)
    assert sum(each.model == "silence" for each in posts(own.simulator)) < 10
    # Nor is what is given up by a limit of time.
    route = balance("LEAST_LATENCY", ("silence-headers", 1), ("text-n1", 1), timeouts={"first_event": "0.5s"})
    for _ in range(4):
        await own.stub.Chat(asked(route), timeout=10)
    assert sum(each.model == "silence-headers" for each in posts(own.simulator)) == 1


async def test_least_in_flight_goes_where_it_is_empty(own: Running) -> None:
    held = [own.stub.Chat(asked(target("silence")), timeout=30) for _ in range(10)]
    await until(lambda: len(posts(own.simulator)) == 10)
    route = balance("LEAST_IN_FLIGHT", ("silence", 1), ("text", 1))
    for _ in range(10):
        assert calls.said(await own.stub.Chat(asked(route), timeout=10)) == "You said: Hello"
    for call in held:
        call.cancel()


async def test_cheapest_costs_least_and_fits(own: Running) -> None:
    haiku, opus = "claude-haiku-5-5", "claude-opus-5-5"
    answer = await own.stub.Chat(asked(balance("CHEAPEST", (opus, 1), (haiku, 1), ("text", 1))), timeout=10)
    assert [each.model for each in answer.completion.route_report.attempts] == [haiku]
    # The window of this one is 200,000 tokens, the other's a million.
    small, large = "claude-haiku-4-5", opus
    long = calls.user("word " * 150_000)
    request = asked(balance("CHEAPEST", (large, 1), (small, 1)))
    request.input.messages[0].CopyFrom(long)
    answer = await own.stub.Chat(request, timeout=20)
    assert [each.model for each in answer.completion.route_report.attempts] == [large]


async def test_cheapest_takes_one_of_weight_0_only_in_the_place_of_others(own: Running) -> None:
    cheap, dear = "claude-haiku-5-5", "claude-opus-5-5"
    answer = await own.stub.Chat(asked(balance("CHEAPEST", (cheap, 0), (dear, 1))), timeout=10)
    assert [each.model for each in answer.completion.route_report.attempts] == [dear]


async def test_balancing_among_whole_routes(own: Running) -> None:
    route = balance("WEIGHTED", (fallback("error-503", "text-n1"), 1), (fallback("error-500", "text-n1"), 1))
    for _ in range(5):
        assert len((await own.stub.Chat(asked(route), timeout=10)).completion.route_report.attempts) == 2


class TestAffinity:
    """Which calls belong together, and how evenly keys are shared out."""

    async def test_calls_with_a_key_stay_together(self, own: Running) -> None:
        route = balance("CACHE_AFFINITY", *((f"text-n{number}", 1.0) for number in (1, 2, 3, 4)))
        seen = set()
        for key in "abcdefgh":
            request = asked(route, options={"affinity_key": key})
            models = {
                (await own.stub.Chat(request, timeout=10)).completion.route_report.attempts[0].model for _ in "123"
            }
            assert len(models) == 1
            seen |= models
        assert len(seen) > 1

    def test_turns_of_a_conversation_belong_together(self) -> None:
        first = chat_input_pb2.ChatInput(system=[calls.text_block("Be brief.")], messages=[calls.user("Hello")])
        second = chat_input_pb2.ChatInput()
        second.CopyFrom(first)
        second.messages.append(message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=[calls.text_block("Hi")]))
        second.messages.append(calls.user("And now?"))
        assert prefix_key(first) == prefix_key(second)
        second.system[0].text.text = "Be long."
        assert prefix_key(first) != prefix_key(second)

    def test_the_end_of_a_key_counts(self) -> None:
        keys = [f"{'a' * 100}{number}".encode() for number in range(50)]
        assert {ranked(key, ["a", "b"], [1, 1])[0] for key in keys} == {0, 1}

    def test_a_target_that_comes_first_moves_no_more_than_its_share(self) -> None:
        models = [f"text-n{number}" for number in (1, 2, 3, 4)]

        def names(*models: str) -> list[str]:
            route = by(balance("CACHE_AFFINITY", *((model, 1.0) for model in models))).route
            node = plan(route, {}).node
            assert isinstance(node, BalanceNode)
            return [share.name for share in node.shares]

        assert names("text-n5", *models)[1:] == names(*models)
        assert len(set(names("text", "text"))) == 2

    def test_shares_follow_the_weights(self) -> None:
        best = Counter(ranked(str(n).encode(), ["a", "b", "c"], [1, 2, 0])[0] for n in range(6000))
        assert abs(best[1] - 4000) < 200
        assert best[2] == 0

    def test_one_that_goes_moves_no_other_key(self) -> None:
        for number in range(500):
            key = str(number).encode()
            order = ranked(key, ["a", "b", "c"], [1, 1, 1])
            rest = [place for place in order if place != 2]
            assert ranked(key, ["a", "b"], [1, 1]) == rest
