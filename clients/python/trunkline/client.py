"""The blocking client."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Self, TypeVar, Unpack

import grpc

from trunkline import statuses
from trunkline.base import ClientBase
from trunkline.batch_calls import Batches
from trunkline.calls import Call
from trunkline.embeddings import Embeddings, EmbedOptions, Inputs, embed_request
from trunkline.models import ModelList, ModelsOptions, Pages
from trunkline.replies import Reply, TokenCount
from trunkline.requests import CallOptions, ChatOptions, Prompt, StreamOptions
from trunkline.stream import ChatStream
from trunkline.v1.batch_service_pb2_grpc import BatchServiceStub
from trunkline.v1.chat_service_pb2 import ChatRequest, CountTokensRequest, StreamChatRequest
from trunkline.v1.chat_service_pb2_grpc import ChatServiceStub
from trunkline.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from trunkline.v1.model_service_pb2 import GetModelRequest, GetModelResponse, Model
from trunkline.v1.model_service_pb2_grpc import ModelServiceStub

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_View = TypeVar("_View")


class Trunkline(ClientBase):
    """A blocking client of the gateway. Threads may share one.

    Example:
        with Trunkline("gateway:50051", model="anthropic/claude-sonnet-5") as client:
            print(client.chat("Hello").text)
    """

    @cached_property
    def _channel(self) -> grpc.Channel:
        if self._credentials is None:
            return grpc.insecure_channel(self._target, self._options)
        return grpc.secure_channel(self._target, self._credentials, self._options)

    @cached_property
    def stub(self) -> ChatServiceStub:
        """The generated stub on the client's channel, for what this class does not do.

        Example:
            client.stub.CountTokens(CountTokensRequest(input=...), timeout=5)
        """
        return ChatServiceStub(self._channel)

    @cached_property
    def _models(self) -> ModelServiceStub:
        return ModelServiceStub(self._channel)

    @cached_property
    def _embeddings(self) -> EmbeddingServiceStub:
        return EmbeddingServiceStub(self._channel)

    @cached_property
    def batches(self) -> Batches:
        """The batches that a provider works at."""
        return Batches(BatchServiceStub(self._channel), self._defaults)

    def chat(self, prompt: Prompt | None = None, /, **options: Unpack[ChatOptions]) -> Reply:
        """Ask a model and wait for the whole answer.

        Args:
            prompt: What to say: a string, a message, a block, or several of them.
            **options: See ChatOptions.

        Raises:
            APIError: The call failed.

        Example:
            client.chat("Hello", model="anthropic/claude-sonnet-5", max_output_tokens=100).text
            client.chat("And of Spain?", messages=[user("The capital of France?"), assistant("Paris.")])
            client.chat([image("https://example.com/cat.png"), "Whose cat is this?"], temperature=0)
            client.chat("Weather in Paris?", tools=[tool("weather", schema)]).tool_calls
        """
        request, call = self._prepare(ChatRequest(), prompt, options)
        return self._invoke(self.stub.Chat, request, call, Reply)

    def stream(self, prompt: Prompt | None = None, /, **options: Unpack[StreamOptions]) -> ChatStream:
        """Ask a model and read the answer as it is written. The call begins with the `with`.

        Args:
            prompt: What to say: a string, a message, a block, or several of them.
            **options: See StreamOptions.

        Example:
            with client.stream("Tell me a story.") as stream:
                for piece in stream.text:
                    print(piece, end="", flush=True)
        """
        request, call = self._prepare(StreamChatRequest(), prompt, options)
        return ChatStream(
            lambda: self.stub.StreamChat(request, timeout=call.timeout, metadata=call.metadata), call.request_id
        )

    def count_tokens(self, prompt: Prompt | None = None, /, **options: Unpack[ChatOptions]) -> TokenCount:
        """Count the tokens that the same arguments would cost `chat` as input.

        Args:
            prompt: What would be said.
            **options: See ChatOptions.

        Raises:
            APIError: The call failed.

        Example:
            client.count_tokens("Hello", model="anthropic/claude-sonnet-5").input_tokens
        """
        request, call = self._prepare(CountTokensRequest(), prompt, options)
        return self._invoke(self.stub.CountTokens, request, call, TokenCount)

    def embed(self, inputs: Inputs, /, **options: Unpack[EmbedOptions]) -> Embeddings:
        """Turn texts into vectors.

        Args:
            inputs: A text, or several; or lists of tokens of the model's own vocabulary.
            **options: See EmbedOptions.

        Raises:
            CapabilityNotSupportedError: The provider has no embeddings.
            APIError: The call failed.

        Example:
            vectors = client.embed(["One text", "Another"], model="openai/text-embedding-3-small")
        """
        request, call = embed_request(inputs, options, self.model), self._defaults.call(options)
        return self._invoke(self._embeddings.Embed, request, call, Embeddings)

    def list_models(self, **options: Unpack[ModelsOptions]) -> ModelList:
        """List the models that the gateway's providers have, all pages of them.

        Args:
            **options: See ModelsOptions.

        Raises:
            APIError: The call failed.

        Example:
            models = client.list_models(provider="anthropic", capabilities=["tools", "image_input"])
        """
        pages = Pages(options)
        call = self._defaults.call(options)
        while not pages.done:
            self._invoke(self._models.ListModels, pages.request, call, pages.add)
        return pages.all()

    def get_model(self, name: str, /, **options: Unpack[CallOptions]) -> Model:
        """Get one model: what it can do, what it costs, and for how long it is there.

        Args:
            name: The model, as `chat` takes it.
            **options: See CallOptions.

        Raises:
            NotFoundError: There is no such model, or no longer; the message has the nearest names.
            APIError: The call failed.

        Example:
            model = client.get_model("anthropic/claude-sonnet-5")
        """
        request, call = GetModelRequest(model=name), self._defaults.call(options)
        return self._invoke(self._models.GetModel, request, call, _model)

    def close(self) -> None:
        """Close the connections. Calls in flight are cancelled.

        Example:
            client.close()
        """
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _invoke(
        self,
        method: grpc.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        call: Call,
        view: Callable[[_Response, str], _View],
    ) -> _View:
        try:
            response, done = method.with_call(request, timeout=call.timeout, metadata=call.metadata)
        except grpc.RpcError as error:
            raise statuses.of_error(error, call.request_id) from error
        return view(response, call.id_in(done.trailing_metadata()))


def _model(response: GetModelResponse, _request_id: str) -> Model:
    return response.model
