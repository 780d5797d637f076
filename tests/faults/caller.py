"""A caller that goes away, in the ways that callers do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Literal, TypeAlias

import grpc

from faults.rig import Rig
from trunkline.v1 import chat_input_pb2, chat_service_pb2

Method = Literal["unary", "stream", "batched", "count"]
Way = Literal["cancels", "disconnects", "times out"]
WAYS: tuple[Way, ...] = ("cancels", "disconnects", "times out")
TIMEOUT = 0.5

AnyCall: TypeAlias = "grpc.aio.UnaryUnaryCall[Any, Any] | grpc.aio.UnaryStreamCall[Any, Any]"


class Caller:
    """A call that is read as it comes, until it is left; or, with `reads` false, not at all."""

    def __init__(
        self, rig: Rig, method: Method, asked: chat_input_pb2.ChatInput, way: Way = "cancels", *, reads: bool = True
    ) -> None:
        self._rig = rig
        self._way = way
        timeout = TIMEOUT if way == "times out" else 30
        self._began = time.monotonic()
        self.call: AnyCall
        if method == "unary":
            self.call = rig.stub.Chat(chat_service_pb2.ChatRequest(input=asked), timeout=timeout)
        elif method == "count":
            self.call = rig.stub.CountTokens(chat_service_pb2.CountTokensRequest(input=asked), timeout=timeout)
        else:
            request = chat_service_pb2.StreamChatRequest(input=asked)
            if method == "batched":
                request.max_event_delay.FromMilliseconds(100)
            self.call = rig.stub.StreamChat(request, timeout=timeout)
        self._reading = asyncio.ensure_future(_read(self.call) if reads else self.call.code())

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, whoever ended it."""
        return self._reading.done()

    async def leave(self) -> float:
        """Goes; returns when, of `time.monotonic()`."""
        left = time.monotonic()
        if self._way == "cancels":
            self.call.cancel()
        elif self._way == "disconnects":
            await self._rig.channel.close()
        else:
            await asyncio.wait((self._reading,))
            left = self._began + TIMEOUT
        return left

    async def end(self) -> grpc.StatusCode:
        """The code of the call that was left."""
        await asyncio.wait((self._reading,))
        return await self.call.code()


async def _read(call: AnyCall) -> None:
    with contextlib.suppress(grpc.aio.AioRpcError):
        if isinstance(call, grpc.aio.UnaryUnaryCall):
            await call
        else:
            async for _ in call:
                pass
