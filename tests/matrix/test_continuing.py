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
