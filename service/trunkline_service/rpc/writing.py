"""The events of a stream as bytes, without the message around them having been made."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.v1.chat_service_pb2 import ChatEvent, StreamChatResponse

# As the wire has it: the field's number, and that a length and as many bytes follow.
_EVENTS = bytes((StreamChatResponse.DESCRIPTOR.fields_by_name["events"].number << 3 | 2,))
_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))


class Written:
    """A `StreamChatResponse` with these events, as far as being sent goes: making one would copy each of them."""

    __slots__ = ("_events",)

    def __init__(self, events: Sequence[ChatEvent]) -> None:
        self._events = events

    def SerializeToString(self) -> bytes:
        """The message's bytes."""
        pieces: list[bytes] = []
        for event in self._events:
            data = event.SerializeToString()
            pieces += (_EVENTS, _length(len(data)), data)
        return b"".join(pieces)


def _length(size: int) -> bytes:
    if size < 0x80:
        return _ONE_BYTE[size]
    result = bytearray()
    while size >= 0x80:
        result.append(size & 0x7F | 0x80)
        size >>= 7
    result.append(size)
    return bytes(result)
