"""Identical calls in flight that share one call to the provider."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from e2e.gateways import Running, posts, until
from routing.asking import by, fallback, folded, target
from support import calls
from trunkline.v1 import chat_service_pb2

KEY = "the same for all"


def ask(model: str, key: str = KEY, text: str = "Hello") -> chat_service_pb2.ChatRequest:
    request = chat_service_pb2.ChatRequest(input=calls.chat_input(f"simulator/{model}", calls.user(text)))
    request.routing.coalescing_key = key
    return request


def ask_stream(model: str) -> chat_service_pb2.StreamChatRequest:
    request = calls.stream_request(f"simulator/{model}")
    request.routing.coalescing_key = KEY
    return request


async def arrived(own: Running, number: int = 1) -> None:
    await until(lambda: len(posts(own.simulator)) == number)


async def test_unary_calls_share_one(own: Running) -> None:
    answers = await asyncio.gather(*(own.stub.Chat(ask("slow-t200"), timeout=10) for _ in range(5)))
    assert {calls.said(answer) for answer in answers} == {"You said: Hello"}
    assert all(answer.completion.route_report.coalesced for answer in answers)
    assert len(posts(own.simulator)) == 1


async def test_one_that_comes_later_gets_all_of_the_stream(own: Running) -> None:
    first = asyncio.create_task(calls.events_of(own.stub, ask_stream("paced-n20-g30")))
    await arrived(own)
    await asyncio.sleep(0.2)
    second = await calls.events_of(own.stub, ask_stream("paced-n20-g30"))
    assert calls.said(folded(second)) == calls.said(folded(await first))
    assert len(posts(own.simulator)) == 1


@pytest.mark.parametrize("other", [ask("slow-t200", key="another"), ask("slow-t200", text="Bye")], ids=["key", "text"])
async def test_others_do_not(own: Running, other: chat_service_pb2.ChatRequest) -> None:
    answers = await asyncio.gather(own.stub.Chat(ask("slow-t200"), timeout=10), own.stub.Chat(other, timeout=10))
    assert not any(answer.completion.route_report.coalesced for answer in answers)
    assert len(posts(own.simulator)) == 2


async def test_a_stream_does_not_share_where_the_route_tells_it_apart(own: Running) -> None:
    branch = {"condition": "stream", "route": target("slow-t300-n2")}
    route = by({"conditional": {"branches": [branch], "default_route": target("slow-t300")}}, coalescing_key=KEY)
    whole = chat_service_pb2.ChatRequest(input=calls.chat_input(""), routing=route)
    stream = chat_service_pb2.StreamChatRequest(input=calls.chat_input(""), routing=route, allow_restart=True)
    answer, _ = await asyncio.gather(own.stub.Chat(whole, timeout=10), calls.events_of(own.stub, stream))
    assert [each.model for each in answer.completion.route_report.attempts] == ["slow-t300"]
    assert sorted(str(each.model) for each in posts(own.simulator)) == ["slow-t300", "slow-t300-n2"]


async def test_not_after_it_is_over(own: Running) -> None:
    for number in (1, 2):
        assert not (await own.stub.Chat(ask("text"), timeout=10)).completion.route_report.coalesced
        assert len(posts(own.simulator)) == number


@pytest.mark.parametrize("leaver", [0, 1], ids=["the first", "the second"])
async def test_one_that_leaves_ends_it_for_nobody(own: Running, leaver: int) -> None:
    both: list[Any] = []
    for _ in range(2):
        both.append(own.stub.Chat(ask("slow-t400"), timeout=10))
        await arrived(own)
    await asyncio.sleep(0.1)
    both[leaver].cancel()
    assert calls.said(await both[1 - leaver]) == "You said: Hello"
    assert len(posts(own.simulator)) == 1


async def test_each_has_a_deadline_of_its_own(own: Running) -> None:
    late = asyncio.create_task(calls.chat_failure(own.stub, ask("slow-t800"), timeout=0.3))
    await arrived(own)
    assert calls.said(await own.stub.Chat(ask("slow-t800"), timeout=10)) == "You said: Hello"
    assert (await late).code.name == "DEADLINE_EXCEEDED"
    assert len(posts(own.simulator)) == 1


async def test_the_last_one_that_leaves_ends_it(own: Running) -> None:
    both = [own.stub.Chat(ask("silence"), timeout=10) for _ in range(2)]
    await arrived(own)
    await asyncio.sleep(0.1)
    for call in both:
        assert posts(own.simulator)[0].outcome == "running"
        call.cancel()
        await asyncio.sleep(0.05)
    await until(lambda: posts(own.simulator)[0].outcome == "hung_up")


async def test_all_get_the_error(own: Running) -> None:
    failures = await asyncio.gather(*(calls.chat_failure(own.stub, ask("error-503-t200")) for _ in range(3)))
    assert [failure.reason for failure in failures] == ["UPSTREAM_OVERLOADED"] * 3
    assert len({failure.request_info.request_id for failure in failures if failure.request_info}) == 3
    assert len(posts(own.simulator)) == 1


async def test_with_a_route_that_begins_again(own: Running) -> None:
    request = ask("")
    request.input.model = ""
    request.routing.MergeFrom(by(fallback("cut-g50", "text")))
    answers = await asyncio.gather(*(own.stub.Chat(request, timeout=10) for _ in range(3)))
    assert {calls.said(answer) for answer in answers} == {"You said: Hello"}
    assert len(posts(own.simulator)) == 2
