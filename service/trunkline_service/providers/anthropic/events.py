"""The shapes of the events that make up nearly all of a stream, for msgspec to decode in one go.

Each forbids members that it does not name: an event with anything new in it fails to decode here, and is read member by
member in `stream.py`, so that nothing of it is lost.
"""

from __future__ import annotations

import msgspec


class TextDelta(msgspec.Struct, tag_field="type", tag="text_delta", forbid_unknown_fields=True):
    """Appends to a text block."""

    text: str


class ThinkingDelta(msgspec.Struct, tag_field="type", tag="thinking_delta", forbid_unknown_fields=True):
    """Appends to a thinking block."""

    thinking: str


class InputJsonDelta(msgspec.Struct, tag_field="type", tag="input_json_delta", forbid_unknown_fields=True):
    """Appends to the arguments of a tool call."""

    partial_json: str


class BlockDelta(msgspec.Struct, tag_field="type", tag="content_block_delta", forbid_unknown_fields=True):
    """A block goes on."""

    index: int
    delta: TextDelta | ThinkingDelta | InputJsonDelta


class BlockStop(msgspec.Struct, tag_field="type", tag="content_block_stop", forbid_unknown_fields=True):
    """A block is complete."""

    index: int


class Ping(msgspec.Struct, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """A keep-alive."""


class MessageStop(msgspec.Struct, tag_field="type", tag="message_stop", forbid_unknown_fields=True):
    """The end mark."""


frequent = msgspec.json.Decoder(BlockDelta | BlockStop | Ping | MessageStop)
