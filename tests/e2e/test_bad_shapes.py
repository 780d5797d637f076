"""Requests that are too deep, or have too many parts."""

from __future__ import annotations

import time

import grpc
import pytest

from e2e.edits import BLOCK, content, tool_result
from e2e.gateways import posts
from e2e.refusals import check_invalid, length_delimited, raw_failure
from support.calls import Stub, chat_failure, request, text_block, user
from trunkline.v1 import message_pb2
from trunkline_service.simulator import Simulator

MIB = 2**20

pytestmark = pytest.mark.usefixtures("healthy_afterwards")

# CPU seconds of this process, in which gateway, simulator and caller all run: busy machines do not change them.
FAST = 2.0


def nested(levels: int) -> message_pb2.ContentBlock:
    block = text_block("deep")
    for _ in range(levels - 1):
        block = tool_result(block)
    return block


async def test_blocks_nested_too_deep(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    content(nested(17))(asked)
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert "nested deeper than 16 levels" in found.message
    (field,) = found.fields
    assert field.startswith(f"{BLOCK}.tool_result.content[0].tool_result")
    assert not posts(simulator)


async def test_blocks_nested_deep_enough(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    content(nested(16))(asked)
    found = await chat_failure(stub, asked)
    assert found.reason == "UPSTREAM_REJECTED_REQUEST"  # there is no call that it answers
    assert len(posts(simulator)) == 1


async def test_blocks_nested_beyond_what_can_be_parsed(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    block = b""
    for _ in range(2000):
        block = length_delimited(8, length_delimited(2, block))  # ContentBlock.tool_result.content
    message = length_delimited(3, b"\x08\x03" + length_delimited(2, block))
    found = await raw_failure(channel, length_delimited(1, length_delimited(1, b"simulator/text") + message))
    check_invalid(found, {"request"})
    assert not posts(simulator)


EMPTIES = {
    "messages": (b"\x1a\x00" * MIB, "input.messages", "more than 100000"),
    "blocks": (length_delimited(3, b"\x08\x03" + b"\x12\x00" * MIB), "input.messages", "more than 100000"),
    "tools": (length_delimited(3, b"\x08\x03") + b"\x22\x00" * MIB, "input.tools[0].kind", "is required"),
    "unknown_fields": (b"\xf8\x7f\x01" * MIB, "request", "does not know"),
    "unknown_fields_below": (length_delimited(3, b"\xf8\x7f\x01") * (MIB // 4), "input.messages[0]", "2047"),
}


@pytest.mark.parametrize("name", EMPTIES)
async def test_a_million_of_nothing(name: str, channel: grpc.aio.Channel, simulator: Simulator) -> None:
    parts, field, says = EMPTIES[name]
    data = length_delimited(1, length_delimited(1, b"simulator/text") + parts)
    began = time.process_time()
    found = await raw_failure(channel, data)
    # Most of it is what parsing takes, which is not the gateway's own.
    assert time.process_time() - began < FAST
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"), found.message
    assert found.fields[0] == field
    assert says in found.message
    assert not posts(simulator)


async def test_more_messages_than_any_provider_takes(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    asked.input.messages.extend([user("Hello")] * 100_000)
    found = await chat_failure(stub, asked)
    check_invalid(found, {"input.messages"}, "more than 100000 messages")
    assert not posts(simulator)
