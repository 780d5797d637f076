"""Chat Completions.

`requests.py`, `messages.py`, `parts.py` and `tools.py` write requests; `stream.py`, `chunks.py`, `delta.py`,
`blocks.py`, `calls.py`, `additions.py`, `reasoning_details.py` and `ending.py` read answers. `ChatProvider` is the four
verbs over these.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.v1 import chat_input_pb2, chat_service_pb2, route_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.openai import failures, headers
from trunkline_service.providers.openai.batches import OpenAiBatches
from trunkline_service.providers.openai.chat.requests import encode_chat
from trunkline_service.providers.openai.chat.stream import ChatStream
from trunkline_service.providers.openai.embeddings import OpenAiEmbeddings
from trunkline_service.providers.openai.models import OpenAiModels
from trunkline_service.providers.openai.platform import PROVIDER_TYPE, Platform
from trunkline_service.upstream.framing import Framing
from trunkline_service.upstream.request import UpstreamRequest
from trunkline_service.upstream.sse import SseDecoder


class ChatProvider(OpenAiEmbeddings, OpenAiBatches, OpenAiModels):
    """A `Provider` for Chat Completions, at one of its homes. It keeps no state."""

    type = PROVIDER_TYPE
    endpoint = "/chat/completions"
    stream_type = "text/event-stream"

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def framing(self, max_frame_bytes: int) -> Framing:
        """Server-sent events."""
        return SseDecoder(max_frame_bytes)

    def encode_chat(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request for a streamed answer."""
        return encode_chat(chat_input, target, self.platform)

    def needs_maximum(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> bool:
        """Never: without a maximum, the model's own holds."""
        return False

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest | None:
        """None: nobody counts the tokens of such requests."""
        return None

    def encode_model(self, target: Target) -> UpstreamRequest | None:
        """None: the API names its models and says nothing more about them."""
        return None

    def stream_decoder(self, target: Target) -> ChatStream:
        """A decoder for a streamed answer."""
        return ChatStream(target)

    def decode_message(self, body: bytes, target: Target) -> list[chat_service_pb2.ChatEvent]:
        """The events of an answer that came in one piece."""
        try:
            return ChatStream(target).whole(body)
        except ValueError as error:
            msg = "the answer is not what the API's format says"
            raise ProtocolViolation(msg) from error

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """Nothing is ever counted: `encode_count` asks for nothing."""
        msg = "this API counts no tokens"
        raise ProtocolViolation(msg)

    def decode_model(self, body: bytes) -> int | None:
        """None, as for `encode_model`."""
        return None

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
