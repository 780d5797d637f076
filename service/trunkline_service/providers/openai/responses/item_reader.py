"""The items of a streamed answer, by the events about them.

Items of this API may interleave; blocks of the contract do not. So one item is read at a time, in the order in which
they began: the events of others wait until it has ended.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trunkline.v1 import message_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.responses import events, items_out
from trunkline_service.providers.openai.responses.completion import Ending
from trunkline_service.providers.openai.responses.logprobs import decode_logprobs
from trunkline_service.providers.openai.responses.open_item import NO_BLOCK, OpenItem, delta, digest, said
from trunkline_service.upstream.framing import Frame

_KEPT_PER_ITEM = 1024
# Of a piece of arguments, and of a part that has ended.
KEPT_PER_PIECE = 64
# Members of a delta that only serve the wire (see `events.py`), or are told by the block.
_OF_THE_WIRE = ("item_id", "sequence_number", "obfuscation", "content_index", "summary_index")


class ItemReader:
    """Turns the events about items into blocks. `open` is the item that is read; `kept` is in bytes."""

    def __init__(self, ending: Ending) -> None:
        """`ending` is told of every block."""
        self._ending = ending
        self.open: OpenItem | None = None
        self.kept = 0
        # The events of items that have begun while another one was open, by `output_index`.
        self._waiting: dict[int, list[Frame]] = {}
        self._ended: set[int] = set()
        self._ended_count = 0
        self._block_count = 0

    @property
    def has_ended(self) -> bool:
        """Whether every item that has begun has ended."""
        return self.open is None and not self._waiting

    def knows(self, kind: str) -> bool:
        """Whether events of this kind are about an item."""
        return kind in _HANDLERS or kind in events.RETOLD

    def read(self, frame: Frame, result: list[ChatEvent]) -> None:
        """Takes an event of a kind that it `knows`.

        Raises:
            ProtocolViolation: the event has no place in what came so far.
            ValueError: it is not what the API's format says.
        """
        self._read(frame, result)
        while self.open is None and self._waiting:
            # Those of the item that began first.
            frames = self._waiting.pop(next(iter(self._waiting)))
            for waiting in frames:
                self._read(waiting, result)

    def finish(self, output: list[msgspec.Raw], result: list[ChatEvent]) -> None:
        """What the events did not bring, the final response has in its `output`. Raises as `read` does."""
        if self._ended_count >= len(output):
            return
        for index, item in enumerate(output):
            if index not in self._ended:
                done = {"type": _DONE, "output_index": index, "item": item}
                self.read(Frame(b"", msgspec.json.encode(done)), result)

    def _read(self, frame: Frame, result: list[ChatEvent]) -> None:
        fields = Fields(frame.data)
        kind = fields.text("type") or frame.event.decode()
        index = fields.integer("output_index")
        if (
            kind in events.RETOLD
            and (self.open is None or self.open.output_index != index)
            and index not in self._waiting
        ):
            # Nothing new: what the item says itself counts.
            return
        if index is None:
            msg = "an event about an item does not say about which"
            raise ProtocolViolation(msg)
        is_open = self.open is not None and self.open.output_index == index
        if not is_open and index not in self._waiting and kind in (_ADDED, _DONE):
            self.kept += _KEPT_PER_ITEM
            if self.open is not None:
                self._waiting[index] = []
            else:
                self.open = self._opened(index, fields, result)
                if kind == _ADDED:
                    return
        if index in self._waiting:
            self._waiting[index].append(frame)
            self.kept += len(frame.data)
        elif self.open is None or self.open.output_index != index or kind == _ADDED:
            msg = "an event about an item that is not open, or opens twice"
            raise ProtocolViolation(msg)
        elif kind in events.RETOLD:
            self._to_end(self.open, kind, fields, result)
        else:
            _HANDLERS[kind](self, self.open, fields, result)

    def _opened(self, index: int, fields: Fields, result: list[ChatEvent]) -> OpenItem:
        data = fields.remaining().get("item")
        if data is None:
            msg = "an item that is none"
            raise ProtocolViolation(msg)
        members = Fields(data)
        item = OpenItem(index, members.text("type") or "")
        if item.kind == "message":
            item.beside = items_out.envelope(members)
        elif (plain := events.PLAIN.get(item.kind)) is not None and (block := items_out.begun(data)) is not None:
            self._open_block(item, block, plain, result)
        return item

    def _open_block(
        self,
        item: OpenItem,
        block: message_pb2.ContentBlock,
        plain: type[events.Delta] | None,
        result: list[ChatEvent],
        place: int = 0,
    ) -> None:
        item.open(self._block_count, block.WhichOneof("kind") or "", plain, place)
        item.call = (block.tool_use.id, block.tool_use.name)
        self._block_count += 1
        event = ChatEvent()
        event.block_start.index = item.block
        event.block_start.block.CopyFrom(block)
        result.append(event)

    def _close_block(self, item: OpenItem, whole: message_pb2.ContentBlock, result: list[ChatEvent]) -> None:
        """Ends the item's open block as `whole`; if none is open, `whole` begins and ends here."""
        if item.block == NO_BLOCK:
            self._open_block(item, whole, None, result)
            end = ChatEvent()
            end.block_end.index = item.block
            result.append(end)
        else:
            if (whole.WhichOneof("kind"), whole.tool_use.id, whole.tool_use.name) != (item.block_kind, *item.call):
                msg = "a block ends as another one than it began"
                raise ProtocolViolation(msg)
            text = said(whole)[1]
            if (item.length and not text) or item.missing(text) is None:
                self._ending.warn(
                    f"message.content[{item.block}]", "the parts are not what the provider says that they add up to"
                )
            result.extend(item.rest(whole))
            item.told[item.place] = item.digest.digest()
            self.kept += KEPT_PER_PIECE
            if item.pieces and not text:
                whole.tool_use.input_json = "".join(item.pieces)
        self._ending.note(item.block, whole)
        item.close()

    def _part_added(self, item: OpenItem, fields: Fields, result: list[ChatEvent]) -> None:
        part = fields.object("part")
        if item.kind != "message" or part is None:
            return
        kind = Fields(part).text("type")
        self._open_part(item, kind or "", fields.integer("content_index"), part, result)

    def _open_part(
        self, item: OpenItem, kind: str, place: int | None, part: msgspec.Raw | None, result: list[ChatEvent]
    ) -> None:
        if place is None or place < item.next_part:
            msg = "an event of a part that has ended, or of none"
            raise ProtocolViolation(msg)
        self._close_part(item, result)
        item.next_part = place + 1
        if kind == "output_text":
            text = message_pb2.ContentBlock(text=message_pb2.TextBlock())
            self._open_block(item, text, events.TextDelta, result, place)
        elif kind == "refusal":
            refusal = message_pb2.ContentBlock(refusal=message_pb2.RefusalBlock())
            self._open_block(item, refusal, None, result, place)
        else:
            # It comes whole, once it has ended.
            item.open(NO_BLOCK, "opaque", None, place)
            item.final = part

    def _close_part(self, item: OpenItem, result: list[ChatEvent]) -> None:
        """Ends the open part of a message, if there is one, as another one follows."""
        if item.block_kind:
            kind = _PARTS.get(item.block_kind, "")
            final = item.final or msgspec.Raw(msgspec.json.encode({"type": kind}))
            self._close_block(item, items_out.decode_part(final, item.beside, is_last=False), result)

    def _part_done(self, item: OpenItem, fields: Fields, _result: list[ChatEvent]) -> None:
        if item.block_kind and item.kind == "message" and fields.integer("content_index") == item.place:
            item.final = fields.object("part")
            self.kept += len(item.final or b"")

    def _in_part(self, item: OpenItem, kind: str, fields: Fields, result: list[ChatEvent]) -> None:
        """Makes sure that the part that an event is about is open, and of a kind."""
        place = fields.integer("content_index")
        if item.kind == "message" and (not item.block_kind or place != item.place):
            # Some makers of this API do not say that a part begins.
            self._open_part(item, _PARTS[kind], place, None, result)
        if item.block_kind != kind:
            msg = "an event does not fit its block"
            raise ProtocolViolation(msg)

    def _to_part(self, item: OpenItem, kind: str, fields: Fields, result: list[ChatEvent]) -> None:
        self._in_part(item, kind, fields, result)
        tokens = fields.items("logprobs")
        decoded = decode_logprobs(tokens) if tokens else None
        if tokens and decoded is None:
            fields.put_back("logprobs", msgspec.Raw(msgspec.json.encode(tokens)))
        self._append(item, kind, fields, result)
        if decoded:
            item.logprobs += len(decoded)
            event = delta(item.block)
            event.block_delta.logprobs.tokens.extend(decoded)
            result.append(event)

    def _to_reasoning(
        self, item: OpenItem, plain: type[events.Delta], index: str, fields: Fields, result: list[ChatEvent]
    ) -> None:
        place = fields.integer(index)
        if item.block_kind != "thinking" or place is None:
            msg = "an event does not fit its block"
            raise ProtocolViolation(msg)
        begins = (item.plain, item.place) != (plain, place)
        item.plain, item.place = plain, place
        self._append(item, "thinking", fields, result, before=items_out.PART_BREAK if begins and item.length else "")

    def _to_call(self, item: OpenItem, kind: str, name: str, fields: Fields, result: list[ChatEvent]) -> None:
        if item.kind != kind:
            msg = "an event does not fit its block"
            raise ProtocolViolation(msg)
        # A call whose name is not known yet comes whole, once it has ended.
        if item.block != NO_BLOCK:
            self._append(item, name, fields, result)

    def _to_end(self, item: OpenItem, event: str, fields: Fields, result: list[ChatEvent]) -> None:
        """All of a text: there may have been no deltas, and the item need not tell it again."""
        kind, block, name, member = events.RETOLD[event]
        place = fields.integer("content_index") or 0
        if item.block != NO_BLOCK and (item.kind, item.block_kind, item.place) == (kind, block, place):
            text = fields.text(member) or ""
            result.extend(item.retold(name, text))
            if name == "input_json":
                self.kept += KEPT_PER_PIECE + len(text)

    def _append(self, item: OpenItem, name: str, fields: Fields, result: list[ChatEvent], before: str = "") -> None:
        text = item.take_text(fields)
        if text:
            text = before + text
        event = delta(item.block)
        setattr(event.block_delta, name, text)
        item.add(text)
        if name == "input_json":
            self.kept += KEPT_PER_PIECE + len(text)
        for wire in _OF_THE_WIRE:
            fields.raw(wire)
        event.block_delta.provider_fields_json = fields.rest()
        result.append(event)

    def _annotation(self, item: OpenItem, fields: Fields, result: list[ChatEvent]) -> None:
        annotation = fields.object("annotation")
        if annotation is None:
            msg = "a citation that is none"
            raise ProtocolViolation(msg)
        self._in_part(item, "text", fields, result)
        item.citations += 1
        event = delta(item.block)
        event.block_delta.citation.CopyFrom(items_out.decode_citation(annotation))
        result.append(event)

    def _item_done(self, item: OpenItem, fields: Fields, result: list[ChatEvent]) -> None:
        data = fields.object("item")
        members = Fields(data or b"{}")
        if data is None or (members.text("type") or "") != item.kind:
            msg = "an item ends as another one than it began"
            raise ProtocolViolation(msg)
        parts = members.items("content") if item.kind == "message" else None
        if not parts and not item.next_part:
            self._close_block(item, items_out.decode_item(data)[0], result)
        else:
            self._message_done(item, parts or [], members, result)
        self.open = None
        self._ended.add(item.output_index)
        self._ended_count += 1

    def _message_done(self, item: OpenItem, parts: list[msgspec.Raw], members: Fields, result: list[ChatEvent]) -> None:
        item.beside = items_out.envelope(members)
        first = item.place if item.block_kind else item.next_part
        for number, part in enumerate(parts[:first]):
            text = said(items_out.decode_part(part, item.beside, is_last=False))[1]
            if text and item.told.get(number) not in (None, digest(text)):
                msg = "a text ends as another one than it was"
                raise ProtocolViolation(msg)
        for number in range(first, len(parts)):
            whole = items_out.decode_part(parts[number], item.beside, is_last=number == len(parts) - 1)
            self._close_block(item, whole, result)
        # A part may have come that the item does not tell again.
        self._close_part(item, result)


_ADDED = "response.output_item.added"
_DONE = "response.output_item.done"
_PARTS = {"text": "output_text", "refusal": "refusal"}

_HANDLERS: dict[str, Callable[[ItemReader, OpenItem, Fields, list[ChatEvent]], None]] = {
    # What an item begins with is read as it is opened.
    _ADDED: ItemReader._item_done,
    _DONE: ItemReader._item_done,
    "response.content_part.added": ItemReader._part_added,
    "response.content_part.done": ItemReader._part_done,
    "response.output_text.delta": lambda reader, item, *rest: reader._to_part(item, "text", *rest),
    "response.output_text.annotation.added": ItemReader._annotation,
    "response.refusal.delta": lambda reader, item, *rest: reader._to_part(item, "refusal", *rest),
    "response.reasoning_summary_text.delta": lambda reader, item, *rest: reader._to_reasoning(
        item, events.SummaryDelta, "summary_index", *rest
    ),
    "response.reasoning_text.delta": lambda reader, item, *rest: reader._to_reasoning(
        item, events.ReasoningDelta, "content_index", *rest
    ),
    "response.function_call_arguments.delta": lambda reader, item, *rest: reader._to_call(
        item, "function_call", "input_json", *rest
    ),
    "response.custom_tool_call_input.delta": lambda reader, item, *rest: reader._to_call(
        item, "custom_tool_call", "input_text", *rest
    ),
}
