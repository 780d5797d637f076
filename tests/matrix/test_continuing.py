"""A conversation begun at one provider goes on at another: what cannot travel is left out, with a warning."""

from __future__ import annotations

import pytest

from matrix.checks import sent
from matrix.conversations import TOOLS
from matrix.homes import HOMES, Home
from matrix.rig import Rig
from support.calls import chat_input, said, text_block, user
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2, warning_pb2

PAIRS = [pytest.param(first, then, id=f"{first.name}-to-{then.name}") for first in HOMES for then in HOMES]

LEFT_OUT: dict[str, set[str]] = {
    "anthropic": set(),
    "responses": {"is_error", "cache_control"},
    "chat": {"is_error", "cache_control"},
    "gemini": {"cache_control"},
}


async def ask(running: Rig, asked: chat_input_pb2.ChatInput) -> chat_service_pb2.ChatResponse:
    return await running.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)


@pytest.mark.parametrize(("first", "then"), PAIRS)
async def test_thoughts_and_texts(running: Rig, first: Home, then: Home) -> None:
    begun = await ask(running, chat_input(f"{first.name}/thinking"))
    asked = chat_input(f"{then.name}/text", user("Hello"), begun.message, user("And now?"))
    answer = await ask(running, asked)
    assert said(answer) == "You said: And now?"
    assert "You said: Hello" in sent(running.last())
    warnings = answer.completion.warnings
    assert {warning.code for warning in warnings} <= {warning_pb2.WARNING_CODE_NOT_PORTABLE}
    assert all(warning.field.startswith("input.messages[1].content") for warning in warnings)
    thought = any(block.HasField("thinking") for block in begun.message.content)
    if first.family != then.family and thought:
        assert warnings
    if first is then and first.keeps_thoughts:
        assert not warnings


@pytest.mark.parametrize(("first", "then"), PAIRS)
async def test_tool_calls(running: Rig, first: Home, then: Home) -> None:
    begun = await ask(running, chat_input(f"{first.name}/tools", tools=TOOLS))
    uses = [block.tool_use for block in begun.message.content if block.HasField("tool_use")]
    found = [
        message_pb2.ToolResultBlock(tool_use_id=use.id, content=[text_block(text)])
        for use, text in zip(uses, ("done", "rain"), strict=True)
    ]
    results = message_pb2.Message(
        role=message_pb2.ROLE_TOOL, content=[message_pb2.ContentBlock(tool_result=result) for result in found]
    )
    asked = chat_input(f"{then.name}/tools", user("Hello"), begun.message, results, tools=TOOLS)
    answer = await ask(running, asked)
    assert said(answer) == "The tool answered: done; rain"
    assert {warning.code for warning in answer.completion.warnings} <= {warning_pb2.WARNING_CODE_NOT_PORTABLE}
    if first is then:
        assert not answer.completion.warnings


@pytest.mark.parametrize("home", [pytest.param(home, id=home.name) for home in HOMES])
async def test_failed_tools_and_cache_marks_end_no_conversation(running: Rig, home: Home) -> None:
    begun = await ask(running, chat_input(f"{home.name}/tools", tools=TOOLS))
    results = message_pb2.Message(role=message_pb2.ROLE_TOOL)
    for use in (block.tool_use for block in begun.message.content if block.HasField("tool_use")):
        result = results.content.add().tool_result
        result.tool_use_id = use.id
        result.content.append(text_block("broken"))
        result.is_error = True
    marked = user("Hello")
    marked.content[0].cache_control.SetInParent()
    asked = chat_input(f"{home.name}/tools", marked, begun.message, results, tools=TOOLS)
    asked.tools[0].cache_control.SetInParent()
    answer = await ask(running, asked)
    assert "broken" in said(answer)
    dropped = {warning.field.rpartition(".")[2] for warning in answer.completion.warnings}
    assert dropped == LEFT_OUT[home.family]
