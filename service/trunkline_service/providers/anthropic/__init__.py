"""Anthropic's Messages API.

`requests.py`, `blocks_in.py` and `envelope.py` write requests; `stream.py`, `blocks_out.py`, `usage.py` and
`completion.py` read answers; `failures.py` and `headers.py` read what is around them. `AnthropicProvider` is the four
verbs over these.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.v1 import chat_input_pb2, chat_service_pb2, route_pb2
from trunkline_service import json_text
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import failures, headers, requests
from trunkline_service.providers.anthropic.blocks_out import origin
from trunkline_service.providers.anthropic.platform import ANTHROPIC
from trunkline_service.providers.anthropic.stream import AnthropicStream
from trunkline_service.providers.anthropic.whole import message_events
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.upstream.framing import Framing
from trunkline_service.upstream.request import UpstreamRequest
from trunkline_service.upstream.sse import SseDecoder


class AnthropicProvider:
    """A `Provider` for the Messages API. It keeps no state.

    Other homes of Claude derive theirs from it: they have another `platform`, and what else is different there.
    """

    type = "anthropic"
    stream_type = "text/event-stream"
    platform = ANTHROPIC

    def framing(self, max_frame_bytes: int) -> Framing:
        """Server-sent events."""
        return SseDecoder(max_frame_bytes)

    def encode_chat(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request for a streamed answer."""
        return requests.encode_chat(chat_input, target, self.platform)

    def needs_maximum(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> bool:
        """Whether the caller gave no `max_tokens`, in the contract's field or in the provider's own options."""
        return not chat_input.generation.HasField("max_output_tokens") and not any(
            "max_tokens" in options for options in requests.provider_options(chat_input, target).values()
        )

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest | None:
        """The request that counts the input's tokens."""
        return requests.encode_count(chat_input, target, self.platform)

    def encode_model(self, target: Target) -> UpstreamRequest | None:
        """The request for what the provider knows about the target's model."""
        return requests.encode_model(target)

    def stream_decoder(self, target: Target) -> AnthropicStream:
        """A decoder for a streamed answer."""
        return AnthropicStream(target)

    def decode_message(self, body: bytes, target: Target) -> list[chat_service_pb2.ChatEvent]:
        """The events of an answer that came in one piece."""
        try:
            return message_events(body, target)
        except ValueError as error:
            msg = "the message is not what the API's format says"
            raise ProtocolViolation(msg) from error

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """The count."""
        try:
            fields = Fields(body)
            count = fields.integer("input_tokens")
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

    def decode_model(self, body: bytes) -> int | None:
        """The model's maximum of output tokens, if the provider tells."""
        try:
            maximum = Fields(body).integer("max_tokens")
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
        """The provider's id of the request; empty if it gave none."""
        return headers.request_id(response_headers)

    def rate_limits(self, response_headers: Mapping[str, str]) -> list[route_pb2.RateLimit]:
        """What the response headers say about limits."""
        return headers.rate_limits(response_headers)
