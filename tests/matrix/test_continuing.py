"""A conversation begun at one provider goes on at another: all of it arrives, in order, but for what cannot travel,
which is left out with a warning.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from matrix.building import TOOLS, marked, shown
from matrix.homes import HOMES, Home
from matrix.rig import Rig
from matrix.told import Part, told
from support.calls import chat_input, said, text_block, user
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2, warning_pb2

PAIRS = [pytest.param(first, then, id=f"{first.name}-to-{then.name}") for first in HOMES for then in HOMES]
# What Gemini wants in the place of a signature where another model made the call.
ANY_SIGNATURE = "skip_thought_signature_validator"
FAILED = "input.messages[4].content[1].tool_result.is_error"
MARKS = ["input.system[0].cache_control", "input.messages[2].content[0].cache_control"]
LAST_MARK = "input.messages[4].content[1].cache_control"


async def ask(running: Rig, asked: chat_input_pb2.ChatInput) -> chat_service_pb2.ChatResponse:
    return await running.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)


def reasoning(home: Home) -> chat_input_pb2.ReasoningParams:
    """What makes the home's thoughts visible."""
    words = {"responses": "auto", "gemini": "summarized"}
    return shown(words[home.family]) if home.family in words else chat_input_pb2.ReasoningParams(effort="high")


def results(called: message_pb2.Message) -> message_pb2.Message:
    """A result of the first call, and the second's, which failed."""
    uses = [block.tool_use for block in called.content if block.HasField("tool_use")]
    found = [
        message_pb2.ToolResultBlock(tool_use_id=use.id, content=[text_block(text)], is_error=failed)
        for use, text, failed in zip(uses, ("done", "no rain"), (None, True), strict=True)
    ]
    blocks = [message_pb2.ContentBlock(tool_result=result) for result in found]
    blocks[-1].cache_control.SetInParent()
    return message_pb2.Message(role=message_pb2.ROLE_TOOL, content=blocks)


@pytest.mark.parametrize(("first", "then"), PAIRS)
async def test_continuing(running: Rig, first: Home, then: Home) -> None:
    thought = (await ask(running, chat_input(f"{first.name}/thinking", reasoning=reasoning(first)))).message
    called = (await ask(running, chat_input(f"{first.name}/tools", tools=TOOLS))).message
    _check_begun(first, thought, called)
    messages = (user("Hello"), thought, user(marked("Go")), called, results(called))
    system = [marked("Be brief.")]
    asked = chat_input(f"{then.name}/tools", *messages, tools=TOOLS, system=system)
    answer = await ask(running, asked)
    assert said(answer) == "The tool answered: done; no rain"

    own = then.reads(first)
    is_claude = then.family == "anthropic"
    has_failed = is_claude or then.family == "gemini"
    assert told(running.last()) == [
        Part("system", "Be brief.", marked=is_claude),
        Part("user", "Hello"),
        *_parts(thought, then, own=own),
        Part("user", "Go", marked=is_claude),
        *_parts(called, then, own=own),
        Part("result", "done", "book"),
        Part("failed" if has_failed else "result", "no rain", "weather", marked=is_claude),
    ]
    dropped = [*([] if is_claude else [*MARKS, LAST_MARK]), *([] if has_failed else [FAILED])]
    left_out = [] if own else [*_foreign("input.messages[1]", thought), *_foreign("input.messages[3]", called)]
    warnings = answer.completion.warnings
    assert _fields(warnings, "FIELD_DROPPED") == sorted(dropped)
    assert _fields(warnings, "NOT_PORTABLE") == sorted(left_out)
    assert len(warnings) == len(dropped) + len(left_out)


# As vLLM and Kimi make them: too long for some, and with characters that others do not take.
IDS = ("chatcmpl-tool-0123456789abcdef0123456789abcdef", "functions.weather:1")


@pytest.mark.parametrize("then", HOMES, ids=lambda home: home.name)
async def test_calls_of_servers_that_nobody_knows(running: Rig, then: Home) -> None:
    origin = message_pb2.Origin(provider="elsewhere", provider_type="openai", model="m")
    uses = [
        message_pb2.ToolUseBlock(id=name, name=tool, input_json="{}")
        for name, tool in zip(IDS, ("book", "weather"), strict=True)
    ]
    called = message_pb2.Message(
        role=message_pb2.ROLE_ASSISTANT,
        content=[message_pb2.ContentBlock(tool_use=use) for use in uses],
        origin=origin,
    )
    answer = await ask(running, chat_input(f"{then.name}/tools", user("Go"), called, results(called), tools=TOOLS))
    assert said(answer) == "The tool answered: done; no rain"


def _check_begun(home: Home, thought: message_pb2.Message, called: message_pb2.Message) -> None:
    """There must be something that cannot travel, where the home has such."""
    thoughts = [block for block in thought.content if block.HasField("thinking")]
    assert len(thoughts) == (not home.is_silent)
    assert all(block.thinking.text for block in thoughts)
    match home.family:
        case "anthropic":
            assert thoughts[0].thinking.signature
        case "responses":
            assert thoughts[0].provider_state
        case "gemini":
            assert thought.content[-1].provider_state
            assert called.content[1].provider_state
    assert [block.WhichOneof("kind") for block in called.content] == ["text", "tool_use", "tool_use"]


def _parts(message: message_pb2.Message, then: Home, *, own: bool) -> Iterator[Part]:
    """What has to arrive of an answer."""
    calls = 0
    for block in message.content:
        state = _state(block, then) if own else []
        match block.WhichOneof("kind"):
            case "thinking" if own:
                yield Part("thought", block.thinking.text)
                yield from state
            case "text":
                yield from state
                if block.text.text:
                    yield Part("assistant", block.text.text)
            case "tool_use":
                if not own and then.family == "gemini" and not calls:
                    state = [Part("state", ANY_SIGNATURE)]
                yield from state
                yield Part("call", json.loads(block.tool_use.input_json), block.tool_use.name)
                calls += 1


def _state(block: message_pb2.ContentBlock, then: Home) -> list[Part]:
    value = block.provider_state or block.thinking.signature.encode()
    text = base64.b64encode(value).decode() if then.family == "gemini" else value.decode()
    return [Part("state", text)] if value else []


def _foreign(path: str, message: message_pb2.Message) -> Iterator[str]:
    """The fields that only their own provider reads."""
    for place, block in enumerate(message.content):
        where = f"{path}.content[{place}]"
        if block.HasField("thinking"):
            yield f"{where}.thinking"
            continue
        yield from (f"{where}.{name}" for name in ("provider_state", "provider_fields_json") if getattr(block, name))
        if block.tool_use.HasField("caller"):
            yield f"{where}.tool_use.caller"


def _fields(warnings: Iterable[Any], code: str) -> list[str]:
    wanted = warning_pb2.WarningCode.Value(f"WARNING_CODE_{code}")
    return sorted(warning.field for warning in warnings if warning.code == wanted)
