"""Deltas that came together, told as one where nobody asks for each of them."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.v1.chat_service_pb2 import ChatEvent


class Run:
    """Deltas of one block, one after the other: `event` has the first of them, and all of them at the `end`."""

    __slots__ = ("_event", "_field", "_index", "pieces")

    def __init__(self, index: int, event: ChatEvent, field: str, first: str) -> None:
        """`index` is the block's, and `field` that of the delta which holds the text."""
        self._index = index
        self._event = event
        self._field = field
        self.pieces = [first]

    def goes_on(self, index: int, events: Sequence[ChatEvent]) -> bool:
        """Whether a delta of that block can join, as nothing else has come since."""
        return index == self._index and events[-1] is self._event

    def end(self) -> int:
        """Writes what came into the event. Returns how many deltas came after the first one."""
        if len(self.pieces) > 1:
            setattr(self._event.block_delta, self._field, "".join(self.pieces))
        return len(self.pieces) - 1
