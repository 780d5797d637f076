"""See `courses.ACCOUNTING`: tokens and prices to the last nano-dollar, where the provider told them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from faults.rig import connected
from faults.table.courses import ACCOUNTING
from faults.table.wires import ANTHROPIC, WIRES, Wire, other
from routing.asking import asked, asked_stream, fallback, folded, target
from support import calls
from support.upstream import STREAM, Answer, ScriptedUpstream
from trunkline.v1 import route_pb2, usage_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import Settings

MODELS = {"anthropic": "claude-haiku-4-5", "chat": "gpt-5.4-mini", "responses": "gpt-5.4-mini"}
# Nano-dollars for a token, in and out.
PRICES = {"anthropic": (1_000, 5_000), "chat": (750, 4_500), "responses": (750, 4_500)}
INPUT, OUTPUT = 1_000, 200
WORDS = ("One", " two", " three")


def anthropic(model: str) -> list[dict[str, Any]]:
    usage = {"input_tokens": INPUT, "output_tokens": 1, "service_tier": "standard", "inference_geo": "not_available"}
    message = {"type": "message", "role": "assistant", "id": "msg_1", "model": model, "content": [], "usage": usage}
    delta = {"type": "content_block_delta", "index": 0}
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({**delta, "delta": {"type": "text_delta", "text": word}} for word in WORDS),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": OUTPUT}},
        {"type": "message_stop"},
    ]


def chat(model: str) -> list[dict[str, Any]]:
    envelope = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    return [
        *({**envelope, "choices": [{"index": 0, "delta": {"content": word}}]} for word in WORDS),
        {**envelope, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**envelope, "choices": [], "usage": usage},
    ]


def responses(model: str) -> list[dict[str, Any]]:
    response = {"id": "resp_1", "object": "response", "model": model, "status": "in_progress", "output": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    whole = {**item, "status": "completed", "content": [{**part, "text": "".join(WORDS)}]}
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    done = {**response, "status": "completed", "output": [whole], "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **where, "part": part},
        *({"type": "response.output_text.delta", **where, "delta": word} for word in WORDS),
        {"type": "response.output_text.done", **where, "text": "".join(WORDS)},
        {"type": "response.content_part.done", **where, "part": whole["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        {"type": "response.completed", "response": done},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


EVENTS = {"anthropic": anthropic, "chat": chat, "responses": responses}


def stream(wire: Wire, *, cut: bool = False) -> Answer:
    """An answer, or its beginning up to the last word."""
    events = EVENTS[wire.name](MODELS[wire.name])
    if cut:
        events = events[: 1 + max(place for place, event in enumerate(events) if _is_word(event))]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return Answer(body.encode(), headers=STREAM, ends=not cut)


def _is_word(event: dict[str, Any]) -> bool:
    return ("delta" in event.get("type", "") and "message" not in event["type"]) or bool(
        event.get("choices") and event["choices"][0]["delta"]
    )


@dataclass
class Rig:
    """The route is a fallback from `first` to `second`; `alone` is without it."""

    stub: calls.Stub
    first: Wire
    second: Wire
    upstream: ScriptedUpstream

    @property
    def alone(self) -> dict[str, Any]:
        return target(MODELS[self.first.name], "first")

    @property
    def route(self) -> dict[str, Any]:
        return fallback(self.alone, target(MODELS[self.second.name], "second"))


@pytest_asyncio.fixture(params=WIRES, ids=lambda wire: wire.name)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """The first target's answers break off."""
    wire: Wire = request.param
    second = other(wire)
    async with ScriptedUpstream() as bad, ScriptedUpstream() as good:
        bad.answer(stream(wire, cut=True))
        good.answer(stream(second))
        providers = {"first": wire.provider(bad.url, "first", 1), "second": second.provider(good.url, "second", 2)}
        settings = Settings(listen="127.0.0.1:0", providers=providers)
        async with Gateway(settings) as gateway, connected(gateway.address) as (_, stub):
            yield Rig(stub, wire, second, bad)


def priced(wire: Wire, usage: usage_pb2.Usage) -> int:
    """In nano-dollars."""
    for_input, for_output = PRICES[wire.name]
    return usage.input_total * for_input + usage.output_total * for_output


def check_broken(wire: Wire, attempt: route_pb2.Attempt) -> None:
    """Its three words, and its input: as the provider told it, or a guess."""
    assert attempt.usage_is_estimate
    assert attempt.usage.input_total == INPUT if wire is ANTHROPIC else 0 < attempt.usage.input_total < 100
    assert attempt.usage.output_total == len(WORDS)
    assert attempt.cost.total_nano_usd == priced(wire, attempt.usage)


@pytest.mark.parametrize("call", ["whole", "stream"])
async def test_of_the_answer_and_of_what_came_before(rig: Rig, call: str) -> None:
    if call == "whole":
        answer = await rig.stub.Chat(asked(rig.route), timeout=10)
    else:
        answer = folded(await calls.events_of(rig.stub, asked_stream(rig.route, allow_restart=True)))
    assert calls.said(answer) == "".join(WORDS)
    completion = answer.completion
    assert (completion.usage.input_total, completion.usage.output_total) == (INPUT, OUTPUT)
    assert completion.cost.total_nano_usd == priced(rig.second, completion.usage)
    broken, answered = completion.route_report.attempts
    check_broken(rig.first, broken)
    assert completion.route_report.unanswered_cost == broken.cost
    assert not answered.HasField("cost")
    assert not answered.HasField("usage")


async def test_of_a_call_that_fails(rig: Rig) -> None:
    for failure in (
        await calls.chat_failure(rig.stub, asked(rig.alone)),
        (await calls.stream_failure(rig.stub, asked_stream(rig.alone)))[1],
    ):
        assert failure.reason == "STREAM_INTERRUPTED"
        [broken] = failure.report.attempts
        check_broken(rig.first, broken)
        assert failure.report.unanswered_cost == broken.cost


async def test_what_failed_before_it_began_has_cost_nothing(rig: Rig) -> None:
    rig.upstream.answer(Answer(b"{}", status=503))
    report = (await rig.stub.Chat(asked(rig.route), timeout=10)).completion.route_report
    assert len(report.attempts) == 2
    assert not report.attempts[0].HasField("usage")
    assert not report.HasField("unanswered_cost")


def test_each_setup_is_told_of() -> None:
    assert set(ACCOUNTING.comes) == {"alone", "fallback", "restart"}
