"""Gemini's generateContent, at the developer API and on Vertex.

`requests.py` writes requests, with `parts_in.py` and `tool_results.py` for content, `tools.py` and `generation.py` for
the rest; `stream.py` reads answers, with `parts_out.py` for content, `usage.py` and `ending.py` for the rest;
`framing.py`, `failures.py` and `places.py` know what is around them. `GeminiProvider` and `VertexGeminiProvider` are
the four verbs over these; embeddings and the list of models have modules of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.v1 import chat_input_pb2, chat_service_pb2, route_pb2
from trunkline_service import json_text
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.gemini import failures, requests
from trunkline_service.providers.gemini.embeddings import GeminiEmbeddings
from trunkline_service.providers.gemini.framing import GeminiFraming
from trunkline_service.providers.gemini.models import GeminiModels
from trunkline_service.providers.gemini.parts_out import PROVIDER_TYPE, origin
from trunkline_service.providers.gemini.stream import GeminiStream
from trunkline_service.upstream.framing import Frame, Framing
from trunkline_service.upstream.request import UpstreamRequest

_REQUEST_IDS = ("x-goog-request-id", "x-request-id")


class _Gemini:
    """What both homes have in common. It keeps no state."""

    type = PROVIDER_TYPE
    stream_type = "text/event-stream"

    _vertex = False

    def framing(self, max_frame_bytes: int) -> Framing:
        """Server-sent events, and errors that stand by themselves."""
        return GeminiFraming(max_frame_bytes)

    def encode_chat(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request for a streamed answer."""
        return requests.encode_chat(chat_input, target, vertex=self._vertex)

    def needs_maximum(self, _chat_input: chat_input_pb2.ChatInput, _target: Target) -> bool:
        """Gemini insists on no number of tokens."""
        return False

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request that counts the input's tokens."""
        return requests.encode_count(chat_input, target, vertex=self._vertex)

    def stream_decoder(self, target: Target) -> GeminiStream:
        """A decoder for a streamed answer."""
        return GeminiStream(target)

    def decode_message(self, body: bytes, target: Target) -> list[chat_service_pb2.ChatEvent]:
        """The events of an answer that came in one piece, or as a list of chunks.

        Raises:
            ProtocolViolation: it is not a whole answer.
            GatewayError: it is an error.
        """
        decoder = GeminiStream(target)
        events = decoder.decode([Frame(b"", body)])
        if decoder.failure is not None:
            raise decoder.failure
        events += decoder.finish([])
        if not decoder.complete:
            msg = "the answer does not say why it ended"
            raise ProtocolViolation(msg)
        return events

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """The count."""
        try:
            fields = Fields(body)
            count = fields.integer("totalTokens")
            rest = fields.rest()
        except ValueError:
            count = None
        if count is None or count < 0:
            msg = "the count has no totalTokens"
            raise ProtocolViolation(msg)
        return chat_service_pb2.CountTokensResponse(
            input_tokens=count,
            method=chat_service_pb2.COUNT_METHOD_PROVIDER,
            origin=origin(target, target.model),
            provider_fields_json=rest,
        )

    def decode_model(self, body: bytes) -> int | None:
        """The model's maximum of output tokens, if Gemini tells."""
        try:
            maximum = Fields(body).integer("outputTokenLimit")
        except json_text.JsonTextError as error:
            msg = "the model is not what the API's format says"
            raise ProtocolViolation(msg) from error
        return maximum if maximum is not None and maximum > 0 else None

    def decode_error(
        self, status: int, response_headers: Mapping[str, str], body: bytes, target: Target
    ) -> GatewayError:
        """What a response that is not a success means."""
        return failures.decode_error(status, response_headers, body, target)

    def request_id(self, response_headers: Mapping[str, str]) -> str:
        """Google's id of the request; empty if it gave none, as usual: the answer's own id is in `StreamStart`."""
        return next((response_headers[name][:200] for name in _REQUEST_IDS if name in response_headers), "")

    def rate_limits(self, _response_headers: Mapping[str, str]) -> list[route_pb2.RateLimit]:
        """Gemini's response headers say nothing about limits."""
        return []


class GeminiProvider(_Gemini, GeminiEmbeddings, GeminiModels):
    """A `Provider`, an `Embedder` and a `ModelLister` for the developer API."""

    def encode_model(self, target: Target) -> UpstreamRequest | None:
        """The request for what the API knows about the target's model."""
        return requests.encode_model(target)


class VertexGeminiProvider(_Gemini):
    """A `Provider` for Gemini on Vertex."""

    _vertex = True

    def encode_model(self, _target: Target) -> UpstreamRequest | None:
        """None: Vertex tells nothing of use."""
        return None
