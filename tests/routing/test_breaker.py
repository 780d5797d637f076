"""Circuit breaking: a target that fails is left alone, and comes back by a single call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from e2e.gateways import Running, posts, until
from routing.asking import asked, asked_stream, fallback, outcomes, target
from support import calls
from trunkline.v1 import chat_service_pb2, error_reason_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.routing.health import Health, State, forget_idle
from trunkline_service.routing.policies import Breaker, Failure

QUICK = {"consecutive_failures": 3, "ejection": "0.3s"}
UNAVAILABLE = error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED


def failed(reason: error_reason_pb2.ErrorReason.ValueType = UNAVAILABLE, retry_after: float | None = None) -> Failure:
    return Failure(GatewayError(reason, "", retry_after=retry_after), reason)


def asked_of(own: Running, model: str) -> int:
    return sum(each.model == model for each in posts(own.simulator))


async def test_it_is_left_alone_after_failures_in_a_row(own: Running) -> None:
    request = asked(fallback("error-503", "text", circuit_breaker={**QUICK, "ejection": "60s"}))
    for _ in range(10):
        assert calls.said(await own.stub.Chat(request, timeout=10)) == "You said: Hello"
    assert asked_of(own, "error-503") == 3


async def test_a_single_call_tries_whether_it_is_back(own: Running) -> None:
    request = asked(fallback("flaky-4-text-t50", "text-n1", circuit_breaker=QUICK))
    for _ in range(3):
        await own.stub.Chat(request, timeout=10)
    await asyncio.sleep(0.35)
    # The fourth failure, by one of them; its time doubles.
    await asyncio.gather(*(own.stub.Chat(request, timeout=10) for _ in range(10)))
    assert asked_of(own, "flaky-4-text-t50") == 4
    await asyncio.sleep(0.4)
    await own.stub.Chat(request, timeout=10)
    assert asked_of(own, "flaky-4-text-t50") == 4
    await asyncio.sleep(0.4)
    answers = [await own.stub.Chat(request, timeout=10) for _ in range(3)]
    assert {each.completion.route_report.attempts[-1].model for each in answers} == {"flaky-4-text-t50"}


async def test_the_next_one_may_try_once_an_answer_has_begun(own: Running) -> None:
    model = "flaky-3-paced-n20-g100"
    route = fallback(model, "text", circuit_breaker=QUICK)
    for _ in range(3):
        await own.stub.Chat(asked(route), timeout=10)
    await asyncio.sleep(0.35)
    first = own.stub.StreamChat(asked_stream(route), timeout=20)
    await first.read()
    second = own.stub.StreamChat(asked_stream(route), timeout=20)
    await second.read()
    assert asked_of(own, model) == 5
    first.cancel()
    second.cancel()


async def test_the_last_one_is_never_left_alone(own: Running) -> None:
    request = asked(target("error-503", circuit_breaker={**QUICK, "ejection": "60s"}))
    for _ in range(6):
        await calls.chat_failure(own.stub, request)
    assert asked_of(own, "error-503") == 6
    request = asked(fallback("error-503", "error-500", circuit_breaker={**QUICK, "ejection": "60s"}))
    for _ in range(6):
        await calls.chat_failure(own.stub, request)
    # Both are to be left alone; the calls go somewhere all the same.
    assert asked_of(own, "error-503") + asked_of(own, "error-500") >= 6 + 6


async def test_retry_after_counts_at_once(own: Running) -> None:
    request = asked(fallback("error-429-ms", "text"))
    for _ in range(5):
        await own.stub.Chat(request, timeout=10)
    assert asked_of(own, "error-429-ms") < 5
    await asyncio.sleep(0.3)
    answer = await own.stub.Chat(request, timeout=10)
    assert outcomes(answer.completion.route_report)[0] == ("error-429-ms", "UPSTREAM_RATE_LIMITED")


@pytest.mark.parametrize("model", ["error-402", "error-429-spend", "error-401"])
async def test_what_waiting_does_not_help_counts_at_once(own: Running, model: str) -> None:
    request = asked(fallback(model, "text"))
    for _ in range(3):
        await own.stub.Chat(request, timeout=10)
    assert asked_of(own, model) == 1


async def test_what_is_counted_between_failures_is_no_sign_of_life(own: Running) -> None:
    request = asked(fallback("flaky-3-text", "text", circuit_breaker={"consecutive_failures": 2, "ejection": "60s"}))
    count = chat_service_pb2.CountTokensRequest(input=calls.chat_input("simulator/flaky-3-text"))
    for _ in range(4):
        await own.stub.Chat(request, timeout=10)
        assert (await own.stub.CountTokens(count, timeout=10)).input_tokens
    health = own.gateway._generations.current.health("simulator", "flaky-3-text", 0)
    assert (health.failed, health.in_flight) == (2, 0)
    assert not health.available(asyncio.get_running_loop().time())


def with_key(model: str, api_key: str) -> dict[str, Any]:
    return {"target": {"provider": "simulator", "model": model, "api_key": api_key}}


async def test_what_a_callers_key_meets_with_counts_for_this_key_alone(own: Running) -> None:
    breaker = {"consecutive_failures": 2, "ejection": "60s"}
    ways = {
        "hers": with_key("flaky-3-text", "sk-ant-hers"),
        "his": with_key("flaky-3-text", "sk-ant-his"),
        "the gateway's": target("flaky-3-text"),
    }

    async def first_asked(whose: str) -> str:
        answer = await own.stub.Chat(asked(fallback(ways[whose], "text", circuit_breaker=breaker)), timeout=10)
        return answer.completion.route_report.attempts[0].model

    assert [await first_asked("hers") for _ in "123"] == ["flaky-3-text", "flaky-3-text", "text"]
    assert await first_asked("his") == "flaky-3-text"
    assert await first_asked("the gateway's") == "flaky-3-text"
    health = own.gateway._generations.current.endpoint("simulator").health_by_key
    assert not any("sk-ant" in name for name in health)


async def test_a_callers_key_allows_no_storm_of_retries(own: Running) -> None:
    retry = {"max_attempts": 10, "initial_backoff": "0s", "max_backoff": "0s"}
    began = asyncio.get_running_loop().time()
    for _ in range(20):
        await calls.chat_failure(own.stub, asked({**with_key("error-503", "sk-ant-hers"), "retry": retry}))
    spent = asyncio.get_running_loop().time() - began
    # Ten that are saved up, a tenth of the calls, and one in ten seconds.
    assert 20 < asked_of(own, "error-503") <= 20 + 10 + 2 + spent / 10


async def test_a_probe_that_its_caller_leaves_frees_its_place(own: Running) -> None:
    request = asked(fallback("flaky-3-silence", "text", circuit_breaker=QUICK))
    for _ in range(3):
        await own.stub.Chat(request, timeout=10)
    await asyncio.sleep(0.35)
    probe = own.stub.Chat(request, timeout=10)
    await until(lambda: asked_of(own, "flaky-3-silence") == 4)
    probe.cancel()
    await until(lambda: posts(own.simulator)[-1].outcome == "hung_up")
    again = own.stub.Chat(request, timeout=10)
    await until(lambda: asked_of(own, "flaky-3-silence") == 5)
    again.cancel()


class TestMemory:
    """The memory itself, at times of its own."""

    def test_a_rate_of_failures_is_enough(self) -> None:
        health, breaker = Health(0), Breaker(consecutive_failures=0, failure_rate=0.5, min_calls=10, window=30)
        for number in range(10):
            assert health.state(number) is State.CLOSED
            health.begin(number)
            if number % 2:
                health.fail(failed(), 0, breaker, number, probed=False)
            else:
                health.succeed(number, probed=False)
        assert health.state(9) is State.OPEN
        assert health.state(9 + breaker.ejection) is State.HALF_OPEN

    def test_what_is_long_ago_does_not_count(self) -> None:
        health, breaker = Health(0), Breaker(consecutive_failures=0, min_calls=10, window=30)
        for number in range(40):
            health.begin(number * 10)
            health.fail(failed(), 0, breaker, number * 10, probed=False)
        assert health.state(400) is State.CLOSED

    def test_the_time_doubles_up_to_a_limit(self) -> None:
        health, breaker = Health(0), Breaker(consecutive_failures=1, ejection=1, max_ejection=5)
        now, times = 0.0, []
        for _ in range(5):
            probed = health.begin(now)
            health.fail(failed(), 0, breaker, now, probed=probed)
            times.append(health.ejected_for(now))
            now += times[-1]
        assert times == [1, 2, 4, 5, 5]
        assert health.begin(now)
        health.succeed(now, probed=True)
        assert health.state(now) is State.CLOSED

    @pytest.mark.parametrize("gone", [90, 300, 3600])
    def test_one_that_is_back_is_found_within_a_minute(self, gone: float) -> None:
        health, now = Health(0), 0.0
        while now < gone:
            probed = health.begin(now)
            health.fail(failed(), 0, Breaker(), now, probed=probed)
            now += health.ejected_for(now)
        assert now <= gone + 60

    def test_how_long_the_provider_says_is_how_long(self) -> None:
        for said, kept in ((200.0, 200.0), (1e6, 300.0)):
            health = Health(0)
            health.begin(0)
            health.fail(failed(retry_after=said), 0, Breaker(), 0, probed=False)
            assert health.ejected_for(0) == kept

    def test_a_callers_impatience_is_no_failure(self) -> None:
        health, late = Health(0), failed(error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED)
        for waited, state in ((1.0, State.CLOSED), (20.0, State.OPEN)):
            health.begin(0)
            health.fail(late, waited, Breaker(consecutive_failures=1), 0, probed=False)
            assert health.state(0) is state

    def test_what_is_wrong_with_the_request_is_no_failure(self) -> None:
        health = Health(0)
        for _ in range(20):
            health.begin(0)
            reason = error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST
            health.fail(failed(reason), 0, Breaker(consecutive_failures=1), 0, probed=False)
        assert health.available(0)
        assert health.in_flight == 0

    def test_bad_news_at_once_good_news_with_time(self) -> None:
        health = Health(0)
        health.first_event(0.1, 0)
        health.first_event(2.0, 1)
        assert health.load(1) == pytest.approx(2.0)
        health.first_event(0.1, 2)
        assert 1.5 < health.load(2) < 2.0
        health.first_event(0.1, 60)
        assert health.load(60) < 0.2

    def test_names_that_callers_make_up_drive_no_target_out(self) -> None:
        memory = {"real": Health(0)}
        for _ in range(5):
            memory["real"].fail(failed(), 0, Breaker(), 0, probed=memory["real"].begin(0))
        for number in range(100):
            made_up = memory[str(number)] = Health(1)
            made_up.fail(
                failed(error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND), 0, Breaker(), 1, probed=made_up.begin(1)
            )
        forget_idle(memory)
        assert len(memory) == 50
        assert memory["real"].state(1) is State.OPEN

    def test_what_was_slow_once_is_asked_again_with_time(self) -> None:
        slow, quick = Health(0), Health(0)
        slow.first_event(30.0, 0)
        for now in range(150):
            quick.first_event(0.5, now)
        assert slow.load(5) > quick.load(149)
        assert slow.load(149) < quick.load(149)
