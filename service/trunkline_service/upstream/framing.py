"""What a streamed body is cut into, however its wire does it."""

from __future__ import annotations

from typing import Protocol

import msgspec


class FramingError(Exception):
    """The stream cannot be what it says it is. The message says why, and quotes none of it."""


class FrameTooLarge(FramingError):
    """A frame grew beyond what the caller of the framing allows."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One event: its name (empty if it has none) and its data."""

    event: bytes
    data: bytes


class Framing(Protocol):
    """Turns the pieces of one response body into frames. One per response."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Takes what one network read brought; returns the frames that it completed. Raises `FramingError`."""

    def finish(self) -> list[Frame]:
        """The body has ended: returns what is left of it, if the wire's rules make that a frame. Raises
        `FramingError`.
        """
