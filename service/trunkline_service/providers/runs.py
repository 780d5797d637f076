"""Deltas that came together, told as one where nobody asks for each of them."""

from __future__ import annotations

from trunkline.v1.chat_service_pb2 import ChatEvent


class Run:
    """Deltas of the block with this `index`, one after the other: `event` has the first of them, and all of them at the
    `end`. One more can join its `pieces` as long as no other event has come.
    """

    __slots__ = ("_field", "event", "index", "pieces")

    def __init__(self, index: int, event: ChatEvent, field: str, first: str) -> None:
        """`index` is the block's, and `field` that of the delta which holds the text."""
        self.index = index
        self.event = event
        self._field = field
        self.pieces = [first]

    def end(self) -> int:
        """Writes what came into the event. Returns how many deltas came after the first one."""
        if len(self.pieces) > 1:
            setattr(self.event.block_delta, self._field, "".join(self.pieces))
        return len(self.pieces) - 1
