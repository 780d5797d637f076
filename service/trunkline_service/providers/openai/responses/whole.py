"""An answer that came in one piece, as the events of a stream: some makers of this API answer so although a stream was
asked for."""

from __future__ import annotations

from trunkline.v1 import chat_service_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.failures import decode_stream_error
from trunkline_service.providers.openai.responses import items_out
from trunkline_service.providers.openai.responses.completion import Ending
from trunkline_service.providers.openai.usage import responses_usage


def response_events(body: bytes, target: Target) -> list[ChatEvent]:
    """The events that a stream of the same response would have, each block whole in its `block_start`.

    Raises:
        ProtocolViolation: it is JSON, but not a response that has ended.
        GatewayError: it is an error.
        ValueError: it is not JSON, or a member is not what it should be.
    """
    fields = Fields(body)
    if fields.object("error") is not None:
        raise decode_stream_error(body, target)
    output = fields.items("output")
    if output is None or "status" not in fields.remaining():
        msg = "the answer is not a response"
        raise ProtocolViolation(msg)
    start = chat_service_pb2.StreamStart(
        id=Fields(body).text("id") or "", origin=items_out.origin(target, Fields(body).text("model") or "")
    )
    result = [ChatEvent(start=start)]
    ending = Ending()
    for index, block in enumerate(block for item in output for block in items_out.decode_item(item)):
        ending.note(index, block)
        result.append(ChatEvent(block_start=chat_service_pb2.BlockStart(index=index, block=block)))
        result.append(ChatEvent(block_end=chat_service_pb2.BlockEnd(index=index)))
    ending.response(fields, start, target)
    result.append(ChatEvent(completion=ending.completion(responses_usage(body))))
    return result
