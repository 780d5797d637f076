"""Large messages, up to the limit and beyond it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from e2e.edits import asking, count_of, image, stream_of
from e2e.gateways import call_lines, posts, running
from support.calls import (
    Stub,
    chat_failure,
    chat_input,
    events_of,
    failure,
    request,
    said,
    stream_failure,
    stream_request,
    text_block,
    user,
)
from trunkline import AsyncTrunkline, MessageTooLargeError, RequestTooLargeError
from trunkline.accumulate import Accumulator
from trunkline.v1 import chat_service_pb2, chat_service_pb2_grpc, message_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import Limits
from trunkline_service.simulator import Simulator

MIB = 2**20
# Of gateways that differ from the shared one, which has 32 MiB.
LIMIT = 2**19

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


def of_size(size: int) -> chat_service_pb2.ChatRequest:
    """A request of exactly `size` bytes."""
    asked = asking("simulator/text-n1", user("x" * size))
    block = asked.input.messages[0].content[0]
    block.text.text = block.text.text[asked.ByteSize() - size :]
    assert asked.ByteSize() == size
    return asked


async def test_a_request_over_the_limit() -> None:
    """Refused by name, and with a line in the log, by every method; what is exactly as large as it may be passes."""
    async with running(limits=Limits(max_message_bytes=LIMIT)) as own:
        asked = of_size(LIMIT + 1)
        with call_lines() as lines:
            with pytest.raises(grpc.aio.AioRpcError) as counted:
                await own.stub.CountTokens(count_of(asked), timeout=5)
            unary = await chat_failure(own.stub, asked)
            _, streamed = await stream_failure(own.stub, stream_of(asked))
        for found in (failure(counted.value), unary, streamed):
            assert found.request_info is not None
            line = await lines.one(found.request_info.request_id)
            assert (line["code"], line["reason"]) == ("INVALID_ARGUMENT", "ERROR_REASON_REQUEST_TOO_LARGE")
            assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_TOO_LARGE")
            assert dict(found.info.metadata) == {"limit": str(LIMIT)}
            assert str(LIMIT + 1) in found.message
            assert found.retry is None
        assert not posts(own.simulator)
        await own.stub.Chat(of_size(LIMIT), timeout=5)
        assert len(posts(own.simulator)) == 1


async def test_a_request_over_twice_the_limit() -> None:
    """gRPC itself refuses it, and the connection lives on."""
    async with running(limits=Limits(max_message_bytes=LIMIT)) as own:
        found = await chat_failure(own.stub, of_size(2 * LIMIT + 1))
        assert (found.code, found.reason, found.status) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "", None)
        assert "larger than max" in found.message
        assert (await chat_failure(own.stub, of_size(2 * LIMIT))).reason == "REQUEST_TOO_LARGE"
        assert not posts(own.simulator)
        await own.stub.Chat(request(), timeout=5)


async def test_a_request_over_the_limit_once_it_is_unpacked() -> None:
    packed = grpc.Compression.Gzip
    async with running(limits=Limits(max_message_bytes=LIMIT)) as own:
        for size, reason in ((LIMIT + 1, "REQUEST_TOO_LARGE"), (2 * LIMIT + 1, "")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await own.stub.Chat(of_size(size), timeout=5, compression=packed)
            found = failure(caught.value)
            assert found.reason == reason
            assert bool(found.status) == bool(reason)
        assert not posts(own.simulator)
        await own.stub.Chat(of_size(LIMIT), timeout=5, compression=packed)


async def test_a_request_over_the_limit_of_32_mib(gateway: Gateway, simulator: Simulator) -> None:
    """The default, which the contract tells callers."""
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(gateway.address, options=options) as channel:
        stub: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
        found = await chat_failure(stub, of_size(32 * MIB + 1))
        assert (found.reason, found.info.metadata["limit"]) == ("REQUEST_TOO_LARGE", str(32 * MIB))
        assert not posts(simulator)


async def test_what_the_python_client_makes_of_it() -> None:
    async with (
        running(limits=Limits(max_message_bytes=LIMIT)) as own,
        AsyncTrunkline(own.gateway.address, model="simulator/text", timeout=10) as client,
    ):
        with pytest.raises(RequestTooLargeError) as typed:
            await client.chat("x" * LIMIT)
        assert typed.value.limit == LIMIT
        assert typed.value.request_id
        with pytest.raises(MessageTooLargeError) as bare:
            await client.chat("x" * 2 * LIMIT)
        assert bare.value.reason == ""


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
