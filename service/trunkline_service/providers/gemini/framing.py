"""The framing of Gemini's streams: server-sent events, and between them an error that is none.

A stream that fails on its way ends with an error as plain JSON, printed over many lines and without `data:`. The format
of server-sent events would have its lines ignored, and the error with them.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline_service.upstream.framing import Frame
from trunkline_service.upstream.sse import SseDecoder, parse

# An error is smaller. What grows beyond is passed on as it is, for the decoder to find that it is nothing.
MAX_BARE_BYTES = 64 * 1024

_FIELDS = (b"data", b"event", b"id", b"retry")
_json = msgspec.json.Decoder(msgspec.Raw)


class GeminiFraming(SseDecoder):
    """The `Framing` of Gemini's streams: a frame is an event, or JSON that stands by itself."""

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes)
        # JSON that stands by itself, and has not come to its end.
        self._bare = b""

    def finish(self) -> list[Frame]:
        """The body has ended: returns what its last event would be, and JSON whose end has not come."""
        result = super().finish()
        if self._bare:
            result.append(Frame(b"", self._bare))
            self._bare = b""
        return result

    def frames(self, blocks: Iterable[bytes]) -> list[Frame]:
        """The frames of what stands between blank lines."""
        result = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                result.append(Frame(b"", block[6:]))
                continue
            lines = block.split(b"\n")
            if (frame := parse(block)) is not None:
                result.append(frame)
            if (bare := self._add(lines)) is not None:
                result.append(bare)
        return result

    def _add(self, lines: Iterable[bytes]) -> Frame | None:
        """Adds the lines that are no fields of an event; returns the JSON that they complete."""
        bare = b"\n".join(line for line in lines if line and not _is_field(line))
        if not bare or (not self._bare and bare.lstrip()[:1] not in (b"{", b"[")):
            return None
        self._bare = self._bare + b"\n" + bare if self._bare else bare
        if len(self._bare) < MAX_BARE_BYTES and not _is_whole(self._bare):
            return None
        frame = Frame(b"", self._bare)
        self._bare = b""
        return frame


def _is_field(line: bytes) -> bool:
    name, _, _ = line.partition(b":")
    return not name or name in _FIELDS


def _is_whole(text: bytes) -> bool:
    if text.rstrip()[-1:] not in (b"}", b"]"):
        return False
    try:
        _json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
