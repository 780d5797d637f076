"""Lone surrogates in a stream's text.

JSON may hold half of a UTF-16 pair as an escape, and a provider that streams by code unit puts the halves into two
deltas. A protobuf string cannot hold a half: it waits for the other one, and what stays alone becomes U+FFFD.
"""

from __future__ import annotations

import json
import re
from typing import Protocol

import msgspec

from trunkline_service import json_text

# The member of a block_delta that holds the text of each kind of block.
DELTAS = {"text": "text", "thinking": "thinking", "tool_use": "input_json"}

_TEXT_MEMBERS = ("text", "thinking", "partial_json")
_ALONE = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")


class Pending(Protocol):
    """Where half of a pair waits between two deltas of a block."""

    pending_surrogate: str


def mend(data: msgspec.Raw, pending: Pending) -> msgspec.Raw:
    """The delta with its text made whole; the delta itself if there is nothing to mend. Raises `JsonTextError`."""
    text = bytes(data)
    if not pending.pending_surrogate and b"\\ud" not in text.lower():
        return data
    delta = json_text.parse_object(data)
    for name in _TEXT_MEMBERS:
        if name in delta and isinstance(value := json.loads(bytes(delta[name])), str):
            value = pending.pending_surrogate + value
            pending.pending_surrogate = ""
            if value and "\ud800" <= value[-1] <= "\udbff":
                pending.pending_surrogate = value[-1]
                value = value[:-1]
            delta[name] = msgspec.Raw(msgspec.json.encode(whole(value)))
    return msgspec.Raw(msgspec.json.encode(delta))


def whole(text: str) -> str:
    """The text with its pairs joined, and U+FFFD for every half that is alone."""
    # (The decoder could do this, too, but takes ten times as long for each that it has to replace.)
    return _ALONE.sub("\ufffd", text).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
