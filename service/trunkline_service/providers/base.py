"""What every provider can do, and what it is told.

A provider is four verbs: encode a request, decode an answer, decode an error, count tokens. Implementations are pure:
bytes and messages in, bytes and messages out. Their tests are tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from trunkline.v1 import (
    chat_input_pb2,
    chat_service_pb2,
    embedding_service_pb2,
    model_service_pb2,
    route_pb2,
    usage_pb2,
)
from trunkline_service.errors import GatewayError
from trunkline_service.upstream.framing import Frame, Framing
from trunkline_service.upstream.request import UpstreamRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an attempt goes, as a codec needs to know it.

    `provider` is the name in the configuration; `model` is what the provider calls the model. `max_output_tokens` is
    the model's own maximum, `takes_sampling`, `takes_newest_version` (of its maker's API) and `takes_cache_marks` are
    what it takes, each where it is known. `api`, `version`, `region` and `project` mean what they mean in
    `ProviderSettings`.
    """

    provider: str
    model: str
    base_url: str
    version: str = ""
    betas: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: str = "x-api-key"
    api_key: str = field(default="", repr=False)
    caller_key: bool = False
    max_output_tokens: int | None = None
    takes_sampling: bool | None = None
    takes_newest_version: bool | None = None
    takes_cache_marks: bool | None = None
    drop_unsupported: bool = False
    api: str = ""
    region: str = ""
    project: str = ""


class ProtocolViolation(Exception):
    """What the provider sent is not its own format; the message says what is wrong with it, and quotes none of it."""


class StreamDecoder(Protocol):
    """Turns the frames of one streamed answer into events. Made for each answer; not for use by several tasks.

    It never raises: what came before an error still counts, so the error waits in `failure` for whoever has passed on
    the events.
    """

    failure: GatewayError | None
    joins: bool
    """Whether deltas that come together may be told as one, for whoever wants no more than what they add up to."""
    joined: int
    """How many deltas of the last frames were told with others, and not as events of their own."""

    @property
    def usage(self) -> usage_pb2.Usage:
        """The usage so far."""

    @property
    def complete(self) -> bool:
        """Whether the provider's end mark came, and with it the completion."""

    def decode(self, frames: Sequence[Frame]) -> list[chat_service_pb2.ChatEvent]:
        """The events that the frames stand for."""

    def finish(self, frames: Sequence[Frame]) -> list[chat_service_pb2.ChatEvent]:
        """The body has ended, with `frames` that lack their end. Without an end mark by then, there is a `failure`."""


class Provider(Protocol):
    """A kind of API."""

    @property
    def type(self) -> str:
        """Its name in `Origin.provider_type` and in `provider_options_json`: the same on all platforms that have it."""

    @property
    def stream_type(self) -> str:
        """The media type of its streamed answers."""

    def framing(self, max_frame_bytes: int) -> Framing:
        """What cuts a streamed answer into frames for the `stream_decoder`."""

    def encode_chat(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request for a streamed answer.

        Raises:
            GatewayError: the provider cannot honour the input; the error names the fields.
        """

    def needs_maximum(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> bool:
        """Whether `encode_chat` wants the target's `max_output_tokens`, as the provider insists on it and the caller
        gave none.
        """

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest | None:
        """The request that counts the input's tokens; None if the provider has no counter.

        Raises as `encode_chat` does.
        """

    def encode_model(self, target: Target) -> UpstreamRequest | None:
        """The request for what the provider knows about the target's model; None if it tells nothing of use."""

    def stream_decoder(self, target: Target) -> StreamDecoder:
        """A decoder for a streamed answer."""

    def decode_message(self, body: bytes, target: Target) -> list[chat_service_pb2.ChatEvent]:
        """The events of an answer that came in one piece. Raises `ProtocolViolation`."""

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """The count. Raises `ProtocolViolation`."""

    def decode_model(self, body: bytes) -> int | None:
        """The model's maximum of output tokens, if the provider tells. Raises `ProtocolViolation`."""

    def decode_error(
        self, status: int, response_headers: Mapping[str, str], body: bytes, target: Target
    ) -> GatewayError:
        """What a response that is not a success means."""

    def request_id(self, response_headers: Mapping[str, str]) -> str:
        """The provider's id of the request; empty if it gave none."""

    def rate_limits(self, response_headers: Mapping[str, str]) -> list[route_pb2.RateLimit]:
        """What the response headers say about limits."""


@runtime_checkable
class Embedder(Protocol):
    """A provider that can embed texts."""

    def encode_embed(self, request: embedding_service_pb2.EmbedRequest, target: Target) -> UpstreamRequest:
        """The request for the vectors. Raises as `Provider.encode_chat` does; paths are those of `EmbedRequest`."""

    def decode_embed(
        self, body: bytes, request: embedding_service_pb2.EmbedRequest, target: Target
    ) -> embedding_service_pb2.EmbedResponse:
        """The vectors, one for each input, in their order; with origin and usage. Raises `ProtocolViolation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """A part of a provider's list of its models: each with its `id`, and with what else the provider tells.

    `cursor` asks for what comes next; empty if that was all.
    """

    models: Sequence[model_service_pb2.Model]
    cursor: str = ""


@runtime_checkable
class ModelLister(Protocol):
    """A provider that may be able to tell its models."""

    def encode_models(self, target: Target, cursor: str) -> UpstreamRequest | None:
        """The request for the models from `cursor` on, which is empty for the first; None if nobody there can tell."""

    def encode_probe(self, target: Target) -> UpstreamRequest | None:
        """The request that shows whether the provider lets the gateway in, where its models do not; None if there is no
        other. What is answered matters only if it is an error.
        """

    def decode_models(self, body: bytes) -> ModelPage:
        """The models. Raises `ProtocolViolation`."""
