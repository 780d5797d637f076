"""AWS's event stream (`application/vnd.amazon.eventstream`), as Bedrock wraps Anthropic's events in it.

A message is `total length | headers length | CRC of these | headers | payload | CRC of all before`, numbers big-endian
and of four bytes. A header is its name and a typed value. The payload of a chunk is JSON with the event in base64 and
some padding.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import msgspec

from trunkline_service.upstream.framing import Frame, FrameTooLarge, FramingError

MEDIA_TYPE = "application/vnd.amazon.eventstream"
MAX_MESSAGE_BYTES = 64 * 2**20
EXCEPTION = b"exception:"
"""Begins the name of a frame that is an exception or an error of AWS's; behind it is its type. The frame's data is its
payload, as AWS wrote it; an error has its text in a header, and so a payload of the same form is made of that."""

_PRELUDE = struct.Struct(">III")
_CRC_BYTES = 4
# The smallest message has neither headers nor a payload.
_LEAST = _PRELUDE.size + _CRC_BYTES

# Sizes of header values by their type; None for those that say how long they are.
_SIZES: dict[int, int | None] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: None, 7: None, 8: 8, 9: 16}
_STRING = 7


class _Chunk(msgspec.Struct):
    event: bytes = msgspec.field(name="bytes")


class _Kind(NamedTuple):
    """What a message's headers say: the name of its frame, whether that is a chunk, and the text of an error."""

    name: bytes
    is_chunk: bool = False
    text: bytes = b""


_chunk = msgspec.json.Decoder(_Chunk)


class EventStreamDecoder:
    """The `Framing` of Bedrock's streams: a frame is the event within a chunk, or an exception.

    A message that is not what its checksums say ends the stream: whole frames before it are given out first.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        # Grows in place: a large message is not copied for every network read.
        self._pending = bytearray()
        self._wanted = _PRELUDE.size
        self._is_prelude_sound = False
        self._error: FramingError | None = None
        # Nearly all messages of a stream have the same headers, which are so read only once.
        self._last_headers: bytes | None = None
        self._last_kind = _Kind(b"")

    def feed(self, chunk: bytes) -> list[Frame]:
        """Takes what one network read brought; returns the frames that it completed.

        Raises:
            FrameTooLarge: a message is larger than any provider sends.
            FramingError: a message is broken.
        """
        if self._error is not None:
            raise self._error
        self._pending += chunk
        frames: list[Frame] = []
        start = 0
        try:
            while len(self._pending) - start >= self._wanted:
                if not self._is_prelude_sound:
                    self._read_prelude(start)
                    continue
                message = bytes(memoryview(self._pending)[start : start + self._wanted])
                start += self._wanted
                self._wanted, self._is_prelude_sound = _PRELUDE.size, False
                frames.append(self._frame(message))
        except FramingError as error:
            self._error = error
            self._pending.clear()
            if not frames:
                raise
            # Frames are the same however the body is cut into reads: the error waits for the next one.
            return frames
        if start:
            del self._pending[:start]
        return frames

    def finish(self) -> list[Frame]:
        """The body has ended. A message that is cut short counts as if it had not come. Raises `FramingError`."""
        if self._error is not None:
            raise self._error
        return []

    def _read_prelude(self, start: int) -> None:
        total, headers, checksum = _PRELUDE.unpack_from(self._pending, start)
        if zlib.crc32(memoryview(self._pending)[start : start + 8]) != checksum:
            msg = "the head of a message is not what its checksum says"
            raise FramingError(msg)
        if total < _LEAST + headers:
            msg = "a message is shorter than its parts"
            raise FramingError(msg)
        if total > self._max_message_bytes:
            msg = f"a message is larger than {self._max_message_bytes} bytes"
            raise FrameTooLarge(msg)
        self._wanted, self._is_prelude_sound = total, True

    def _frame(self, message: bytes) -> Frame:
        body = memoryview(message)[:-_CRC_BYTES]
        if zlib.crc32(body).to_bytes(_CRC_BYTES, "big") != message[-_CRC_BYTES:]:
            msg = "a message is not what its checksum says"
            raise FramingError(msg)
        end = _PRELUDE.size + int.from_bytes(message[4:8], "big")
        headers, payload = message[_PRELUDE.size : end], bytes(body[end:])
        if headers != self._last_headers:
            self._last_kind = _kind(_read_headers(headers))
            self._last_headers = headers
        kind = self._last_kind
        if not kind.is_chunk:
            return Frame(kind.name, payload or kind.text)
        try:
            return Frame(b"", _chunk.decode(payload).event)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            msg = "a chunk holds no event"
            raise FramingError(msg) from error


def _kind(headers: dict[bytes, bytes]) -> _Kind:
    match headers.get(b":message-type"):
        case b"event":
            name = headers.get(b":event-type", b"")
            return _Kind(name, is_chunk=name == b"chunk")
        case b"exception":
            return _Kind(EXCEPTION + headers.get(b":exception-type", b""))
        case b"error":
            text = msgspec.json.encode({"message": headers.get(b":error-message", b"").decode(errors="replace")})
            return _Kind(EXCEPTION + headers.get(b":error-code", b""), text=text)
    msg = "a message is of no kind that there is"
    raise FramingError(msg)


def _read_headers(data: bytes) -> dict[bytes, bytes]:
    """The headers that are text, by their names."""
    found = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name, kind = data[at + 1 : name_end], data[name_end]
            at = name_end + 1
            size = _SIZES[kind]
            if size is None:
                size = int.from_bytes(data[at : at + 2], "big")
                at += 2
            if kind == _STRING:
                found[name] = data[at : at + size]
            at += size
    except (IndexError, KeyError) as error:
        msg = "a message has headers that are none"
        raise FramingError(msg) from error
    if at != len(data):
        msg = "a message has headers that are cut short"
        raise FramingError(msg)
    return found
