"""OpenAI's Responses API.

`requests.py`, `items_in.py`, `parts_in.py` and `tools_in.py` write requests; `stream.py`, `item_reader.py`,
`open_item.py`, `events.py`, `items_out.py`, `logprobs.py`, `completion.py` and `whole.py` read answers.
`ResponsesProvider` is the four verbs over these.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.v1 import chat_input_pb2, chat_service_pb2, route_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai import failures, headers
from trunkline_service.providers.openai.batches import OpenAiBatches
from trunkline_service.providers.openai.embeddings import OpenAiEmbeddings
from trunkline_service.providers.openai.models import OpenAiModels
from trunkline_service.providers.openai.platform import OPENAI, PROVIDER_TYPE, Platform
from trunkline_service.providers.openai.responses import requests
from trunkline_service.providers.openai.responses.items_out import origin
from trunkline_service.providers.openai.responses.stream import ResponsesStream
from trunkline_service.providers.openai.responses.whole import response_events
from trunkline_service.upstream.framing import Framing
from trunkline_service.upstream.request import UpstreamRequest
from trunkline_service.upstream.sse import SseDecoder


class ResponsesProvider(OpenAiEmbeddings, OpenAiBatches, OpenAiModels):
    """A `Provider` for the Responses API. It keeps no state."""

    type = PROVIDER_TYPE
    endpoint = "/responses"
    stream_type = "text/event-stream"

    def __init__(self, platform: Platform = OPENAI) -> None:
        """`platform` is where the API is spoken."""
        self.platform = platform

    def framing(self, max_frame_bytes: int) -> Framing:
        """Server-sent events."""
        return SseDecoder(max_frame_bytes)

    def encode_chat(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request for a streamed answer."""
        return requests.encode_chat(chat_input, target, self.platform)

    def needs_maximum(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> bool:
        """No: the API goes by the model's own maximum."""
        return False

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest | None:
        """The request that counts the input's tokens; None for compatible servers, which have no such counter."""
        return requests.encode_count(chat_input, target, self.platform) if self.platform.strict else None

    def encode_model(self, target: Target) -> None:
        """Nothing: the API tells no maximum."""
        return

    def stream_decoder(self, target: Target) -> ResponsesStream:
        """A decoder for a streamed answer."""
        return ResponsesStream(target)

    def decode_message(self, body: bytes, target: Target) -> list[chat_service_pb2.ChatEvent]:
        """The events of an answer that came in one piece."""
        try:
            return response_events(body, target)
        except ValueError as error:
            msg = "the response is not what the API's format says"
            raise ProtocolViolation(msg) from error

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """The count."""
        try:
            fields = Fields(body)
            count = fields.integer("input_tokens")
            if fields.text("object") not in (None, "response.input_tokens"):
                count = None
            rest = fields.rest()
        except ValueError:
            count = None
        if count is None or count < 0:
            msg = "the count has no input_tokens"
            raise ProtocolViolation(msg)
        return chat_service_pb2.CountTokensResponse(
            input_tokens=count,
            method=chat_service_pb2.COUNT_METHOD_PROVIDER,
            origin=origin(target, target.model),
            provider_fields_json=rest,
        )

    def decode_model(self, body: bytes) -> None:
        """Nothing, as `encode_model` asks for nothing."""
        return

    def decode_error(
        self, status: int, response_headers: Mapping[str, str], body: bytes, target: Target
    ) -> GatewayError:
        """What a response that is not a success means."""
        return failures.decode_error(status, response_headers, body, target)

    def request_id(self, response_headers: Mapping[str, str]) -> str:
        """The provider's id of the request; empty if it gave none."""
        return headers.request_id(response_headers)

    def rate_limits(self, response_headers: Mapping[str, str]) -> list[route_pb2.RateLimit]:
        """What the response headers say about limits."""
        return headers.rate_limits(response_headers)
