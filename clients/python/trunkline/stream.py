"""Streams: the events of an answer as they come, and what they add up to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

import grpc

from trunkline import statuses
from trunkline.accumulate import Accumulator
from trunkline.errors import APIError, ProtocolError, StreamInterruptedError
from trunkline.replies import Reply
from trunkline.v1.chat_service_pb2 import ChatEvent, StreamChatRequest, StreamChatResponse
from trunkline.v1.usage_pb2 import Usage


class _StreamState:
    """What came so far. Knows nothing about waiting."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        """The call's id, to look it up in the gateway's log."""
        self.restarts = 0
        """How often the answer began again. Each time, all that came before is void."""
        self._accumulator = Accumulator()
        self._pending: deque[ChatEvent] = deque()
        self._failure: APIError | None = None
        self._ended = False

    @property
    def response(self) -> Reply:
        """What the events so far add up to; later events do not change it. Costs time in proportion to it.

        Example:
            with client.stream("Hello") as stream:
                for event in stream:
                    show(stream.response.text)
        """
        return Reply(self._accumulator.response, self.request_id)

    @property
    def usage(self) -> Usage:
        """What is known of the usage so far."""
        return self._accumulator.usage

    def _next(self) -> ChatEvent | None:
        """Take the next event; None if there is none left of the messages that came."""
        if not self._pending:
            if self._failure is not None:
                raise self._failure
            return None
        event = self._pending.popleft()
        try:
            self._accumulator.add(event)
        except ProtocolError as error:
            error.request_id = self.request_id
            self._pending.clear()
            raise self._failed(error) from None
        if event.HasField("restart"):
            self.restarts += 1
        return event

    def _end(self) -> None:
        """Note that the status is OK. Without a completion, the answer is cut off all the same."""
        self._ended = True
        if not self._accumulator.complete:
            message = "the stream ended without a completion"
            raise self._failed(StreamInterruptedError(message, code=grpc.StatusCode.OK, request_id=self.request_id))

    def _failed(self, error: APIError) -> APIError:
        partial = self.response
        if partial.message.content or partial.message.HasField("origin"):
            error.partial = partial
        self._failure = error
        return error


def _text(event: ChatEvent) -> str:
    """The piece of the answer's text that the event brings, if any."""
    if event.HasField("block_delta"):
        return event.block_delta.text
    return event.block_start.block.text.text


class _Messages(Protocol):
    """The part of gRPC's blocking calls that is needed here; they have no public type."""

    def __next__(self) -> StreamChatResponse: ...
    def cancel(self) -> Any: ...


class ChatStream(_StreamState):
    """An answer as it comes, of a blocking client.

    The call begins with the `with` and is cancelled at its end, however that is left: the provider is then told at
    once to stop. Iteration yields the events that have not been read yet, and raises APIError if the call fails.

    Example:
        with client.stream("Tell me a story.") as stream:
            for piece in stream.text:
                print(piece, end="", flush=True)
        print(stream.response.usage.output_total)
    """

    def __init__(self, begin: Callable[[], _Messages], request_id: str) -> None:
        super().__init__(request_id)
        self._begin = begin
        self._call: _Messages | None = None

    def __enter__(self) -> Self:
        if self._call is not None:
            raise RuntimeError("a stream is entered once")
        self._call = self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Give the call up. May come from another thread; one that waits for events gets CallCancelledError.

        Example:
            threading.Timer(5, stream.cancel).start()
        """
        if self._call is not None:
            self._call.cancel()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatEvent:
        while (event := self._next()) is None:
            if self._ended:
                raise StopIteration
            self._receive()
        return event

    @property
    def text(self) -> Iterator[str]:
        """Iterate over the pieces of the answer's text. After a restart, those of the new answer follow.

        Example:
            for piece in stream.text:
                print(piece, end="", flush=True)
        """
        return (piece for event in self if (piece := _text(event)))

    def final(self) -> Reply:
        """Read to the end and return the whole answer.

        Raises:
            APIError: The call failed; `partial` has what came before.

        Example:
            with client.stream("Tell me a story.") as stream:
                reply = stream.final()
        """
        for _ in self:
            pass
        return self.response

    def _receive(self) -> None:
        if self._call is None:
            raise RuntimeError("a stream begins in a with statement: `with client.stream(...) as stream:`")
        try:
            message = next(self._call)
        except StopIteration:
            self._end()
        except grpc.RpcError as error:
            raise self._failed(statuses.of_error(error, self.request_id)) from error
        else:
            self._pending.extend(message.events)


class AsyncChatStream(_StreamState):
    """An answer as it comes, of an asyncio client.

    The call begins with the `async with` and is cancelled at its end, however that is left: the provider is then told
    at once to stop. Iteration yields the events that have not been read yet, and raises APIError if the call fails.

    Example:
        async with client.stream("Tell me a story.") as stream:
            async for piece in stream.text:
                print(piece, end="", flush=True)
        print(stream.response.usage.output_total)
    """

    def __init__(
        self,
        begin: Callable[[], grpc.aio.UnaryStreamCall[StreamChatRequest, StreamChatResponse]],
        request_id: str,
    ) -> None:
        super().__init__(request_id)
        self._begin = begin
        self._call: grpc.aio.UnaryStreamCall[StreamChatRequest, StreamChatResponse] | None = None

    async def __aenter__(self) -> Self:
        if self._call is not None:
            raise RuntimeError("a stream is entered once")
        self._call = self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Give the call up. May come from another task; one that waits for events gets CallCancelledError.

        Example:
            asyncio.get_running_loop().call_later(5, stream.cancel)
        """
        if self._call is not None:
            self._call.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatEvent:
        while (event := self._next()) is None:
            if self._ended:
                raise StopAsyncIteration
            await self._receive()
        return event

    @property
    def text(self) -> AsyncIterator[str]:
        """Iterate over the pieces of the answer's text. After a restart, those of the new answer follow.

        Example:
            async for piece in stream.text:
                print(piece, end="", flush=True)
        """
        return _AsyncText(self)

    async def final(self) -> Reply:
        """Read to the end and return the whole answer.

        Raises:
            APIError: The call failed; `partial` has what came before.

        Example:
            async with client.stream("Tell me a story.") as stream:
                reply = await stream.final()
        """
        async for _ in self:
            pass
        return self.response

    async def _receive(self) -> None:
        if self._call is None:
            raise RuntimeError("a stream begins in a with statement: `async with client.stream(...) as stream:`")
        try:
            message = await self._call.read()
        except grpc.RpcError as error:
            raise self._failed(await statuses.of_call(self._call, self.request_id)) from error
        except asyncio.CancelledError:
            if not statuses.only_the_call_ended(self._call):
                raise
            raise self._failed(await statuses.of_call(self._call, self.request_id)) from None
        if isinstance(message, StreamChatResponse):
            self._pending.extend(message.events)
        else:
            self._end()


class _AsyncText:
    """An async generator would do, were it not for the loose end of one that is left in the middle."""

    def __init__(self, stream: AsyncChatStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not (piece := _text(await anext(self._stream))):
            pass
        return piece
