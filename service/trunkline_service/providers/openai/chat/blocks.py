"""The blocks of a streamed answer. Chat Completions has none: they are made from what its deltas append to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trunkline.v1 import message_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.providers import surrogates
from trunkline_service.providers.openai.chat import thinking

_KEPT_PER_WRITE = 256

# The member of a block_delta that appends to a block of each kind. Reasoning is of a kind for each place that servers
# have it in.
DELTAS = {
    "text": "text",
    **dict.fromkeys(thinking.PLACES, "thinking"),
    "refusal": "refusal",
    "input_json": "input_json",
    "input_text": "input_text",
}
_EMPTY = {
    "text": message_pb2.ContentBlock(text=message_pb2.TextBlock()),
    **{place: thinking.begun(place) for place in thinking.PLACES},
    "refusal": message_pb2.ContentBlock(refusal=message_pb2.RefusalBlock()),
}


class Blocks:
    """Writes the events of blocks, one open at a time, numbered from 0.

    What comes while a block is open that may not end yet, as a tool call does not within its arguments, waits; `kept`
    is the size of it, in bytes or characters.
    """

    __slots__ = ("_may_end", "count", "half", "kept", "kind", "waiting")

    def __init__(self) -> None:
        self.count = 0
        # What deltas of the open block are called; empty if none is open.
        self.kind = ""
        # Half of a surrogate pair, which waits for the other one.
        self.half = ""
        # Whether the open block may end; None if it always may.
        self._may_end: Callable[[], bool] | None = None
        self.waiting: list[Callable[[list[ChatEvent]], None]] = []
        self.kept = 0

    @property
    def index(self) -> int:
        """The open block's place, or that of the one before."""
        return self.count - 1

    def append(self, kind: str, text: str, result: list[ChatEvent]) -> None:
        """More of a text, of reasoning or of a refusal; a new block if another kind is open."""
        if kind != self.kind:
            if self._must_wait(len(text), lambda later: self.append(kind, text, later)):
                return
            self.begin(_EMPTY[kind], kind, result)
        self.grow(text, result)

    def grow(self, text: str, result: list[ChatEvent]) -> None:
        """More of the open block; halves of surrogate pairs are put together."""
        if self.half or not text.isascii():
            text = self.half + text
            self.half = ""
            if "\ud800" <= text[-1:] <= "\udbff":
                self.half = text[-1]
                text = text[:-1]
            text = surrogates.whole(text)
        if text:
            event = ChatEvent()
            event.block_delta.index = self.index
            setattr(event.block_delta, DELTAS[self.kind], text)
            result.append(event)

    def begin(
        self,
        block: message_pb2.ContentBlock,
        kind: str,
        result: list[ChatEvent],
        may_end: Callable[[], bool] | None = None,
    ) -> None:
        """Opens a block, whose deltas are called `kind`; ends the one before. Until `may_end`, what others append
        waits.
        """
        self.end(result)
        self._may_end = may_end
        event = ChatEvent()
        event.block_start.index = self.count
        event.block_start.block.CopyFrom(block)
        result.append(event)
        self.count += 1
        self.kind = kind

    def end(self, result: list[ChatEvent]) -> None:
        """Ends the open block, if one is."""
        if not self.kind:
            return
        if self.half:
            self.half = ""
            self.grow("\ufffd", result)
        event = ChatEvent()
        event.block_end.index = self.index
        result.append(event)
        self.kind = ""
        self._may_end = None

    def release(self, result: list[ChatEvent]) -> None:
        """The open block may end now: writes what has waited for that."""
        self._may_end = None
        waiting, self.waiting = self.waiting, []
        for write in waiting:
            write(result)

    def whole(self, block: message_pb2.ContentBlock, result: list[ChatEvent]) -> None:
        """A block that comes at once."""
        if self._must_wait(block.ByteSize(), lambda later: self.whole(block, later)):
            return
        self.begin(block, "text", result)
        self.end(result)

    def beside(self, kind: str, additions: Sequence[ChatEvent], result: list[ChatEvent]) -> None:
        """Deltas that add to a block of that kind, which is opened for them if none is; their index is set here."""
        if self.kind != kind:
            size = sum(event.ByteSize() for event in additions)
            if self._must_wait(size, lambda later: self.beside(kind, additions, later)):
                return
            self.begin(_EMPTY[kind], kind, result)
        for event in additions:
            event.block_delta.index = self.index
        result.extend(additions)

    def _must_wait(self, size: int, write: Callable[[list[ChatEvent]], None]) -> bool:
        """Keeps `write` for later if the open block may not end."""
        if not self.waiting and (self._may_end is None or self._may_end()):
            return False
        self.waiting.append(write)
        self.kept += _KEPT_PER_WRITE + size
        return True
