"""Every conversation over every provider: as it should be, streamed and whole, or refused by the name of a field."""

from __future__ import annotations

import grpc
import pytest

from matrix.conversation import Conversation
from matrix.conversations import CONVERSATIONS
from matrix.homes import HOMES, Home
from matrix.rig import Rig
from support.calls import chat_failure, stream_failure
from trunkline.accumulate import Accumulator
from trunkline.v1 import chat_service_pb2, route_pb2
from trunkline_service.providers import registry

CELLS = [
    pytest.param(home, conversation, id=f"{home.name}-{conversation.name}")
    for home in HOMES
    for conversation in CONVERSATIONS
    if not home.among(conversation.never)
]


def test_every_codec_has_its_column() -> None:
    assert {home.key for home in HOMES} == set(registry._CODECS)


@pytest.mark.parametrize(("home", "conversation"), CELLS)
async def test_conversation(running: Rig, home: Home, conversation: Conversation) -> None:
    asked = conversation.input(home)
    if missing := home.of(conversation.cannot):
        await _refused(running, chat_service_pb2.ChatRequest(input=asked), missing)
        return
    whole = await running.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=5)
    conversation.check(whole, running.last())
    assert _warned(whole) == list(home.of(conversation.warned) or ())
    answer = Accumulator()
    async for message in running.stub.StreamChat(chat_service_pb2.StreamChatRequest(input=asked), timeout=5):
        for event in message.events:
            answer.add(event)
    streamed = answer.response
    conversation.check(streamed, running.last())
    assert whole.message.origin.provider == home.name


async def _refused(running: Rig, asked: chat_service_pb2.ChatRequest, field: str) -> None:
    before = len(running.simulator.calls)
    failed = await chat_failure(running.stub, asked)
    assert (failed.code, failed.reason) == (grpc.StatusCode.UNIMPLEMENTED, "CAPABILITY_NOT_SUPPORTED"), failed
    assert failed.fields == [field]
    _, failed = await stream_failure(running.stub, chat_service_pb2.StreamChatRequest(input=asked.input))
    assert failed.fields == [field]
    assert len(running.simulator.calls) == before
    # Who says so goes without it, and is told.
    options = route_pb2.RoutingOptions(unsupported_fields=route_pb2.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING)
    without = await running.stub.Chat(chat_service_pb2.ChatRequest(input=asked.input, routing=options), timeout=5)
    assert field in _warned(without)


def _warned(answer: chat_service_pb2.ChatResponse) -> list[str]:
    return [warning.field for warning in answer.completion.warnings]
