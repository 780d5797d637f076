"""InvokeModel: Anthropic's body without the model, which is in the path, and its events within AWS's event stream."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.v1 import chat_input_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.providers.anthropic.stream import AnthropicStream
from trunkline_service.providers.base import Target
from trunkline_service.providers.bedrock import BedrockMessages, counting, failures
from trunkline_service.providers.bedrock.platforms import INVOKE
from trunkline_service.upstream.event_stream import EXCEPTION, MEDIA_TYPE, EventStreamDecoder
from trunkline_service.upstream.framing import Frame, Framing
from trunkline_service.upstream.request import UpstreamRequest


class BedrockInvoke(BedrockMessages):
    """A `Provider` for InvokeModel. It keeps no state."""

    stream_type = MEDIA_TYPE
    platform = INVOKE

    def framing(self, max_frame_bytes: int) -> Framing:
        """AWS's event stream."""
        return EventStreamDecoder(max_frame_bytes)

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request that counts the input's tokens."""
        return counting.encode_count(chat_input, target)

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
