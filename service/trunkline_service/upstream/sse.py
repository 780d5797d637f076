"""Server-sent events, decoded from bytes as they come.

Rules: the HTML standard, section 9.2.6. Lines end at CR, LF or CRLF and at nothing else (models do write U+2028), so
the work is done on bytes. What differs from the standard, on purpose: an event at the end of the stream that lacks
its final blank line is kept, as several providers leave it out; whether it is whole is for the reader of its data to
say.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline_service.upstream.framing import Frame, FrameTooLarge, FramingError

MAX_EVENT_BYTES = 64 * 2**20

# As numbers, which are looked for in bytes at a tenth of what bytes cost.
LF, CR = 0x0A, 0x0D
# Far more than any provider writes an event in.
MAX_LINES = 100_000


class SseDecoder:
    """The `Framing` of server-sent events: a frame is an event, its data lines joined by LF."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        # What there is of an event whose end has not come. It grows in place, so that an event of many megabytes is not
        # copied for every network read, and that small reads take no more room than large ones.
        self._pending = bytearray()
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[Frame]:
        """Takes what one network read brought; returns the frames that it completed.

        Raises:
            FrameTooLarge: an event is larger than any provider sends.
            FramingError: an event has more than `MAX_LINES` lines.
        """
        if self._at_start:
            chunk = self._strip_bom(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[0] == LF:
                chunk = chunk[1:]
        if CR in chunk:
            self._after_cr = chunk[-1] == CR
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not chunk:
            return []
        if self._pending:
            ends_here = self._pending[-1] == LF and chunk[0] == LF
            if not ends_here and chunk.find(b"\n\n") < 0:
                self._keep(chunk)
                return []
            chunk = self._take(chunk)
        *blocks, rest = chunk.split(b"\n\n")
        if rest:
            self._keep(rest)
        if len(chunk) > self._max_event_bytes:
            self._check(max(map(len, blocks)))
        return self.frames(blocks)

    def finish(self) -> list[Frame]:
        """The body has ended: returns what its last event would be."""
        return self.frames([self._take(b"")])

    def frames(self, blocks: Iterable[bytes]) -> list[Frame]:
        """The frames of what stands between blank lines; what is no event of this format is left out."""
        frames = []
        for block in blocks:
            # What nearly every event is.
            head, found, data = block.partition(b"\ndata: ")
            if found and head.startswith(b"event: ") and LF not in head and LF not in data:
                frames.append(Frame(head[7:], data))
            elif (frame := parse(block)) is not None:
                frames.append(frame)
        return frames

    def _keep(self, piece: bytes) -> None:
        self._pending += piece
        self._check(len(self._pending))

    def _check(self, size: int) -> None:
        if size > self._max_event_bytes:
            msg = f"an event is larger than {self._max_event_bytes} bytes"
            raise FrameTooLarge(msg)

    def _take(self, chunk: bytes) -> bytes:
        """What was kept, with `chunk` behind it."""
        whole = b"".join((self._pending, chunk))
        self._pending = bytearray()
        return whole

    def _strip_bom(self, chunk: bytes) -> bytes:
        """Drops a byte order mark, which may itself come in pieces: until three bytes are here, nothing is decided."""
        head = self._take(chunk)
        if len(head) < 3 and b"\xef\xbb\xbf".startswith(head):
            self._keep(head)
            return b""
        self._at_start = False
        return head.removeprefix(b"\xef\xbb\xbf")


def parse(block: bytes) -> Frame | None:
    """The frame of an event, by its lines, which end at LF; None if they hold no data. Raises `FramingError`."""
    if block.startswith(b"data: ") and LF not in block:
        return Frame(b"", block[6:])
    if len(block) > MAX_LINES and block.count(b"\n") >= MAX_LINES:
        msg = f"an event has more than {MAX_LINES} lines"
        raise FramingError(msg)
    event = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            event = line[7:] if line[6:7] == b" " else line[6:]
        elif line == b"data":
            data.append(b"")
        elif line == b"event":
            event = b""
    if not data:
        return None
    return Frame(event, data[0] if len(data) == 1 else b"\n".join(data))
