"""Media types, recognised from the first bytes."""

from __future__ import annotations

from trunkline.v1 import message_pb2

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def recognise(data: bytes) -> str:
    """The media type of `data`; empty if it is none of those that models commonly take."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def of(media: message_pb2.Media) -> str:
    """What the caller says, in small letters, or else what the bytes say; empty if neither does."""
    return media.media_type.lower() or recognise(media.data)
