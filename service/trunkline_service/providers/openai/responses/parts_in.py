"""Parts of a message and of a tool's result: the contract's blocks to the Responses API's content.

JSON text goes in as it is (`msgspec.Raw`). What OpenAI has no place for is reported, never left out in silence.
"""

from __future__ import annotations

import binascii
import mimetypes
import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers import media_types
from trunkline_service.providers.openai import cache_marks
from trunkline_service.providers.openai.platform import PROVIDER_TYPE
from trunkline_service.providers.report import EncodeReport

Json = dict[str, object]

# Parts that can say that what is up to them is to be cached.
MARKED = frozenset({"input_text", "input_image", "input_file"})

# The library's own tables, not those of the machine: the same on all.
_EXTENSIONS = mimetypes.MimeTypes()
_HAS_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_AUDIO_FORMATS = {
    "audio/wav": "wav", "audio/wave": "wav", "audio/x-wav": "wav", "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3", "audio/mp3": "mp3",
}  # fmt: skip


def raw(text: str) -> msgspec.Raw:
    """JSON text, to be sent byte for byte."""
    return msgspec.Raw(text.encode())


def fields_of(block: message_pb2.ContentBlock) -> json_text.RawObject:
    """The provider's own members of a block, which this contract has no fields for."""
    text = block.provider_fields_json
    return json_text.parse_object(text.encode()) if text else {}


def with_fields(result: Json, block: message_pb2.ContentBlock, path: str) -> Json:
    """`result` with the provider's own members of a block. Raises `InvalidRequest` as `json_text.merge` does."""
    json_text.merge(result, fields_of(block), f"{path}.provider_fields_json")
    return result


def beside(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> None:
    """Reports what is beside the content of a block and has no place here."""
    if block.provider_state and not block.HasField("thinking"):
        report.unsupported(f"{path}.provider_state", "OpenAI keeps no state here", capability="provider_state")
    if block.opaque_deltas:
        # They are no part of the block, as message.proto says; the answer they came with is sent back without them.
        report.dropped(f"{path}.opaque_deltas", "deltas that nobody could fold into the block")


def input_parts(
    blocks: Iterable[message_pb2.ContentBlock], path: str, report: EncodeReport
) -> list[Json | msgspec.Raw]:
    """The blocks in order; those that cannot be sent are reported and left out."""
    result = []
    for number, block in enumerate(blocks):
        beside(block, f"{path}[{number}]", report)
        part = input_part(block, f"{path}[{number}]", report)
        if part is not None:
            result.append(part)
    return result


def input_part(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json | msgspec.Raw | None:
    """A part for the model to read; None if it cannot be sent."""
    kind = block.WhichOneof("kind") or ""
    if kind == "opaque" and block.opaque.provider_type == PROVIDER_TYPE:
        cache_marks.mark(None, MARKED, block, path, report)
        return raw(block.opaque.raw_json)
    encode = _INPUTS.get(kind)
    if encode is None:
        report.unsupported(f"{path}.{kind}", f"OpenAI takes no {kind} blocks here", capability=kind)
        return None
    result = encode(block, path, report)
    cache_marks.mark(result, MARKED, block, path, report)
    return None if result is None else with_fields(result, block, path)


def output_part(
    block: message_pb2.ContentBlock, own: json_text.RawObject, path: str, report: EncodeReport, *, is_told: bool
) -> Json | msgspec.Raw | None:
    """A part that the model wrote, with the provider's `own` members of it; None if it cannot be sent.

    One that `is_told` by an answer of the provider's is sent as those are: with its citations, even if there are none.
    """
    cache_marks.mark(None, MARKED, block, path, report)
    result: Json
    match block.WhichOneof("kind"):
        case "text":
            result = {"type": "output_text", "text": block.text.text}
            if block.text.citations or is_told:
                citations = [
                    _annotation(citation, f"{path}.text.citations[{number}]", report)
                    for number, citation in enumerate(block.text.citations)
                ]
                result["annotations"] = [citation for citation in citations if citation is not None]
        case "refusal":
            result = {"type": "refusal", "refusal": block.refusal.text}
        case "opaque" if block.opaque.provider_type == PROVIDER_TYPE:
            return raw(block.opaque.raw_json)
        case kind:
            description = f"OpenAI's model writes no {kind} blocks, and reads none of its own"
            report.unsupported(f"{path}.{kind}", description, capability=f"assistant_{kind}")
            return None
    json_text.merge(result, own, f"{path}.provider_fields_json")
    return result


def _text(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json:
    if block.text.citations:
        report.unsupported(
            f"{path}.text.citations", "on OpenAI, only the model's own texts have citations", capability="citations"
        )
    return {"type": "input_text", "text": block.text.text}


def _image(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json | None:
    media = block.image.media
    result: Json = {"type": "input_image"}
    match media.WhichOneof("source"):
        case "file_id":
            result["file_id"] = media.file_id
        case "url":
            if not _is_web(media.url, f"{path}.image.media.url", report):
                return None
            result["image_url"] = media.url
        case _:
            media_type = media_types.of(media)
            if not media_type.startswith("image/"):
                found = f"{media_type!r} is no picture" if media_type else "the bytes are no picture that is recognised"
                report.invalid(f"{path}.image.media.media_type", found)
                return None
            result["image_url"] = _data_url(media_type, media.data)
    if block.image.detail:
        result["detail"] = block.image.detail
    return result


def _document(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json | None:
    document = block.document
    path = f"{path}.document"
    if document.HasField("context"):
        report.unsupported(f"{path}.context", "OpenAI's files have no context", capability="document_context")
    if document.citations_enabled:
        report.unsupported(
            f"{path}.citations_enabled", "OpenAI's models do not cite from files", capability="citations"
        )
    result: Json = {"type": "input_file"}
    match document.WhichOneof("source"):
        case "content":
            report.unsupported(
                f"{path}.content", "OpenAI's files are not made of blocks", capability="document_content"
            )
            return None
        case "text":
            return result | _file(document.title, "text/plain", document.text.encode())
    media = document.media
    match media.WhichOneof("source"):
        case "file_id":
            result["file_id"] = media.file_id
        case "url":
            if not _is_web(media.url, f"{path}.media.url", report):
                return None
            result["file_url"] = media.url
        case _:
            media_type = media_types.of(media)
            if not media_type:
                report.invalid(f"{path}.media.media_type", "is required: the bytes are no document that is recognised")
                return None
            return result | _file(document.title, media_type, media.data)
    if document.HasField("title"):
        result["filename"] = document.title
    return result


def _file(title: str, media_type: str, data: bytes) -> Json:
    """A file that is sent along. OpenAI wants a name, and goes by its extension."""
    name = title or "document"
    if _HAS_EXTENSION.search(name) is None:
        name += _EXTENSIONS.guess_extension(media_type) or ""
    return {"filename": name, "file_data": _data_url(media_type, data)}


def _audio(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json | None:
    media = block.audio.media
    source = media.WhichOneof("source") or "data"
    if source != "data":
        report.unsupported(f"{path}.audio.media.{source}", "OpenAI takes sound as bytes only", capability="audio_url")
        return None
    media_type = media.media_type or _recognise_audio(media.data)
    audio_format = _AUDIO_FORMATS.get(media_type)
    if audio_format is None:
        found = f"{media_type!r} is neither" if media_type else "the bytes are not recognised as"
        report.invalid(f"{path}.audio.media.media_type", f"{found} audio/wav nor audio/mpeg")
        return None
    return {"type": "input_audio", "input_audio": {"data": _base64(media.data), "format": audio_format}}


def _recognise_audio(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    return "audio/mpeg" if data[:3] == b"ID3" or data[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2") else ""


_Encoder = Callable[[message_pb2.ContentBlock, str, EncodeReport], Json | None]
_INPUTS: Mapping[str, _Encoder] = {"text": _text, "image": _image, "document": _document, "audio": _audio}


def _annotation(citation: message_pb2.Citation, path: str, report: EncodeReport) -> Json | msgspec.Raw | None:
    match citation.WhichOneof("location"):
        case "opaque" if citation.opaque.provider_type == PROVIDER_TYPE:
            return raw(citation.opaque.raw_json)
        case "web_location":
            if citation.cited_text or citation.web_location.HasField("encrypted_index"):
                report.unsupported(
                    path, "OpenAI's citations hold no words and no handle of the place", capability="citations"
                )
            result: Json = {"type": "url_citation", "url": citation.web_location.url}
            if citation.web_location.HasField("title"):
                result["title"] = citation.web_location.title
            own = citation.provider_fields_json
            return result | (json_text.parse_object(own.encode()) if own else {})
        case _:
            report.unsupported(path, "OpenAI knows no citations of such a place", capability="citations")
            return None


def _is_web(url: str, path: str, report: EncodeReport) -> bool:
    if url.lower().startswith(("https:", "http:")):
        return True
    report.unsupported(path, "OpenAI fetches http and https only", capability="cloud_urls")
    return False


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{_base64(data)}"


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
