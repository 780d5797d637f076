"""Large messages, up to the limit and beyond it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from e2e.edits import asking, image
from e2e.gateways import posts
from support.calls import Stub, chat_failure, chat_input, events_of, request, said, stream_request, text_block, user
from trunkline.accumulate import Accumulator
from trunkline.v1 import chat_service_pb2, chat_service_pb2_grpc, message_pb2
from trunkline_service.app import Gateway
from trunkline_service.simulator import Simulator

MIB = 2**20

pytestmark = pytest.mark.usefixtures("healthy_afterwards")


async def test_a_large_picture(stub: Stub, simulator: Simulator) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(20 * MIB)
    block = message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=message_pb2.Media(data=png)))
    asked = chat_service_pb2.ChatRequest(input=chat_input("simulator/text", user(block, text_block("What is it?"))))
    assert said(await stub.Chat(asked, timeout=20)) == "You said: What is it?"
    source = posts(simulator)[0].json["messages"][0]["content"][0]["source"]
    assert source["media_type"] == "image/png"
    assert len(source["data"]) == (len(png) + 2) // 3 * 4


async def test_a_large_answer(stub: Stub) -> None:
    """One event of 20 MiB, in one message."""
    unary, events = await asyncio.gather(
        stub.Chat(request("simulator/big-n20"), timeout=20), events_of(stub, stream_request("simulator/big-n20"))
    )
    fold = Accumulator()
    for event in events:
        fold.add(event)
    for answer in (unary, fold.response):
        result = answer.message.content[1].server_tool_result
        assert len(result.content_json) > 20 * MIB
        assert said(answer) == "That was big."


async def test_a_request_over_the_limit(gateway: Gateway, simulator: Simulator) -> None:
    """gRPC itself refuses it, and the connection lives on."""
    asked = asking("simulator/text-n1", user("x" * 32 * MIB))
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(gateway.address, options=options) as channel:
        stub: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
        found = await chat_failure(stub, asked)
        assert (found.code, found.reason, found.status) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "", None)
        assert "larger than max" in found.message
        assert not posts(simulator)
        await stub.Chat(request(), timeout=5)


async def test_a_request_over_the_limit_once_it_is_unpacked(gateway: Gateway, simulator: Simulator) -> None:
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(gateway.address, options=options) as channel:
        stub: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
        packed = grpc.Compression.Gzip
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Chat(asking("simulator/text-n1", user("x" * 32 * MIB)), timeout=20, compression=packed)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not posts(simulator)
        await stub.Chat(asking("simulator/text-n1", user("x" * MIB)), timeout=5, compression=packed)


async def test_a_request_just_under_the_limit(stub: Stub, simulator: Simulator) -> None:
    text = "x" * (32 * MIB - 1024)
    answer = await stub.Chat(asking("simulator/text-n1", user(text)), timeout=20)
    assert answer.completion.usage.input_total > 8_000_000
    assert posts(simulator)[0].json["messages"][0]["content"][0]["text"] == text


async def test_a_request_that_only_the_provider_finds_too_large(stub: Stub, simulator: Simulator) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(26 * MIB)
    found = await chat_failure(stub, asking("simulator/text", user(image(data=png))))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_TOO_LARGE")
    assert found.info.metadata["limit"] == str(32 * MIB)
    assert found.retry is None
