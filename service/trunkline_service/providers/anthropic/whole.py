"""An answer that came in one piece, as the events of a stream: some proxies answer so although a stream was asked
for."""

from __future__ import annotations

from trunkline.v1 import chat_service_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.providers.anthropic import blocks_out
from trunkline_service.providers.anthropic.completion import Ending
from trunkline_service.providers.anthropic.failures import decode_stream_error
from trunkline_service.providers.anthropic.usage import UsageMeter
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields

MAX_BLOCKS = 100_000


def message_events(body: bytes, target: Target) -> list[ChatEvent]:
    """The events that a stream of the same message would have, each block whole in its `block_start`.

    Raises:
        ProtocolViolation: it is JSON, but not a message.
        GatewayError: it is an error.
        ValueError: it is not JSON, or a member is not what it should be.
    """
    fields = Fields(body)
    kind = fields.text("type")
    if kind == "error":
        raise decode_stream_error(body, target)
    content = fields.items("content")
    if kind != "message" or content is None:
        msg = "the answer is not a message"
        raise ProtocolViolation(msg)
    if len(content) > MAX_BLOCKS:
        msg = f"the message has more than {MAX_BLOCKS} blocks"
        raise ProtocolViolation(msg)
    meter = UsageMeter()
    if (usage := fields.raw("usage")) is not None:
        meter.update(usage)
    start = chat_service_pb2.StreamStart(
        id=fields.text("id") or "",
        origin=blocks_out.origin(target, fields.text("model") or ""),
        usage=meter.usage(),
    )
    result = [ChatEvent(start=start)]
    for index, data in enumerate(content):
        block = blocks_out.decode_block(data)
        result.append(ChatEvent(block_start=chat_service_pb2.BlockStart(index=index, block=block)))
        result.append(ChatEvent(block_end=chat_service_pb2.BlockEnd(index=index)))
    ending = Ending()
    ending.envelope(fields)
    if not ending.known:
        # There is no end mark in JSON: this is what tells a whole message.
        msg = "the message does not say why it ended"
        raise ProtocolViolation(msg)
    result.append(ChatEvent(completion=ending.completion(meter.usage(), ())))
    return result
