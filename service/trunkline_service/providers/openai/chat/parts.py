"""Parts of a message's content: the contract's blocks to the JSON of Chat Completions.

What Chat Completions has no place for is reported, never left out in silence.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers import media_types
from trunkline_service.providers.openai import cache_marks
from trunkline_service.providers.openai.platform import PROVIDER_TYPE, Platform
from trunkline_service.providers.report import EncodeReport

Json = dict[str, object]
Part = Json | msgspec.Raw

_API = "Chat Completions"
# Those that can say that what is up to them is to be cached.
_MARKED = frozenset({"text", "image_url", "input_audio", "file"})
_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_SOUNDS = {
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"), "wav"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3", "audio/x-mp3"), "mp3"),
}


class PartWriter:
    """Writes blocks as parts for one home of the API, and reports what it cannot write."""

    def __init__(self, platform: Platform, report: EncodeReport) -> None:
        self.platform = platform
        self.report = report

    def content(self, blocks: Iterable[tuple[str, message_pb2.ContentBlock]]) -> str | list[Part]:
        """The content of a message, of blocks with their paths: a string if one text is all there is, which is the
        form that every server knows.
        """
        return shortest([part for path, block in blocks for part in self.parts(block, path)])

    def texts(self, blocks: Iterable[tuple[str, message_pb2.ContentBlock]], where: str) -> list[Part]:
        """The parts of a message that takes only text; `where` says which that is."""
        parts: list[Part] = []
        for path, block in blocks:
            kind = block.WhichOneof("kind") or ""
            if kind == "text":
                parts += self.parts(block, path)
            else:
                self.unsupported(f"{path}.{kind}", f"{_API} takes only text in {where}", kind)
        return parts

    def parts(self, block: message_pb2.ContentBlock, path: str) -> list[Part]:
        """The parts that stand for a block; none if it cannot be sent."""
        self.beside(block, path)
        kind = block.WhichOneof("kind") or ""
        write = _WRITERS.get(kind)
        if write is None:
            self.unsupported(f"{path}.{kind}", f"{_API} takes no {kind} blocks here", kind)
            return []
        parts = write(self, block, path)
        self.mark(parts, block, path)
        if block.provider_fields_json:
            for part in parts:
                if isinstance(part, dict):
                    merge_fields(part, block.provider_fields_json, path)
        return parts

    def beside(self, block: message_pb2.ContentBlock, path: str) -> None:
        """Reports what is beside the content of a block, whatever its kind."""
        if block.provider_state:
            self.report.not_portable(f"{path}.provider_state", "state of another provider")
        if block.opaque_deltas:
            # They are no part of the block, as message.proto says; the answer they came with is sent back without them.
            self.report.dropped(f"{path}.opaque_deltas", "deltas that nobody could fold into the block")

    def mark(self, parts: Sequence[Part], block: message_pb2.ContentBlock, path: str) -> None:
        """Marks the last of the parts that stand for a block, if that is marked."""
        cache_marks.mark(parts[-1] if parts else None, _MARKED, block, path, self.report)

    def unsupported(self, path: str, description: str, capability: str) -> None:
        """Reports what this home of the API has nothing for."""
        self.report.unsupported(path, description, capability=capability)

    def text(self, block: message_pb2.ContentBlock, path: str) -> list[Part]:
        """A text."""
        if block.text.citations:
            self.report.dropped(f"{path}.text.citations", f"{_API} takes no citations back")
        return [text_part(block.text.text)]

    def image(self, block: message_pb2.ContentBlock, path: str) -> list[Part]:
        """A picture: its address, or its bytes as a data URL."""
        media = block.image.media
        path = f"{path}.image.media"
        match media.WhichOneof("source"):
            case "url":
                url = self._web_url(media, path)
            case "file_id":
                self.unsupported(f"{path}.file_id", f"{_API} takes no pictures by the id of a file", "image_file_id")
                url = None
            case _:
                url = self._data_url(media, path, "image/", _IMAGE_TYPES if self.platform.strict else None)
        if url is None:
            return []
        image: Json = {"url": url}
        if block.image.detail:
            image["detail"] = block.image.detail
        return [{"type": "image_url", "image_url": image}]

    def audio(self, block: message_pb2.ContentBlock, path: str) -> list[Part]:
        """Sound."""
        media = block.audio.media
        path = f"{path}.audio.media"
        if (source := media.WhichOneof("source")) in ("url", "file_id"):
            self.unsupported(f"{path}.{source}", f"{_API} takes sound as bytes only", f"audio_{source}")
            return []
        media_type = _essence(media.media_type) or _recognise_sound(media.data)
        form = _SOUNDS.get(media_type)
        if form is None and not self.platform.strict and media_type.startswith("audio/"):
            form = media_type.removeprefix("audio/")
        if form is None:
            self.report.invalid(f"{path}.media_type", f"{media_type!r} is neither audio/wav nor audio/mpeg")
            return []
        return [{"type": "input_audio", "input_audio": {"data": _base64(media.data), "format": form}}]

    def document(self, block: message_pb2.ContentBlock, path: str) -> list[Part]:
        """A document: a file as such; text and blocks as what they hold."""
        document = block.document
        path = f"{path}.document"
        if document.HasField("context"):
            self.unsupported(f"{path}.context", f"{_API} has no context of documents", "document_context")
        if document.citations_enabled:
            self.unsupported(f"{path}.citations_enabled", f"{_API} cites from no documents", "citations")
        source = document.WhichOneof("source")
        media = document.media.WhichOneof("source") if source == "media" else None
        if document.HasField("title") and media != "data":
            self.unsupported(f"{path}.title", f"{_API} has titles of files only", "document_title")
        match source:
            case "text":
                return [text_part(document.text)]
            case "content":
                blocks = enumerate(document.content.blocks)
                return [
                    part for number, each in blocks for part in self.parts(each, f"{path}.content.blocks[{number}]")
                ]
        path = f"{path}.media"
        if media == "url":
            self.unsupported(f"{path}.url", f"{_API} fetches no documents", "document_url")
            return []
        if media == "file_id":
            return [{"type": "file", "file": {"file_id": document.media.file_id}}]
        if (url := self._data_url(document.media, path, "", None)) is None:
            return []
        # A file must have a name; the title is shown to the model as one.
        name = document.title or f"document.{url.split(';')[0].rpartition('/')[2]}"
        return [{"type": "file", "file": {"filename": name, "file_data": url}}]

    def refusal(self, block: message_pb2.ContentBlock, _path: str) -> list[Part]:
        """A refusal; compatible servers know no such parts, and read the words as text."""
        if not self.platform.strict:
            return [text_part(block.refusal.text)]
        return [{"type": "refusal", "refusal": block.refusal.text}]

    def opaque(self, block: message_pb2.ContentBlock, path: str) -> list[Part]:
        """A part of a kind that the contract does not type."""
        if block.opaque.provider_type == PROVIDER_TYPE:
            return [raw(block.opaque.raw_json)]
        what = f"a block of {block.opaque.provider_type!r} means nothing to {self.platform.name}"
        self.unsupported(f"{path}.opaque", what, "foreign_blocks")
        return []

    def _web_url(self, media: message_pb2.Media, path: str) -> str | None:
        if media.url.lower().startswith(("https:", "http:")):
            return media.url
        self.unsupported(f"{path}.url", f"{self.platform.name} fetches http and https only", "cloud_urls")
        return None

    def _data_url(
        self, media: message_pb2.Media, path: str, prefix: str, accepted: frozenset[str] | None
    ) -> str | None:
        media_type = media_types.of(media)
        if not media_type:
            self.report.invalid(f"{path}.media_type", "is required: the bytes are not recognised")
        elif accepted is not None and media_type not in accepted:
            self.report.invalid(f"{path}.media_type", f"{media_type!r} is not one of {', '.join(sorted(accepted))}")
        elif not media_type.startswith(prefix):
            self.report.invalid(f"{path}.media_type", f"{media_type!r} is no type of {prefix}")
        else:
            return f"data:{media_type};base64,{_base64(media.data)}"
        return None


def text_part(text: str) -> Json:
    """A part that is text."""
    return {"type": "text", "text": text}


def shortest(parts: list[Part]) -> str | list[Part]:
    """Content as a string, if it is no more than one text; as a list otherwise."""
    if not parts:
        return ""
    first = parts[0]
    if len(parts) == 1 and isinstance(first, dict) and first.keys() == {"type", "text"}:
        return str(first["text"])
    return parts


def merge_fields(members: Json, provider_fields_json: str, path: str) -> None:
    """Adds the provider's own members, which this contract has no fields for, to what is at `path`."""
    if provider_fields_json:
        json_text.merge(members, json_text.parse_object(provider_fields_json.encode()), f"{path}.provider_fields_json")


def raw(text: str) -> msgspec.Raw:
    """JSON text, to be sent byte for byte."""
    return msgspec.Raw(text.encode())


_WRITERS: Mapping[str, Callable[[PartWriter, message_pb2.ContentBlock, str], list[Part]]] = {
    "text": PartWriter.text,
    "image": PartWriter.image,
    "audio": PartWriter.audio,
    "document": PartWriter.document,
    "refusal": PartWriter.refusal,
    "opaque": PartWriter.opaque,
}


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _recognise_sound(data: bytes) -> str:
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return "audio/wav"
    if data.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
        return "audio/mpeg"
    return ""
