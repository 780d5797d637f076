"""OpenRouter's `reasoning_details`: reasoning with its proofs, which models want back before they go on from a tool.

They become one opaque block at the end of the answer, as pieces of them come until then.
"""

from __future__ import annotations

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.chat import additions
from trunkline_service.providers.openai.platform import PROVIDER_TYPE

KIND = "reasoning_details"

# What grows in the pieces of a detail, by its type.
_GROWING = {"reasoning.text": "text", "reasoning.summary": "summary"}
_KEPT_PER_DETAIL = 64


class ReasoningDetails:
    """Puts details together from their pieces."""

    __slots__ = ("_details", "_pieces")

    def __init__(self) -> None:
        self._details: list[json_text.RawObject | msgspec.Raw] = []
        # Of the last detail, what grows.
        self._pieces: list[str] = []

    def add(self, items: list[msgspec.Raw]) -> int:
        """Adds what a chunk has; returns how many bytes have to be remembered for it."""
        for item in items:
            self._add(item)
        return sum(_KEPT_PER_DETAIL + len(item) for item in items)

    def block(self) -> message_pb2.ContentBlock | None:
        """The block; None if there are no details."""
        if not self._details:
            return None
        self._settle()
        data = msgspec.json.encode({"type": KIND, KIND: self._details})
        return additions.opaque(KIND, data)

    def _add(self, item: msgspec.Raw) -> None:
        if not bytes(item).startswith(b"{"):
            self._settle()
            self._details.append(item)
            return
        fields = Fields(item)
        kind = Fields(item).text("type") or ""
        text = fields.text(_GROWING[kind]) if kind in _GROWING else None
        members = fields.remaining()
        last = self._details[-1] if self._details else None
        if text is not None and self._pieces and isinstance(last, dict) and _is_same(last, members):
            last.update({name: value for name, value in members.items() if bytes(value) != b"null"})
        else:
            self._settle()
            self._details.append(members)
        if text is not None:
            self._pieces.append(text)

    def _settle(self) -> None:
        """Puts what has grown into the last detail."""
        if self._pieces and isinstance(last := self._details[-1], dict):
            kind = msgspec.json.decode(last["type"])
            last[_GROWING[kind]] = msgspec.Raw(msgspec.json.encode("".join(self._pieces)))
        self._pieces = []


def to_send_back(opaque: message_pb2.Opaque) -> msgspec.Raw | None:
    """The details in a block that `ReasoningDetails` made; None if it is another block."""
    if opaque.provider_type != PROVIDER_TYPE:
        return None
    fields = Fields(opaque.raw_json.encode())
    return fields.raw(KIND) if fields.text("type") == KIND else None


def _is_same(last: json_text.RawObject, members: json_text.RawObject) -> bool:
    """Whether they are pieces of one detail."""
    return all(last.get(name) == members.get(name) for name in ("type", "index", "id"))
