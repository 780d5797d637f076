"""JSON, and server-sent events as most providers write them."""

from typing import Any

import msgspec

Json = dict[str, Any]

encode = msgspec.json.encode


def named(event: Json) -> bytes:
    """Encode an event whose name is its `type`."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encode(event))


def unnamed(event: Json) -> bytes:
    """Encode an event without a name."""
    return b"data: %b\n\n" % encode(event)


def crlf(frames: list[bytes]) -> list[bytes]:
    """Frame events with CRLF."""
    return [frame.replace(b"\n", b"\r\n") for frame in frames]


def no_final_newline(frames: list[bytes]) -> list[bytes]:
    """End the stream right after the last event's data."""
    return [*frames[:-1], frames[-1].rstrip(b"\n")]
