"""What a delta may hold beside texts and calls: citations, the odds of tokens, sound."""

from __future__ import annotations

import base64
import binascii

import msgspec

from trunkline.v1 import message_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.platform import PROVIDER_TYPE


def citations(annotations: list[msgspec.Raw]) -> list[ChatEvent]:
    """The deltas for annotations of a text. Raises `JsonTextError`."""
    result = []
    for data in annotations:
        event = ChatEvent()
        event.block_delta.citation.CopyFrom(_citation(data))
        result.append(event)
    return result


def _citation(data: msgspec.Raw) -> message_pb2.Citation:
    fields = Fields(data)
    kind = fields.text("type") or ""
    place = fields.object("url_citation") if kind == "url_citation" else None
    if place is None:
        return message_pb2.Citation(opaque=untyped(kind, data))
    members = Fields(place)
    location = message_pb2.WebLocation(url=members.text("url") or "", title=members.text("title"))
    for name, value in fields.remaining().items():
        members.put_back(name, value)
    return message_pb2.Citation(web_location=location, provider_fields_json=members.rest())


def untyped(kind: str, data: bytes | msgspec.Raw) -> message_pb2.Opaque:
    """Anything that the contract does not type."""
    return message_pb2.Opaque(provider_type=PROVIDER_TYPE, type=kind, raw_json=bytes(data).decode())


class Sound:
    """Sound that the model speaks, from its pieces; it becomes one opaque block of the type "audio"."""

    __slots__ = ("_data", "_members", "_transcript")

    def __init__(self) -> None:
        self._members: json_text.RawObject = {}
        self._data: list[str] = []
        self._transcript: list[str] = []

    def add(self, data: msgspec.Raw) -> None:
        """Adds a piece. Raises `JsonTextError`."""
        fields = Fields(data)
        self._data.append(fields.text("data") or "")
        self._transcript.append(fields.text("transcript") or "")
        self._members.update(fields.remaining())

    def block(self) -> message_pb2.ContentBlock | None:
        """The block; None if nothing was spoken."""
        data, transcript = _joined(self._data), "".join(self._transcript)
        if not (data or transcript or self._members):
            return None
        members: dict[str, object] = {"type": "audio", **self._members, "data": data, "transcript": transcript}
        return message_pb2.ContentBlock(opaque=untyped("audio", msgspec.json.encode(members)))


def _joined(pieces: list[str]) -> str:
    """Base64 of all pieces: each may have its own padding."""
    if not any("=" in piece for piece in pieces[:-1]):
        return "".join(pieces)
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode("ascii")
    except (binascii.Error, ValueError):
        return "".join(pieces)


def opaque(kind: str, data: bytes | msgspec.Raw) -> message_pb2.ContentBlock:
    """A block that the contract does not type."""
    return message_pb2.ContentBlock(opaque=untyped(kind, data))
