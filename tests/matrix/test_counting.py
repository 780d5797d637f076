"""Counting over every provider: by its own counter where it has one, and the answer says who counted."""

from __future__ import annotations

import pytest

from matrix.building import TOOLS
from matrix.homes import HOMES, Home
from matrix.rig import Rig
from support.calls import chat_input, user
from trunkline.v1 import chat_service_pb2


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
async def test_count(running: Rig, home: Home) -> None:
    counts = []
    for words in (4, 400):
        asked = chat_input(f"{home.name}/text", user("word " * words), tools=TOOLS)
        count = await running.stub.CountTokens(chat_service_pb2.CountTokensRequest(input=asked), timeout=5)
        assert chat_service_pb2.CountMethod.Name(count.method) == f"COUNT_METHOD_{home.counts}"
        counts.append(count.input_tokens)
    assert 0 < counts[0] < counts[1]
    if home.counts == "PROVIDER":
        answer = await running.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
        assert answer.completion.usage.input_total == counts[1]
