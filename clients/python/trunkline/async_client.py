"""The asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack, cast

import grpc

from trunkline import statuses
from trunkline.async_batch_calls import AsyncBatches
from trunkline.base import ClientBase
from trunkline.calls import Call
from trunkline.embeddings import Embeddings, EmbedOptions, Inputs, embed_request
from trunkline.models import ModelList, ModelsOptions, Pages
from trunkline.replies import Reply, TokenCount
from trunkline.requests import CallOptions, ChatOptions, Prompt, StreamOptions
from trunkline.stream import AsyncChatStream
from trunkline.v1.batch_service_pb2_grpc import BatchServiceStub
from trunkline.v1.chat_service_pb2 import ChatRequest, CountTokensRequest, StreamChatRequest
from trunkline.v1.chat_service_pb2_grpc import ChatServiceStub
from trunkline.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from trunkline.v1.model_service_pb2 import GetModelRequest, GetModelResponse, Model
from trunkline.v1.model_service_pb2_grpc import ModelServiceStub

if TYPE_CHECKING:
    from trunkline.v1.batch_service_pb2_grpc import BatchServiceAsyncStub
    from trunkline.v1.chat_service_pb2_grpc import ChatServiceAsyncStub
    from trunkline.v1.embedding_service_pb2_grpc import EmbeddingServiceAsyncStub
    from trunkline.v1.model_service_pb2_grpc import ModelServiceAsyncStub

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_View = TypeVar("_View")


class AsyncTrunkline(ClientBase):
    """An asyncio client of the gateway. May be made outside of the event loop.

    Its connections belong to the loop that it is first used in. Once that loop is closed, or the client was closed in
    it, another loop may use the client, and it connects anew. Loops at the same time need a client each.

    Example:
        async with AsyncTrunkline("gateway:50051", model="anthropic/claude-sonnet-5") as client:
            print((await client.chat("Hello")).text)
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _closed = False
    _channel: grpc.aio.Channel
    _stub: ChatServiceAsyncStub

    @property
    def stub(self) -> ChatServiceAsyncStub:
        """The generated stub on the client's channel, for what this class does not do. Needs a running loop.

        Raises:
            RuntimeError: No loop is running, or the client is in use in another one.

        Example:
            await client.stub.CountTokens(CountTokensRequest(input=...), timeout=5)
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # channels belong to the loop that they were made in
            self._leave()
            self._loop = loop
            self._channel = self._connect()
            self._stub = cast("ChatServiceAsyncStub", ChatServiceStub(self._channel))
        return self._stub

    @property
    def _models(self) -> ModelServiceAsyncStub:
        assert self.stub  # noqa: S101 - makes the channel
        return cast("ModelServiceAsyncStub", ModelServiceStub(self._channel))

    @property
    def _embeddings(self) -> EmbeddingServiceAsyncStub:
        assert self.stub  # noqa: S101 - makes the channel
        return cast("EmbeddingServiceAsyncStub", EmbeddingServiceStub(self._channel))

    @cached_property
    def batches(self) -> AsyncBatches:
        """The batches that a provider works at."""
        return AsyncBatches(self._batches, self._defaults)

    def _batches(self) -> BatchServiceAsyncStub:
        assert self.stub  # noqa: S101 - makes the channel
        return cast("BatchServiceAsyncStub", BatchServiceStub(self._channel))

    def _leave(self) -> None:
        """Let go of the channel of another loop, whose calls have ended with it."""
        if self._loop is None:
            return
        if not (self._closed or self._loop.is_closed()):
            raise RuntimeError("this client is in use in another event loop: close it there, or make one for each loop")
        # Nothing can be awaited in a loop that is closed; gRPC closes a channel as soon as nobody holds it.
        del self._channel, self._stub
        self._loop = None
        self._closed = False

    def _connect(self) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._target, self._options)
        return grpc.aio.secure_channel(self._target, self._credentials, self._options)

    async def chat(self, prompt: Prompt | None = None, /, **options: Unpack[ChatOptions]) -> Reply:
        """Ask a model and wait for the whole answer.

        Args:
            prompt: What to say: a string, a message, a block, or several of them.
            **options: See ChatOptions.

        Raises:
            APIError: The call failed.

        Example:
            reply = await client.chat("Hello", model="anthropic/claude-sonnet-5", max_output_tokens=100)
        """
        request, call = self._prepare(ChatRequest(), prompt, options)
        return await self._invoke(self.stub.Chat, request, call, Reply)

    def stream(self, prompt: Prompt | None = None, /, **options: Unpack[StreamOptions]) -> AsyncChatStream:
        """Ask a model and read the answer as it is written. The call begins with the `async with`.

        Args:
            prompt: What to say: a string, a message, a block, or several of them.
            **options: See StreamOptions.

        Example:
            async with client.stream("Tell me a story.") as stream:
                async for piece in stream.text:
                    print(piece, end="", flush=True)
        """
        request, call = self._prepare(StreamChatRequest(), prompt, options)
        return AsyncChatStream(
            lambda: self.stub.StreamChat(request, timeout=call.timeout, metadata=call.metadata), call.request_id
        )

    async def count_tokens(self, prompt: Prompt | None = None, /, **options: Unpack[ChatOptions]) -> TokenCount:
        """Count the tokens that the same arguments would cost `chat` as input.

        Args:
            prompt: What would be said.
            **options: See ChatOptions.

        Raises:
            APIError: The call failed.

        Example:
            count = await client.count_tokens("Hello", model="anthropic/claude-sonnet-5")
        """
        request, call = self._prepare(CountTokensRequest(), prompt, options)
        return await self._invoke(self.stub.CountTokens, request, call, TokenCount)

    async def embed(self, inputs: Inputs, /, **options: Unpack[EmbedOptions]) -> Embeddings:
        """Turn texts into vectors.

        Args:
            inputs: A text, or several; or lists of tokens of the model's own vocabulary.
            **options: See EmbedOptions.

        Raises:
            CapabilityNotSupportedError: The provider has no embeddings.
            APIError: The call failed.

        Example:
            vectors = await client.embed(["One text", "Another"], model="openai/text-embedding-3-small")
        """
        request, call = embed_request(inputs, options, self.model), self._defaults.call(options)
        return await self._invoke(self._embeddings.Embed, request, call, Embeddings)

    async def list_models(self, **options: Unpack[ModelsOptions]) -> ModelList:
        """List the models that the gateway's providers have, all pages of them.

        Args:
            **options: See ModelsOptions.

        Raises:
            APIError: The call failed.

        Example:
            models = await client.list_models(provider="anthropic", capabilities=["tools", "image_input"])
        """
        pages = Pages(options)
        call = self._defaults.call(options)
        while not pages.done:
            await self._invoke(self._models.ListModels, pages.request, call, pages.add)
        return pages.all()

    async def get_model(self, name: str, /, **options: Unpack[CallOptions]) -> Model:
        """Get one model: what it can do, what it costs, and for how long it is there.

        Args:
            name: The model, as `chat` takes it.
            **options: See CallOptions.

        Raises:
            NotFoundError: There is no such model, or no longer; the message has the nearest names.
            APIError: The call failed.

        Example:
            model = await client.get_model("anthropic/claude-sonnet-5")
        """
        request, call = GetModelRequest(model=name), self._defaults.call(options)
        return await self._invoke(self._models.GetModel, request, call, _model)

    async def close(self) -> None:
        """Close the connections. Calls in flight are cancelled.

        Raises:
            RuntimeError: The client is in use in another loop.

        Example:
            await client.close()
        """
        if self._loop is asyncio.get_running_loop():
            self._closed = True
            await self._channel.close()
        else:
            self._leave()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _invoke(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        call: Call,
        view: Callable[[_Response, str], _View],
    ) -> _View:
        done = method(request, timeout=call.timeout, metadata=call.metadata)
        try:
            response = await done
        except grpc.RpcError as error:
            raise await statuses.of_call(done, call.request_id) from error
        except asyncio.CancelledError:
            if not statuses.only_the_call_ended(done):
                raise
            raise await statuses.of_call(done, call.request_id) from None
        return view(response, call.id_in(await done.trailing_metadata()))


def _model(response: GetModelResponse, _request_id: str) -> Model:
    return response.model
