"""Ids of calls that another provider made: each becomes one that the provider takes, in the call and in its result."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.calls import chat_input, text_block, user
from trunkline.v1 import message_pb2
from trunkline_service.providers import call_ids
from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.base import Provider
from trunkline_service.providers.call_ids import CallIds
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.providers.openai.platform import AZURE, COMPATIBLE, MISTRAL, OPENAI
from trunkline_service.providers.openai.responses import ResponsesProvider
from wire.decoding import TARGET

# As vLLM and Kimi make them, as Gemini's and Mistral's are, and one that nobody makes.
IDS = [f"chatcmpl-tool-{'0' * 31}{digit}" for digit in "12"] + [
    "functions.f:0", "functions.f:1", "gemini_0123456789abcdef_0", "D681PevKs", "é" * 40, "a" * 100, "a" * 101,
]  # fmt: skip

RULES: dict[str, tuple[Provider, str]] = {
    "Anthropic": (AnthropicProvider(), "[a-zA-Z0-9_-]{1,1000}"),
    "Chat Completions": (ChatProvider(OPENAI), ".{1,40}"),
    "Chat Completions at Azure": (ChatProvider(AZURE), ".{1,40}"),
    "Responses": (ResponsesProvider(OPENAI), ".{1,64}"),
    "Mistral": (ChatProvider(MISTRAL), "[a-zA-Z0-9]{9}"),
    # What they take, nobody knows.
    "a compatible server": (ChatProvider(COMPATIBLE), ".+"),
    "a compatible server's Responses": (ResponsesProvider(COMPATIBLE), ".+"),
}
LITERALS = {"Anthropic": 6, "Chat Completions": 5, "Chat Completions at Azure": 5, "Responses": 7, "Mistral": 1}


def sent(provider: Provider) -> tuple[list[str], list[str]]:
    """The ids of the calls as they go out, and those of their results."""
    calls = [message_pb2.ContentBlock(tool_use=message_pb2.ToolUseBlock(id=each, name="f")) for each in IDS]
    results = [
        message_pb2.ContentBlock(
            tool_result=message_pb2.ToolResultBlock(tool_use_id=each, content=[text_block("done")])
        )
        for each in IDS
    ]
    origin = message_pb2.Origin(provider="other", provider_type="other", model="m")
    asked = message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=calls, origin=origin)
    answered = message_pb2.Message(role=message_pb2.ROLE_TOOL, content=results)
    request = provider.encode_chat(chat_input("m", user("Hi"), asked, answered), TARGET)
    assert not [each for each in request.warnings if each.field.startswith("input.messages")]
    found = list(_ids(json.loads(request.body)))
    return [name for kind, name in found if kind == "call"], [name for kind, name in found if kind == "result"]


def _ids(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for each in value:
            yield from _ids(each)
    elif isinstance(value, dict):
        match value.get("type"):
            case "tool_use" | "function":
                yield "call", value["id"]
            case "tool_result":
                yield "result", value["tool_use_id"]
            case "function_call":
                yield "call", value["call_id"]
            case "function_call_output":
                yield "result", value["call_id"]
            case _ if value.get("role") == "tool":
                yield "result", value["tool_call_id"]
            case _:
                for each in value.values():
                    yield from _ids(each)


@pytest.mark.parametrize("name", RULES)
def test_calls_and_results_keep_together(name: str) -> None:
    provider, pattern = RULES[name]
    calls, results = sent(provider)
    assert calls == results
    assert len(set(calls)) == len(IDS)
    assert all(re.fullmatch(pattern, each) for each in calls)
    # Those that fit are sent as they are.
    assert sum(each in IDS for each in calls) == LITERALS.get(name, len(IDS))
    assert sent(provider) == (calls, results)


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_ids_never_become_one(one: str, other: str) -> None:
    for rule in (call_ids.ANTHROPIC, call_ids.CHAT_COMPLETIONS, call_ids.RESPONSES, call_ids.MISTRAL):
        mapped = rule.upstream(one)
        assert rule.upstream(mapped) == mapped
        assert (mapped == rule.upstream(other)) is (one == other)


def test_an_id_says_where_it_is_from() -> None:
    rule = CallIds(forbidden=re.compile(r"[^a-z]"), longest=16)
    assert re.fullmatch(r"call_of_[0-9a-f]{8}", rule.upstream("call.of.anybody"))
