"""Media of a request, and what has to be known of the conversation around a block."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field

from trunkline.v1 import message_pb2
from trunkline_service.providers import file_ids, media_types
from trunkline_service.providers.base import Target
from trunkline_service.providers.gemini import places
from trunkline_service.providers.gemini.members import Json
from trunkline_service.providers.gemini.parts_out import PROVIDER_TYPE
from trunkline_service.providers.portable import UNKNOWN, Passage
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames


@dataclass(slots=True, kw_only=True)
class Conversation:
    """What has to be known beyond a block.

    `calls` are the names of the tools that were called so far, by the ids of the calls, in order; ids that are
    `withheld` are none of Gemini's and do not go there. `role` is that of the message that the block is in, `way`
    says what of it can be read here, and `unsigned` whether its first call still lacks a signature.
    """

    target: Target
    vertex: bool
    names: ToolNames
    report: EncodeReport
    calls: dict[str, str] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    role: message_pb2.Role.ValueType = message_pb2.ROLE_USER
    way: Passage = UNKNOWN
    unsigned: bool = False


def encode_media(media: message_pb2.Media, path: str, conversation: Conversation) -> Json | None:
    """Media as the one member that a part holds it in, `inlineData` or `fileData`; None if it cannot be sent."""
    match media.WhichOneof("source"):
        case "url":
            return _file_data(media.url, media)
        case "file_id":
            if uri := places.file_uri(media.file_id, conversation.target, vertex=conversation.vertex):
                return _file_data(uri, media)
            _no_file(media.file_id, f"{path}.file_id", conversation)
            return None
    media_type = media_types.of(media)
    if not media_type:
        conversation.report.invalid(f"{path}.media_type", "is required: it is not recognised from the bytes")
        return None
    return inline_data(media_type, media.data)


def inline_data(media_type: str, data: bytes) -> Json:
    """Bytes within a request."""
    text = binascii.b2a_base64(data, newline=False).decode("ascii")
    return {"inlineData": {"mimeType": media_type, "data": text}}


def _no_file(file_id: str, path: str, conversation: Conversation) -> None:
    """Reports an id that is none of a file here."""
    ours = "gs://…, as Gemini on Vertex has no uploaded files" if conversation.vertex else "files/… or gs://…"
    if conversation.role == message_pb2.ROLE_ASSISTANT:
        conversation.report.not_portable(path, f"Gemini's files are called {ours}")
    else:
        # Without its file, it would be another question.
        what = file_ids.elsewhere(file_id, PROVIDER_TYPE) or f"is the id of no file here: they are called {ours}"
        conversation.report.invalid(path, what)


def _file_data(uri: str, media: message_pb2.Media) -> Json:
    file: Json = {"fileUri": uri}
    if media.media_type:
        file["mimeType"] = media.media_type
    return {"fileData": file}
