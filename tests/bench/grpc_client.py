"""Calls to Trunkline that cost the caller little: the bytes are made before, the answers counted and not read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TypeAlias

import grpc

from bench.load import Call
from bench.scenarios import Scenario
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2, route_pb2

# As text: the classes take no parameters at run time.
UnaryUnary: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
UnaryStream: TypeAlias = "grpc.aio.UnaryStreamMultiCallable[bytes, bytes]"

SERVICE = "/trunkline.v1.ChatService/"
# Field 1, events, of StreamChatResponse; field 7, completion, of ChatEvent; both of type LEN.
EVENTS_TAG = 0x0A
COMPLETION_TAG = 0x3A


class GrpcClient:
    """Calls over one channel, as a service would make them."""

    def __init__(self, channel: grpc.aio.Channel, provider: str, route: str) -> None:
        self._provider = provider
        self._route = route
        self._chat: UnaryUnary = channel.unary_unary(f"{SERVICE}Chat")
        self._stream: UnaryStream = channel.unary_stream(f"{SERVICE}StreamChat")

    async def call(self, worker: int, scenario: Scenario, model: str) -> Call:
        """Makes one call."""
        try:
            if scenario.stream:
                return await self._read(scenario, request(self._provider, model, self._route))
            response = await self._chat(request(self._provider, model, self._route), timeout=60)
            return Call(frames=1, failure="" if response else "an empty response")
        except grpc.aio.AioRpcError as error:
            return Call(failure=f"{error.code().name}: {error.details()}")

    async def _read(self, scenario: Scenario, asked: bytes) -> Call:
        result = Call()
        message, kind = b"", 0
        async for message in self._stream(asked, timeout=60):
            if not result.frames:
                result.first = time.perf_counter()
            count, kind = count_events(message)
            result.frames += count
        # message_delta and message_stop are one event here, the completion.
        if result.frames != scenario.upstream_events - 1 or kind != COMPLETION_TAG:
            result.failure = f"{result.frames} events, the last of kind {kind:#x}"
        return result


@asynccontextmanager
async def connected(address: str, provider: str = "anthropic", route: str = "") -> AsyncIterator[GrpcClient]:
    """A client with an open connection, that asks for models of one provider, or of whom a route says."""
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        yield GrpcClient(channel, provider, route)


@cache
def request(provider: str, model: str, route: str) -> bytes:
    """The request as bytes: it is the same for both methods."""
    text = message_pb2.ContentBlock(text=message_pb2.TextBlock(text="Hello, Claude!"))
    return chat_service_pb2.ChatRequest(
        input=chat_input_pb2.ChatInput(
            model=model if route else f"{provider}/{model}",
            messages=[message_pb2.Message(role=message_pb2.ROLE_USER, content=[text])],
            generation=chat_input_pb2.GenerationParams(max_output_tokens=1024),
        ),
        routing=route_pb2.RoutingOptions(route_name=route) if route else None,
    ).SerializeToString()


def count_events(message: bytes) -> tuple[int, int]:
    """The events in a StreamChatResponse, and the tag of the last one's kind."""
    count = place = kind = 0
    while place < len(message):
        if message[place] != EVENTS_TAG:
            msg = "a message that holds more than events"
            raise ValueError(msg)
        place += 1
        size = shift = 0
        while True:
            byte = message[place]
            place += 1
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        kind = message[place]
        place += size
        count += 1
    return count, kind
