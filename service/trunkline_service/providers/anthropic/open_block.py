"""A block of a streamed answer between its start and its stop: what its deltas have left to be remembered."""

from __future__ import annotations

import msgspec

from trunkline.v1 import message_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.providers import surrogates
from trunkline_service.providers.anthropic import blocks_out
from trunkline_service.providers.fields import Fields

# Deltas that append to a member of a block that comes whole, and the member of theirs that holds what they append.
_APPENDED = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
# Deltas whose members take the place of the block's.
_REPLACING = ("compaction_delta", "signature_delta")


class OpenBlock:
    """A block that has begun and not ended."""

    __slots__ = (
        "appended", "folded", "index", "initial_input", "kind", "pending_surrogate", "pieces", "plain", "unknown"
    )  # fmt: skip

    def __init__(self, index: int, kind: str, folded: json_text.RawObject | None = None) -> None:
        self.index = index
        self.kind = kind
        # The kind, while its deltas need no more than to be passed on.
        self.plain = kind
        self.pending_surrogate = ""
        # Of a tool call: the arguments that it began with, and those that came since.
        self.initial_input = ""
        self.pieces: list[str] = []
        # Of a block that comes whole: its members so far, what deltas append to them, and deltas that nobody knows how
        # to fold.
        self.folded = folded
        self.appended: dict[str, list[str]] = {}
        self.unknown: list[message_pb2.Opaque] = []

    def fold(self, data: msgspec.Raw) -> None:
        """Folds a delta into a block that comes whole, by the rules of the deltas that are known."""
        members = Fields(data)
        kind = members.text("type") or ""
        if kind in _REPLACING and self.folded is not None:
            self.folded.update(members.remaining())
        elif (name := _APPENDED.get(kind)) is not None and (piece := members.text(name)) is not None:
            self.appended.setdefault(name, []).append(piece)
        else:
            self.unknown.append(blocks_out.untyped(kind, data))

    @property
    def has_broken_arguments(self) -> bool:
        """Whether the model has written arguments for a tool that are not a JSON object."""
        arguments = "".join(self.pieces)
        return bool(arguments) and not json_text.is_json(arguments, must_be_object=True)

    def end(self) -> list[ChatEvent]:
        """The events that the block still owes, and the one that ends it."""
        result = []
        if self.folded is not None:
            start = ChatEvent()
            start.block_start.index = self.index
            start.block_start.block.CopyFrom(self._whole())
            result.append(start)
        if self.pending_surrogate and self.kind in surrogates.DELTAS:
            half = ChatEvent()
            half.block_delta.index = self.index
            setattr(half.block_delta, surrogates.DELTAS[self.kind], "\ufffd")
            result.append(half)
        if self.initial_input not in ("", "{}") and not "".join(self.pieces):
            arguments = ChatEvent()
            arguments.block_delta.index = self.index
            arguments.block_delta.input_json = self.initial_input
            result.append(arguments)
        event = ChatEvent()
        event.block_end.index = self.index
        result.append(event)
        return result

    def _whole(self) -> message_pb2.ContentBlock:
        """The block with its deltas folded in, as its provider would write it."""
        members = dict(self.folded or {})
        for name, pieces in self.appended.items():
            text = "".join(pieces)
            if name != "partial_json":
                before = Fields(msgspec.json.encode(members)).text(name) or ""
                members[name] = msgspec.Raw(msgspec.json.encode(before + text))
            elif json_text.is_json(text):
                members["input"] = msgspec.Raw(text.encode())
            elif text:
                delta = {"type": "input_json_delta", "partial_json": text}
                self.unknown.append(blocks_out.untyped("input_json_delta", msgspec.json.encode(delta)))
        kind = Fields(msgspec.json.encode(members)).text("type") or ""
        block = blocks_out.opaque(kind, msgspec.json.encode(members))
        block.opaque_deltas.extend(self.unknown)
        return block
