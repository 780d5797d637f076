"""InvokeModel: Anthropic's body without the model, which is in the path, and its events within AWS's event stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import msgspec

from trunkline.v1 import chat_input_pb2, chat_service_pb2, warning_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.providers.anthropic import envelope, requests
from trunkline_service.providers.anthropic.blocks_out import origin
from trunkline_service.providers.anthropic.platform import Platform
from trunkline_service.providers.anthropic.stream import AnthropicStream
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.bedrock import BedrockMessages, failures, models
from trunkline_service.providers.fields import Fields
from trunkline_service.upstream.event_stream import EXCEPTION, MEDIA_TYPE, EventStreamDecoder
from trunkline_service.upstream.framing import Frame, Framing
from trunkline_service.upstream.request import UpstreamRequest

INVOKE = Platform(
    name="Bedrock",
    chat_path="/model/{model}/invoke-with-response-stream",
    count_path="/model/{model}/count-tokens",
    # As AWS's own clients and its signatures have them.
    plain_characters=":;",
    accept=MEDIA_TYPE,
    legacy_version="bedrock-2023-05-31",
    wary_of_newest=True,
    version_in_body=True,
    betas_in_body=True,
    user_profile_in_body=True,
    left_out=frozenset({"model", "stream"}),
    service_tier_header="x-amzn-bedrock-service-tier",
)


class BedrockInvoke(BedrockMessages):
    """A `Provider` for InvokeModel. It keeps no state."""

    stream_type = MEDIA_TYPE
    platform = INVOKE

    def framing(self, max_frame_bytes: int) -> Framing:
        """AWS's event stream."""
        return EventStreamDecoder(max_frame_bytes)

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request that counts the input's tokens: the body of a chat, whole, within another."""
        # A body without a maximum would be refused; it makes no difference to the count.
        base = dataclasses.replace(
            target,
            model=models.without_geography(target.model),
            max_output_tokens=target.max_output_tokens or chat_input.reasoning.budget_tokens + 1,
        )
        chat = requests.encode_chat(chat_input, base, INVOKE)
        warnings = [each for each in chat.warnings if each.code != warning_pb2.WARNING_CODE_DEFAULT_APPLIED]
        return UpstreamRequest(
            method="POST",
            url=INVOKE.url(INVOKE.count_path, base),
            headers={**envelope.key_headers(target, accept="application/json"), **target.headers},
            # Bytes become base64.
            body=msgspec.json.encode({"input": {"invokeModel": {"body": chat.body}}}),
            warnings=warnings,
        )

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """The count."""
        try:
            fields = Fields(body)
            count = fields.integer("inputTokens")
            rest = fields.rest()
        except ValueError:
            count = None
        if count is None or count < 0:
            msg = "the count has no inputTokens"
            raise ProtocolViolation(msg)
        return chat_service_pb2.CountTokensResponse(
            input_tokens=count,
            method=chat_service_pb2.COUNT_METHOD_PROVIDER,
            origin=origin(target, target.model),
            provider_fields_json=rest,
        )

    def stream_decoder(self, target: Target) -> InvokeStream:
        """A decoder for a streamed answer."""
        return InvokeStream(target)


class InvokeStream(AnthropicStream):
    """A `StreamDecoder` for Anthropic's events with AWS's exceptions among them."""

    def _decode(self, frames: Sequence[Frame], *, at_end: bool) -> list[ChatEvent]:
        for number, frame in enumerate(frames):
            if frame.event.startswith(EXCEPTION):
                result = super()._decode(frames[:number], at_end=at_end)
                if self.failure is None and not self.complete:
                    kind = frame.event.removeprefix(EXCEPTION)
                    self.failure = failures.decode_exception(kind, frame.data, self._target)
                return result
        return super()._decode(frames, at_end=at_end)
