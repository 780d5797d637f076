"""A gateway that does what a test tells it to, however new or badly behaved that is."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc
from google.rpc.status_pb2 import Status

from trunkline.v1 import (
    ChatEvent,
    ChatRequest,
    ChatResponse,
    ChatServiceServicer,
    CountTokensRequest,
    CountTokensResponse,
    EmbeddingServiceServicer,
    EmbedRequest,
    EmbedResponse,
    GetModelRequest,
    GetModelResponse,
    ListModelsRequest,
    ListModelsResponse,
    ModelServiceServicer,
    StreamChatRequest,
    StreamChatResponse,
    add_ChatServiceServicer_to_server,
    add_EmbeddingServiceServicer_to_server,
    add_ModelServiceServicer_to_server,
)

LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True)
class Fail:
    """End with a status. By default it tells gRPC not to repeat the call, as the gateway does."""

    code: grpc.StatusCode
    text: str = "it failed"
    details: tuple[Message, ...] = ()
    raw_details: bytes | None = None
    pushback_ms: int | None = -1

    @property
    def trailers(self) -> list[tuple[str, str | bytes]]:
        trailers: list[tuple[str, str | bytes]] = []
        if self.details:
            status = Status(code=self.code.value[0], message=self.text)
            for detail in self.details:
                status.details.add().Pack(detail)
            trailers.append(("grpc-status-details-bin", status.SerializeToString()))
        if self.raw_details is not None:
            trailers.append(("grpc-status-details-bin", self.raw_details))
        if self.pushback_ms is not None:
            trailers.append(("grpc-retry-pushback-ms", str(self.pushback_ms)))
        return trailers


def failure(
    reason: str,
    code: grpc.StatusCode,
    *details: Message,
    domain: str = "trunkline",
    retry_after: float | None = None,
    **metadata: str,
) -> Fail:
    """Fail as the gateway does: with an ErrorInfo and what else is given."""
    info = rpc.ErrorInfo(reason=reason, domain=domain, metadata=metadata)
    if retry_after is not None:
        delay = Duration()
        delay.FromNanoseconds(round(retry_after * 1e9))
        details = (*details, rpc.RetryInfo(retry_delay=delay))
    return Fail(code, details=(info, *details))


@dataclass(frozen=True)
class Header:
    """Send trailing metadata, whatever the status will be."""

    key: str
    value: str


Answer: TypeAlias = ChatResponse | CountTokensResponse | GetModelResponse | ListModelsResponse
Step: TypeAlias = ChatEvent | list[ChatEvent] | Answer | Fail | Header | float
"""Send an event, or several in one message; answer; fail; wait so many seconds."""


@dataclass
class Seen:
    """A call as it reached the server."""

    request: Any
    metadata: dict[str, str | bytes]
    time_remaining: float | None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def cancelled_by(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.cancelled.wait()
        except TimeoutError:
            return False
        return True


class ScriptedServer(ChatServiceServicer, EmbeddingServiceServicer, ModelServiceServicer):
    """Each call takes the next script; `calls` has what came."""

    def __init__(self) -> None:
        self.scripts: deque[tuple[Step, ...]] = deque()
        self.calls: list[Seen] = []
        self.arrived = asyncio.Event()
        options = [("grpc.max_send_message_length", LIMIT), ("grpc.max_receive_message_length", LIMIT)]
        self.grpc = grpc.aio.server(options=options)
        add_ChatServiceServicer_to_server(self, self.grpc)
        add_EmbeddingServiceServicer_to_server(self, self.grpc)
        add_ModelServiceServicer_to_server(self, self.grpc)
        self.port = self.grpc.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.grpc.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.grpc.stop(0)

    def clear(self) -> None:
        self.scripts.clear()
        self.calls.clear()
        self.arrived.clear()

    def script(self, *steps: Step) -> None:
        """Say what to do at the next call that has no script yet."""
        self.scripts.append(steps)

    @property
    def seen(self) -> Seen:
        """The latest call."""
        return self.calls[-1]

    async def Chat(self, request: ChatRequest, context: Any) -> ChatResponse:
        answer: ChatResponse = await self._answer(request, context)
        return answer

    async def CountTokens(self, request: CountTokensRequest, context: Any) -> CountTokensResponse:
        answer: CountTokensResponse = await self._answer(request, context)
        return answer

    async def Embed(self, request: EmbedRequest, context: Any) -> EmbedResponse:
        answer: EmbedResponse = await self._answer(request, context)
        return answer

    async def ListModels(self, request: ListModelsRequest, context: Any) -> ListModelsResponse:
        answer: ListModelsResponse = await self._answer(request, context)
        return answer

    async def GetModel(self, request: GetModelRequest, context: Any) -> GetModelResponse:
        answer: GetModelResponse = await self._answer(request, context)
        return answer

    async def StreamChat(self, request: StreamChatRequest, context: Any) -> AsyncIterator[StreamChatResponse]:
        async for step in self._play(request, context):
            yield StreamChatResponse(events=step if isinstance(step, list) else [step])

    async def _answer(self, request: Any, context: Any) -> Any:
        answer: Any = None
        async for step in self._play(request, context):
            answer = step
        return answer

    async def _play(self, request: Any, context: Any) -> AsyncIterator[Any]:
        seen = Seen(request, dict(context.invocation_metadata()), context.time_remaining())
        self.calls.append(seen)
        self.arrived.set()
        headers: tuple[tuple[str, str | bytes], ...] = ()
        try:
            for step in self.scripts.popleft():
                match step:
                    case float():
                        await asyncio.sleep(step)
                    case Header():
                        headers += ((step.key, step.value),)
                        context.set_trailing_metadata(headers)
                    case Fail():
                        await context.abort(step.code, step.text, (*headers, *step.trailers))
                    case _:
                        yield step
        except (asyncio.CancelledError, GeneratorExit):
            # The second, if the cancellation came while gRPC was sending: then it is raised there, and not here.
            seen.cancelled.set()
            raise
