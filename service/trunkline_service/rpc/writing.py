"""Responses as bytes. Those of a stream are made without the message around their events, which would copy each."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from trunkline.v1.chat_service_pb2 import ChatEvent, StreamChatResponse

# As the wire has it: the field's number, and that a length and as many bytes follow.
_EVENTS = bytes((StreamChatResponse.DESCRIPTOR.fields_by_name["events"].number << 3 | 2,))
_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))


def written(response: Message | bytes) -> bytes:
    """What a method answers with, which may have been written before."""
    return response if isinstance(response, bytes) else response.SerializeToString()


def stream_chat_response(events: Sequence[ChatEvent]) -> bytes:
    """A `StreamChatResponse` with these events."""
    if len(events) == 1:
        return _field(events[0].SerializeToString())
    return b"".join([_field(event.SerializeToString()) for event in events])


def _field(data: bytes) -> bytes:
    size = len(data)
    return _EVENTS + (_ONE_BYTE[size] if size < 0x80 else _varint(size)) + data


def _varint(number: int) -> bytes:
    result = bytearray()
    while number >= 0x80:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)
