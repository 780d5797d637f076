"""A server that plays vectors to clients of any language: the model's name says which."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf import json_format

from clients import vector_files
from clients.vector_files import Status, Vector
from trunkline.v1 import (
    ChatRequest,
    ChatResponse,
    ChatServiceServicer,
    EmbeddingServiceServicer,
    EmbedRequest,
    EmbedResponse,
    StreamChatRequest,
    StreamChatResponse,
    add_ChatServiceServicer_to_server,
    add_EmbeddingServiceServicer_to_server,
)

LIMIT = 32 * 1024 * 1024
# As the gateway does where another try would not help. Vectors about retries have a kind of their own.
NO_RETRY = ("grpc-retry-pushback-ms", "-1")


class VectorServer(ChatServiceServicer, EmbeddingServiceServicer):
    """Plays `vectors/streams/NAME` and `vectors/errors/NAME`.

    `vectors/retried/NAME` is the stream of that name, but the first attempt of each call fails with UNAVAILABLE, in a
    way that gRPC may repeat by itself; so with Embed, which then answers with nothing. CountTokens is not there, as in
    a gateway that is older than the client.
    """

    def __init__(self) -> None:
        options = [("grpc.max_send_message_length", LIMIT), ("grpc.max_receive_message_length", LIMIT)]
        self._server = grpc.aio.server(options=options)
        add_ChatServiceServicer_to_server(self, self._server)
        add_EmbeddingServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(0)

    async def StreamChat(self, request: StreamChatRequest, context: Any) -> AsyncIterator[StreamChatResponse]:
        vector = await _found(request.input.model, context)
        for message in vector.messages:
            yield message
        if vector.status:
            await _fail(vector.status, context)

    async def Chat(self, request: ChatRequest, context: Any) -> ChatResponse:
        vector = await _found(request.input.model, context)
        if vector.status:
            await _fail(vector.status, context)
        if "response" not in vector.data:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this vector has no answer in one piece")
        return json_format.ParseDict(vector.data["response"], ChatResponse())

    async def Embed(self, request: EmbedRequest, context: Any) -> EmbedResponse:
        await _found(request.model, context)
        return EmbedResponse()


async def _found(model: str, context: Any) -> Vector:
    _, kind, name = (*model.split("/", 2), "", "")[:3]
    if kind == "retried" and not any(key == "grpc-previous-rpc-attempts" for key, _ in context.invocation_metadata()):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
    vectors = vector_files.errors() if kind == "errors" else vector_files.streams()
    if name not in vectors:
        await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no vector {model!r}")
    return vectors[name]


async def _fail(status: Status, context: Any) -> None:
    await context.abort(status.code, status.message, (*status.trailers, NO_RETRY))
