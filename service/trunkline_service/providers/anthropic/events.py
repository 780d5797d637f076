"""The shapes of the events that make up nearly all of a stream, for msgspec to decode in one go.

Each forbids members that it does not name: an event with anything new in it fails to decode here, and is read member by
member in `stream.py`, so that nothing of it is lost.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

# What a delta appends is `appended`; `block` is the kind of block that it belongs to, and `field` is the contract's.


class TextDelta(msgspec.Struct, tag_field="type", tag="text_delta", forbid_unknown_fields=True):
    """Appends to a text block."""

    block: ClassVar = "text"
    field: ClassVar = "text"
    appended: str = msgspec.field(name="text")


class ThinkingDelta(msgspec.Struct, tag_field="type", tag="thinking_delta", forbid_unknown_fields=True):
    """Appends to a thinking block."""

    block: ClassVar = "thinking"
    field: ClassVar = "thinking"
    appended: str = msgspec.field(name="thinking")


class InputJsonDelta(msgspec.Struct, tag_field="type", tag="input_json_delta", forbid_unknown_fields=True):
    """Appends to the arguments of a tool call."""

    block: ClassVar = "tool_use"
    field: ClassVar = "input_json"
    appended: str = msgspec.field(name="partial_json")


class BlockDelta(msgspec.Struct, tag_field="type", tag="content_block_delta", forbid_unknown_fields=True):
    """A block goes on."""

    index: int
    delta: TextDelta | ThinkingDelta | InputJsonDelta


class BlockStop(msgspec.Struct, tag_field="type", tag="content_block_stop", forbid_unknown_fields=True):
    """A block is complete."""

    index: int


class TextStart(msgspec.Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    """A text block, as it begins."""

    text: str


class ThinkingStart(msgspec.Struct, tag_field="type", tag="thinking", forbid_unknown_fields=True):
    """A thinking block, as it begins."""

    thinking: str
    signature: str | None = None


class BlockStart(msgspec.Struct, tag_field="type", tag="content_block_start", forbid_unknown_fields=True):
    """A block begins."""

    index: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
    content_block: TextStart | ThinkingStart


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """A message that has nothing yet, but for who writes it and what reading its request took."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: Annotated[list[None], msgspec.Meta(max_length=0)]
    usage: Raw
    stop_reason: None = None
    stop_sequence: None = None
    stop_details: None = None


class MessageStart(msgspec.Struct, tag_field="type", tag="message_start", forbid_unknown_fields=True):
    """The first event."""

    message: Message


class Stop(msgspec.Struct, forbid_unknown_fields=True):
    """Why the message ends."""

    stop_reason: str
    stop_sequence: str | None
    stop_details: UnsetType | None = UNSET


class MessageDelta(msgspec.Struct, tag_field="type", tag="message_delta", forbid_unknown_fields=True):
    """The message is about to end."""

    delta: Stop
    usage: Raw | UnsetType = UNSET


class Ping(msgspec.Struct, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """A keep-alive."""


class MessageStop(msgspec.Struct, tag_field="type", tag="message_stop", forbid_unknown_fields=True):
    """The end mark."""


OncePerAnswer = BlockStart | MessageStart | MessageDelta | MessageStop

frequent = msgspec.json.Decoder(BlockDelta | BlockStop | OncePerAnswer | Ping)
