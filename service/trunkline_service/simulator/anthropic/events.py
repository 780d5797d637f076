"""The events of a streamed message."""

from trunkline_service.simulator.sse import Json, named

# The one event that upstream writes with a space after the colon.
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_DELTA = b"event: content_block_delta"


def block_start(index: int, block: Json) -> bytes:
    """Encode `content_block_start`."""
    return named({"type": "content_block_start", "index": index, "content_block": block})


def block_delta(index: int, delta: Json) -> bytes:
    """Encode `content_block_delta`."""
    return named({"type": "content_block_delta", "index": index, "delta": delta})


def block_stop(index: int) -> bytes:
    """Encode `content_block_stop`."""
    return named({"type": "content_block_stop", "index": index})


def is_delta(data: bytes) -> bool:
    """Say whether an encoded event is a `content_block_delta`: the events that are paced and counted."""
    return data.startswith(_DELTA)
