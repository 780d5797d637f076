"""Server-sent events as the Messages API writes them."""

from typing import Any

import msgspec

Json = dict[str, Any]

encode = msgspec.json.encode

# The one event that upstream writes with a space after the colon.
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_DELTA = b"event: content_block_delta"


def frame(event: Json) -> bytes:
    """Encode one event; its name is its `type`."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encode(event))


def block_start(index: int, block: Json) -> bytes:
    """Encode `content_block_start`."""
    return frame({"type": "content_block_start", "index": index, "content_block": block})


def block_delta(index: int, delta: Json) -> bytes:
    """Encode `content_block_delta`."""
    return frame({"type": "content_block_delta", "index": index, "delta": delta})


def block_stop(index: int) -> bytes:
    """Encode `content_block_stop`."""
    return frame({"type": "content_block_stop", "index": index})


def is_delta(data: bytes) -> bool:
    """Say whether an encoded event is a `content_block_delta`: the events that are paced and counted."""
    return data.startswith(_DELTA)
