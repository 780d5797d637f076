"""Numbers of a usage that are not known, or not yet, are not told, and cost nothing that could be wrong."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from trunkline.v1 import usage_pb2
from trunkline_service.catalog.facts import Modifier, Prices, Tier
from trunkline_service.telemetry.cost import cost
from wire import decoding as anthropic
from wire_gemini import decoding as gemini
from wire_openai import decoding as openai

OWN = Prices(
    tiers=(Tier(input=10, cache_read=1, cache_write={"": 12, "5m": 12}, output=50),),
    modifiers=(Modifier(condition="service_tier", value="default", percent=100),),
    as_of=date(2026, 1, 1),
)
WORDS = "many words " * 50


def of_anthropic(started: Any, ended: Any) -> usage_pb2.Usage:
    last = anthropic.message_delta() | {"usage": ended}
    stream = anthropic.sse(anthropic.start(usage=started), *anthropic.text_block(WORDS), last, {"type": "message_stop"})
    return anthropic.play(stream).response.completion.usage


def of_gemini(early: Any, last: Any) -> usage_pb2.Usage:
    chunks = [
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}]} | ({"usageMetadata": early} if early else {}),
        {"candidates": [{"content": {"parts": [{"text": WORDS}]}}]} | ({"usageMetadata": last} if last else {}),
        {"candidates": [{"finishReason": "STOP"}]},
    ]
    return gemini.play(gemini.sse(*chunks)).response.completion.usage


def of_chat(early: Any, last: Any, *, ends: bool = True) -> usage_pb2.Usage:
    chunks = [
        openai.FIRST,
        openai.chunk({"content": "a"}, usage=early),
        openai.chunk({"content": WORDS}, "stop" if ends else None, usage=last),
        *([] if ends else [openai.chunk({}, "stop")]),
    ]
    return openai.play(openai.sse(*chunks, openai.DONE)).response.completion.usage


@pytest.mark.parametrize("ended", [None, {}, {"input_tokens": 3}, {"output_tokens": None}])
def test_anthropics_first_count_of_the_output_is_none(ended: Any) -> None:
    used = of_anthropic({"input_tokens": 3, "output_tokens": 1, "output_tokens_details": {"thinking_tokens": 1}}, ended)
    assert (used.input_total, used.input_uncached) == (3, 3)
    assert not used.HasField("output_total")
    assert not used.HasField("output_reasoning")
    assert cost(used, OWN) is None
    assert json.loads(used.provider_usage_json)["output_tokens"] == 1


def test_anthropics_last_count_is_one() -> None:
    used = of_anthropic({"input_tokens": 3, "output_tokens": 1}, {"output_tokens": 9})
    assert used.output_total == 9
    assert cost(used, OWN) is not None


def test_geminis_early_count() -> None:
    early, last = ({"promptTokenCount": 3, "candidatesTokenCount": n} for n in (1, 9))
    used = of_gemini(early, None)
    assert used.input_total == 3
    assert not used.HasField("output_total")
    assert cost(used, OWN) is None
    assert of_gemini(early, last).output_total == 9


@pytest.mark.parametrize("ends", [True, False])
def test_chats_early_count(ends: bool) -> None:
    early, last = ({"prompt_tokens": 3, "completion_tokens": n} for n in (1, 9))
    used = of_chat(early, None, ends=ends)
    assert used.input_total == 3
    assert not used.HasField("output_total")
    assert cost(used, OWN) is None
    assert of_chat(early, last, ends=ends).output_total == 9


UNREADABLE: list[tuple[Any, Any, Any]] = [
    (of_anthropic, {"input_tokens": 1000, "output_tokens": 1}, "cache_read_input_tokens"),
    (of_anthropic, {"input_tokens": 1000, "output_tokens": 1}, "cache_creation_input_tokens"),
    (of_anthropic, {"input_tokens": 9, "cache_creation_input_tokens": 9, "output_tokens": 1}, "cache_creation"),
    (of_anthropic, {"input_tokens": 1000, "output_tokens": 1}, "speed"),
    (of_gemini, {"promptTokenCount": 1000, "candidatesTokenCount": 1}, "cachedContentTokenCount"),
    (of_gemini, {"promptTokenCount": 1000, "candidatesTokenCount": 1}, "toolUsePromptTokenCount"),
    (of_gemini, {"promptTokenCount": 1000, "candidatesTokenCount": 1}, "thoughtsTokenCount"),
    (of_gemini, {"promptTokenCount": 1000, "candidatesTokenCount": 1}, "serviceTier"),
    (of_chat, {"prompt_tokens": 1000, "completion_tokens": 1}, "prompt_tokens_details"),
    (of_chat, {"prompt_tokens": 1000, "completion_tokens": 1}, "prompt_cache_hit_tokens"),
]


@pytest.mark.parametrize(("play", "told", "member"), UNREADABLE)
@pytest.mark.parametrize("value", [{"cached_tokens": "900", "ephemeral_5m_input_tokens": "9"}, ["900"], -1, 1.5])
def test_a_number_that_cannot_be_read_is_not_taken_for_none(play: Any, told: Any, member: str, value: Any) -> None:
    assert cost(play(None, told), OWN) is not None or member == "cache_creation"
    used = play(None, {**told, member: value})
    assert cost(used, OWN) is None
    assert json.loads(used.provider_usage_json)[member] == value
