"""The framing of Gemini's streams: server-sent events, and between them an error that is none.

A stream that fails on its way ends with an error as plain JSON, printed over many lines and without `data:`. The format
of server-sent events would have its lines ignored, and the error with them. Servers on the way say theirs as plain
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from trunkline_service.upstream.framing import Frame
from trunkline_service.upstream.sse import LF, SseDecoder, parse

# An error is smaller. What grows beyond is passed on as it is, for the decoder to find that it is nothing.
MAX_BARE_BYTES = 64 * 1024

# Fields that nobody knows are ignored, as the format says.
_FIELD = re.compile(rb"[a-z_-]*:")
_FIELDS = (b"data", b"event", b"id", b"retry")
_json = msgspec.json.Decoder(msgspec.Raw)


class GeminiFraming(SseDecoder):
    """The `Framing` of Gemini's streams: a frame is an event, or JSON that stands by itself.

    Other text becomes a frame that holds it as a JSON string: no chunk, and yet not JSON that was cut short.
    """

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes)
        # JSON that stands by itself, and has not come to its end.
        self._bare = b""
        # Whether text came that is nothing: the answer has failed with it, and more of it says nothing more.
        self._has_failed = False

    def finish(self) -> list[Frame]:
        """The body has ended: returns what its last event would be, and what has not come to its end."""
        last = self._take(b"")
        *before, line = last.split(b"\n")
        # The name of a field may be cut short, and no more have come than that.
        cut = line if line and any(name.startswith(line) for name in _FIELDS) else b""
        result = self.frames([b"\n".join(before) if cut else last])
        result += [Frame(b"", each) for each in (self._bare, cut) if each]
        self._bare = b""
        return result

    def frames(self, blocks: Iterable[bytes]) -> list[Frame]:
        """The frames of what stands between blank lines."""
        result = []
        for block in blocks:
            if block.startswith(b"data: ") and LF not in block:
                result.append(Frame(b"", block[6:]))
                continue
            lines = block.split(b"\n")
            if (frame := parse(block)) is not None:
                result.append(frame)
            if (bare := self._add(lines)) is not None:
                result.append(bare)
        return result

    def _add(self, lines: Iterable[bytes]) -> Frame | None:
        """Adds the lines that are no fields of an event; returns the text that they complete."""
        bare = b"\n".join(line for line in lines if line and not _is_field(line))
        if not bare.strip() or self._has_failed:
            return None
        if not self._bare and bare.lstrip()[:1] not in (b"{", b"[", b","):
            self._has_failed = True
            return Frame(b"", msgspec.json.encode(bare.decode(errors="replace")))
        self._bare = self._bare + b"\n" + bare if self._bare else bare
        text = _item(self._bare)
        if not _is_whole(text):
            if len(self._bare) < MAX_BARE_BYTES:
                return None
            self._has_failed = True
        self._bare = b""
        return Frame(b"", text)


def _is_field(line: bytes) -> bool:
    return _FIELD.match(line) is not None or line in _FIELDS


def _item(text: bytes) -> bytes:
    """An item of a list without what is around it: the answer's other form is a list, whose end some errors bring."""
    text = text.strip()
    if text.startswith(b"["):
        return text
    item = text.removeprefix(b",").strip()
    shorter = item.removesuffix(b"]").rstrip()
    return shorter if shorter != item and _is_whole(shorter) else item


def _is_whole(text: bytes) -> bool:
    if text[-1:] not in (b"}", b"]"):
        return False
    try:
        _json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
