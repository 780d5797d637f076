"""An item of a streamed answer between its start and its end: what is remembered of it, and of its open block."""

from __future__ import annotations

import hashlib
import json

import msgspec

from trunkline.v1 import message_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.json_text import RawObject
from trunkline_service.providers import surrogates
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.responses import events

NO_BLOCK = -1

_DIFFERS = "the parts of a text are not what it says that they add up to"


class OpenItem:
    """An item that has begun and not ended. One block of it is open at a time, or none."""

    __slots__ = (
        "beside",
        "block",
        "block_kind",
        "call",
        "citations",
        "digest",
        "expects",
        "final",
        "kind",
        "length",
        "logprobs",
        "next_part",
        "output_index",
        "pending",
        "pieces",
        "place",
        "plain",
        "told",
    )  # fmt: skip

    def __init__(self, output_index: int, kind: str) -> None:
        self.output_index = output_index
        self.kind = kind
        # Of a message: what it says beside its parts, and the first part that has not begun.
        self.beside: RawObject = {}
        self.next_part = 0
        # The digests of the texts of its parts that have ended, by their places.
        self.told: dict[int, bytes] = {}
        self.close()

    def close(self) -> None:
        """From now on, no block is open."""
        self.block = NO_BLOCK
        self.block_kind = ""
        # Which of the item's parts the open block is.
        self.place = 0
        # The deltas that need no more than to be passed on, but for while half of a surrogate pair waits.
        self.plain: type[events.Delta] | None = None
        self.expects: type[events.Delta] | None = None
        self.pending = ""
        # What the deltas have brought: how many characters of text, and their digest, as a text may be of any length;
        # the arguments of a function call; how many citations and tokens.
        self.length = 0
        self.digest = hashlib.sha256()
        self.pieces: list[str] = []
        self.citations = 0
        self.logprobs = 0
        # Of a tool call: its id and name.
        self.call = ("", "")
        # Of a part: all of it, as the provider told at its end.
        self.final: msgspec.Raw | None = None

    def open(self, block: int, kind: str, plain: type[events.Delta] | None, place: int = 0) -> None:
        """From now on, this block is open."""
        self.close()
        self.block = block
        self.block_kind = kind
        self.place = place
        self.plain = self.expects = plain

    def take_text(self, fields: Fields) -> str:
        """What a delta appends, without half of a surrogate pair that waits for its other half.

        Raises:
            ProtocolViolation: it is not a string.
        """
        data = bytes(fields.raw("delta") or b"")
        if not data.startswith(b'"'):
            msg = "a delta without a text"
            raise ProtocolViolation(msg)
        text = self.pending + json.loads(data)
        self.pending = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        self.expects = None if self.pending else self.plain
        return surrogates.whole(text[: len(text) - len(self.pending)])

    def add(self, text: str) -> None:
        """Notes a text that a delta has brought."""
        self.length += len(text)
        self.digest.update(text.encode())
        if self.kind == "function_call":
            self.pieces.append(text)

    def retold(self, name: str, text: str) -> list[ChatEvent]:
        """The provider says that the block's text, which deltas called `name` append to, is now `text`: the delta that
        is missing for that, if one is. Raises as `rest` does.
        """
        missing = self.missing(text)
        if missing is None:
            raise ProtocolViolation(_DIFFERS)
        if not text or not missing:
            return []
        self.add(missing)
        self.pending = ""
        self.expects = self.plain
        result = delta(self.block)
        setattr(result.block_delta, name, missing)
        return [result]

    def missing(self, text: str) -> str | None:
        """What is still missing to make the block's text what the provider says it is: `text`, or empty if it does not
        say. None if the deltas have brought something else.
        """
        if not text:
            return "\ufffd" if self.pending else ""
        return text[self.length :] if digest(text[: self.length]) == self.digest.digest() else None

    def rest(self, whole: message_pb2.ContentBlock) -> list[ChatEvent]:
        """The deltas that are still missing to make the block `whole`, and its end.

        Raises:
            ProtocolViolation: it cannot become that, as the deltas have brought something else.
        """
        result = []
        name, text = said(whole)
        missing = self.missing(text)
        if missing is None and self.block_kind != "thinking":
            raise ProtocolViolation(_DIFFERS)
        if missing is None:
            missing = self.missing("")
        if missing:
            result.append(delta(self.block))
            setattr(result[-1].block_delta, name, missing)
            self.add(missing)
        for citation in whole.text.citations[self.citations :]:
            result.append(delta(self.block))
            result[-1].block_delta.citation.CopyFrom(citation)
        if tokens := whole.text.logprobs[self.logprobs :]:
            result.append(delta(self.block))
            result[-1].block_delta.logprobs.tokens.extend(tokens)
        if whole.provider_state:
            result.append(delta(self.block))
            result[-1].block_delta.provider_state = whole.provider_state
        if whole.provider_fields_json:
            result.append(delta(self.block))
            result[-1].block_delta.block_fields_json = whole.provider_fields_json
        end = ChatEvent()
        end.block_end.index = self.block
        result.append(end)
        return result


def digest(text: str) -> bytes:
    """What tells a text from others."""
    return hashlib.sha256(text.encode()).digest()


def said(block: message_pb2.ContentBlock) -> tuple[str, str]:
    """The text of a block, and the delta that appends to it."""
    match block.WhichOneof("kind"):
        case "text":
            return "text", block.text.text
        case "refusal":
            return "refusal", block.refusal.text
        case "thinking":
            return "thinking", block.thinking.text
        case "tool_use" if block.tool_use.HasField("input_text"):
            return "input_text", block.tool_use.input_text
        case "tool_use":
            return "input_json", block.tool_use.input_json
        case _:
            return "", ""


def delta(block: int) -> ChatEvent:
    """A delta of a block, empty."""
    event = ChatEvent()
    event.block_delta.index = block
    return event
