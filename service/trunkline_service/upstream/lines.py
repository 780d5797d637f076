"""JSON Lines, cut from bytes as they come."""

from __future__ import annotations

from trunkline_service.upstream.framing import Frame, FrameTooLarge


class LineDecoder:
    """A `Framing`: a frame is a line that is not blank. The last one needs no end."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        # Grows in place: a line may come in thousands of small pieces.
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Takes what one network read brought; returns the lines that it completed. Raises `FrameTooLarge`."""
        first, end, rest = chunk.partition(b"\n")
        self._pending += first
        if not end:
            self._check(self._pending)
            return []
        lines = [bytes(self._pending), *rest.split(b"\n")]
        for line in lines:
            self._check(line)
        self._pending = bytearray(lines.pop())
        return [Frame(b"", line) for each in lines if (line := each.strip())]

    def finish(self) -> list[Frame]:
        """The body has ended."""
        line = bytes(self._pending).strip()
        self._pending = bytearray()
        return [Frame(b"", line)] if line else []

    def _check(self, line: bytes | bytearray) -> None:
        if len(line) > self._max_line_bytes:
            msg = f"a line is larger than {self._max_line_bytes} bytes"
            raise FrameTooLarge(msg)
