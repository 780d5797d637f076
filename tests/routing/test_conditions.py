"""Conditional routes: what conditions see, and what happens where none holds."""

from __future__ import annotations

from contextlib import suppress
from time import process_time
from typing import Any

import grpc
import pytest

from e2e.gateways import Running, posts
from routing.asking import asked, by, target
from support import calls
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2
from trunkline_service.routing.conditions import (
    MAX_CHARACTERS,
    NOTHING_SEEN,
    Condition,
    ConditionError,
    readable,
    seen,
)


def conditional(condition: str, then: str = "text-n1", otherwise: str | None = "text-n2") -> dict[str, Any]:
    route: dict[str, Any] = {"conditional": {"branches": [{"condition": condition, "route": target(then)}]}}
    if otherwise:
        route["conditional"]["default_route"] = target(otherwise)
    return route


HOLDS = [
    "metadata.plan == 'paid'",
    "metadata['plan'] in ['paid', 'trial']",
    "model.startsWith('claude')",
    "!stream",
    "estimated_tokens > 3 && estimated_tokens < 100",
    "input.generation.max_output_tokens == 100",
    "input.messages[0].role == 'ROLE_USER'",
    "input.messages.exists(m, m.content[0].text.text == 'Hello')",
    "has(metadata.plan) && !has(metadata.other)",
]
DOES_NOT = [
    "metadata.plan == 'free'",
    "metadata.other == 'x'",
    "metadata.plan",
    "1 + 1",
    "input.messages[7].role == 'ROLE_USER'",
    "int(metadata.plan) > 1",
]


@pytest.mark.parametrize("condition", HOLDS)
async def test_it_holds(own: Running, condition: str) -> None:
    assert await chosen(own, conditional(condition)) == "text-n1"


@pytest.mark.parametrize("condition", DOES_NOT)
async def test_it_does_not(own: Running, condition: str) -> None:
    assert await chosen(own, conditional(condition)) == "text-n2"


async def chosen(own: Running, route: dict[str, Any]) -> str | None:
    await own.stub.Chat(asked(route, model="claude-x", options={"metadata": {"plan": "paid"}}), timeout=10)
    return posts(own.simulator)[0].model


async def test_the_first_one_that_holds(own: Running) -> None:
    branches = [{"condition": c, "route": target(m)} for c, m in (("false", "text-n1"), ("true", "text-n2"))]
    branches.append({"condition": "true", "route": target("text-n3")})
    await own.stub.Chat(asked({"conditional": {"branches": branches}}), timeout=10)
    assert [each.model for each in posts(own.simulator)] == ["text-n2"]


async def test_none_holds(own: Running) -> None:
    failure = await calls.chat_failure(own.stub, asked(conditional("false", otherwise=None)))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND")
    assert not posts(own.simulator)


async def test_streams_are_told_apart(own: Running) -> None:
    request = chat_service_pb2.StreamChatRequest(input=calls.chat_input(""), routing=by(conditional("stream")))
    await calls.events_of(own.stub, request)
    assert posts(own.simulator)[0].model == "text-n1"


async def test_a_branch_is_a_whole_route(own: Running) -> None:
    route: dict[str, Any] = conditional("true")
    route["conditional"]["branches"][0]["route"] = {"fallback": {"routes": [target("error-503"), target("text-n3")]}}
    answer = await own.stub.Chat(asked(route), timeout=10)
    paths = [each.path for each in answer.completion.route_report.attempts]
    assert paths == [f"conditional.branches[0].route.fallback.routes[{number}].target" for number in (0, 1)]


async def test_only_the_branch_that_is_taken_counts_for_a_breaker(own: Running) -> None:
    breaker = {"consecutive_failures": 2, "ejection": "60s"}
    route = {"fallback": {"routes": [conditional("true", "error-503"), target("text")]}, "circuit_breaker": breaker}
    for _ in range(4):
        await own.stub.Chat(asked(route), timeout=10)
    assert [each.model for each in posts(own.simulator)].count("error-503") == 2


WRONG = {
    "": "is empty",
    "1 +": "is not CEL",
    "a.b == 'c'": "has no variable 'a'",
    "model.frob()": "has no function 'frob'",
    "a" * (MAX_CHARACTERS + 1): "longer than",
    "(" * 1000 + "a" + ")" * 999: "is not CEL",
    "input.messages.exists(m, m.content.exists(b, has(b.text)))": "goes through lists more than 1 times",
    "size(input.messages.map(m, input)) > 5": "has 'map', which long lists take too long for",
    "input.messages.filter(m, true) == []": "has 'filter', which long lists take too long for",
    "input.messages.all(m, m in input.messages)": "has 'input' behind 'all'",
    "input.messages.all(m, m.role.matches('(a{100}){90}'))": "has 'matches' behind 'all'",
    "size(input.model + input.model) > 1": "reads input and has a +",
}


@pytest.mark.parametrize("condition", WRONG, ids=lambda text: text[:20])
async def test_what_is_no_condition(own: Running, condition: str) -> None:
    failure = await calls.chat_failure(own.stub, asked(conditional(condition)))
    assert failure.reason == "INVALID_REQUEST"
    assert failure.fields == ["routing.route.conditional.branches[0].condition"]
    assert failure.bad_request is not None
    assert WRONG[condition] in failure.bad_request.field_violations[0].description


def test_the_gateways_own_copies_no_lists() -> None:
    with pytest.raises(ConditionError, match="use exists"):
        Condition("size(input.messages.map(m, m.role)) > 1")


async def test_what_many_conditions_look_at_is_made_once(own: Running) -> None:
    # Made for each of them, it would take a hundred times as long.
    branches = [{"condition": f"input.model == '{number}'", "route": target("text-n1")} for number in range(99)]
    route: dict[str, Any] = {"conditional": {"branches": branches, "default_route": target("text-n2")}}
    request = asked(route, model="claude-x")
    request.input.messages.extend([calls.user("Hello")] * 5000)
    began = process_time()
    await own.stub.Chat(request, timeout=60)
    assert process_time() - began < 3
    assert posts(own.simulator)[0].model == "text-n2"


def test_the_gateways_own_may_go_through_lists_within_lists() -> None:
    condition = Condition("input.messages.exists(m, m.content.exists(b, has(b.image)))")
    with_image = message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=message_pb2.Media(data=b"x")))
    question = chat_input_pb2.ChatInput(messages=[calls.user(with_image)])
    assert condition.holds(seen({"input": readable(question)}))
    assert question.messages[0].content[0].image.media.data == b"x"


@pytest.mark.parametrize("text", ["a." * 999 + "b", "!" * 1999 + "true", "[" * 999 + "]" * 999, "-" * 1999 + "1"])
def test_none_is_too_deep_for_the_parser(text: str) -> None:
    with suppress(ConditionError):
        Condition(text).holds(NOTHING_SEEN)
