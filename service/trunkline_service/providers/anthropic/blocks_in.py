"""Content blocks of a request: the contract's messages to Anthropic's JSON.

JSON text goes in as it is (`msgspec.Raw`). What Anthropic has no place for is reported, never left out in silence.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Mapping

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers import call_ids, media_types
from trunkline_service.providers.report import EncodeReport

Json = dict[str, object]

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

_TOOL_USE_TYPES = {
    message_pb2.TOOL_RUNNER_SERVER: "server_tool_use",
    message_pb2.TOOL_RUNNER_MCP: "mcp_tool_use",
}


def encode_blocks(
    blocks: Iterable[message_pb2.ContentBlock], path: str, report: EncodeReport
) -> list[Json | msgspec.Raw]:
    """The blocks in order; those that cannot be sent are reported and left out."""
    result = []
    for number, block in enumerate(blocks):
        encoded = encode_block(block, f"{path}[{number}]", report)
        if encoded is not None:
            result.append(encoded)
    return result


def encode_block(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json | msgspec.Raw | None:
    """A block as Anthropic writes it; None if it cannot be sent."""
    if block.provider_state:
        report.not_portable(f"{path}.provider_state", "state of another provider: Anthropic keeps none on blocks")
    if block.opaque_deltas:
        # They are no part of the block, as message.proto says; the answer they came with is sent back without them.
        report.dropped(f"{path}.opaque_deltas", "deltas that nobody could fold into the block")
    kind = block.WhichOneof("kind") or ""
    encode = _ENCODERS.get(kind)
    if encode is None:
        report.unsupported(f"{path}.{kind}", f"Anthropic takes no {kind} blocks", capability=kind)
        return None
    result = encode(block, path, report)
    return None if result is None else add_extras(result, block, path)


def add_extras(result: Json | msgspec.Raw, block: message_pb2.ContentBlock, path: str) -> Json | msgspec.Raw:
    """Adds what is beside the content of a block."""
    if not block.HasField("cache_control") and not block.provider_fields_json:
        return result
    members: Json = dict(json_text.parse_object(result)) if isinstance(result, msgspec.Raw) else result
    if block.HasField("cache_control"):
        members["cache_control"] = cache_control(block.cache_control)
    merge_fields(members, block.provider_fields_json, path)
    return members


def merge_fields(members: Json, provider_fields_json: str, path: str) -> None:
    """Adds the provider's own members, which this contract has no fields for, to what is at `path`."""
    if provider_fields_json:
        json_text.merge(members, json_text.parse_object(provider_fields_json.encode()), f"{path}.provider_fields_json")


def cache_control(value: message_pb2.CacheControl) -> Json:
    """A cache mark. Anthropic knows one type of it."""
    return {"type": "ephemeral", "ttl": value.ttl} if value.ttl else {"type": "ephemeral"}


def raw(text: str) -> msgspec.Raw:
    """JSON text, to be sent byte for byte."""
    return msgspec.Raw(text.encode())


def _text(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json:
    result: Json = {"type": "text", "text": block.text.text}
    if block.text.citations:
        encoded = [
            _citation(citation, f"{path}.text.citations[{number}]", report)
            for number, citation in enumerate(block.text.citations)
        ]
        result["citations"] = [citation for citation in encoded if citation is not None]
    return result


def _refusal(block: message_pb2.ContentBlock, _path: str, _report: EncodeReport) -> Json:
    # Anthropic has no such blocks, but they are the model's words.
    return {"type": "text", "text": block.refusal.text}


def _image(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json | None:
    if block.image.detail:
        report.unsupported(f"{path}.image.detail", "Anthropic has no levels of detail", capability="image_detail")
    source = _media(block.image.media, f"{path}.image.media", IMAGE_TYPES, report)
    return None if source is None else {"type": "image", "source": source}


def _document(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json | None:
    document = block.document
    source: Json | None
    match document.WhichOneof("source"):
        case "text":
            source = _plain_text(document.text)
        case "content":
            blocks = encode_blocks(document.content.blocks, f"{path}.document.content.blocks", report)
            source = {"type": "content", "content": blocks}
        case _:
            source = _document_media(document.media, f"{path}.document.media", report)
    if source is None:
        return None
    result: Json = {"type": "document", "source": source}
    if document.HasField("title"):
        result["title"] = document.title
    if document.HasField("context"):
        result["context"] = document.context
    if document.HasField("citations_enabled"):
        result["citations"] = {"enabled": document.citations_enabled}
    return result


def _document_media(media: message_pb2.Media, path: str, report: EncodeReport) -> Json | None:
    if media.WhichOneof("source") == "data" and media.media_type == "text/plain":
        try:
            return _plain_text(media.data.decode())
        except UnicodeDecodeError as error:
            report.invalid(f"{path}.data", f"is not UTF-8 text: byte {error.start}")
            return None
    return _media(media, path, frozenset({"application/pdf"}), report)


def _plain_text(text: str) -> Json:
    return {"type": "text", "media_type": "text/plain", "data": text}


def _media(media: message_pb2.Media, path: str, accepted: frozenset[str], report: EncodeReport) -> Json | None:
    match media.WhichOneof("source"):
        case "url":
            if not media.url.lower().startswith(("https:", "http:")):
                report.unsupported(f"{path}.url", "Anthropic fetches http and https only", capability="cloud_urls")
                return None
            return {"type": "url", "url": media.url}
        case "file_id":
            return {"type": "file", "file_id": media.file_id}
    media_type = media_types.of(media)
    if media_type not in accepted:
        known = ", ".join(sorted(accepted))
        found = f"{media_type!r} is not" if media_type else "the bytes are not recognised as"
        report.invalid(f"{path}.media_type", f"{found} one of {known}")
        return None
    data = binascii.b2a_base64(media.data, newline=False).decode("ascii")
    return {"type": "base64", "media_type": media_type, "data": data}


def _thinking(block: message_pb2.ContentBlock, _path: str, _report: EncodeReport) -> Json:
    result: Json = {"type": "thinking", "thinking": block.thinking.text}
    if block.thinking.HasField("signature"):
        result["signature"] = block.thinking.signature
    return result


def _redacted_thinking(block: message_pb2.ContentBlock, _path: str, _report: EncodeReport) -> Json:
    return {"type": "redacted_thinking", "data": block.redacted_thinking.data}


def _tool_use(block: message_pb2.ContentBlock, _path: str, report: EncodeReport) -> Json:
    tool_use = block.tool_use
    result: Json = {
        "type": _TOOL_USE_TYPES.get(tool_use.runner, "tool_use"),
        "id": tool_use.id if tool_use.runner in _TOOL_USE_TYPES else call_ids.ANTHROPIC.upstream(tool_use.id),
        "name": _name(tool_use, report),
        # A tool that took free text elsewhere: here, arguments are always an object.
        "input": {"input": tool_use.input_text}
        if tool_use.HasField("input_text")
        else raw(tool_use.input_json or "{}"),
    }
    if tool_use.mcp_server_name:
        result["server_name"] = tool_use.mcp_server_name
    if tool_use.toolset_name:
        result["toolset_name"] = tool_use.toolset_name
    if tool_use.HasField("caller"):
        result["caller"] = _present(type=tool_use.caller.type, tool_id=tool_use.caller.tool_use_id)
    return result


def _name(tool_use: message_pb2.ToolUseBlock, report: EncodeReport) -> str:
    """Names that the provider has given are its own to judge."""
    if tool_use.toolset_name or tool_use.runner in _TOOL_USE_TYPES:
        return tool_use.name
    return report.tool_names.upstream(tool_use.name)


def _tool_result(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json:
    tool_result = block.tool_result
    result: Json = {"type": "tool_result", "tool_use_id": call_ids.ANTHROPIC.upstream(tool_result.tool_use_id)}
    if tool_result.content:
        result["content"] = encode_blocks(tool_result.content, f"{path}.tool_result.content", report)
    if tool_result.HasField("is_error"):
        result["is_error"] = tool_result.is_error
    if tool_result.toolset_name:
        result["toolset_name"] = tool_result.toolset_name
    return result


def _server_tool_result(block: message_pb2.ContentBlock, _path: str, _report: EncodeReport) -> Json:
    tool_result = block.server_tool_result
    result: Json = {"type": tool_result.type, "tool_use_id": tool_result.tool_use_id}
    if tool_result.content_json:
        result["content"] = raw(tool_result.content_json)
    if tool_result.HasField("is_error"):
        result["is_error"] = tool_result.is_error
    return result


def _search_result(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json:
    found = block.search_result
    result: Json = {
        "type": "search_result",
        "source": found.source,
        "title": found.title,
        "content": encode_blocks(found.content, f"{path}.search_result.content", report),
    }
    if found.HasField("citations_enabled"):
        result["citations"] = {"enabled": found.citations_enabled}
    return result


def _opaque(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> msgspec.Raw | None:
    return _own(block.opaque, f"{path}.opaque", "block", report)


def _own(opaque: message_pb2.Opaque, path: str, what: str, report: EncodeReport) -> msgspec.Raw | None:
    if opaque.provider_type != "anthropic":
        report.not_portable(path, f"a {what} of {opaque.provider_type!r} means nothing to Anthropic")
        return None
    return raw(opaque.raw_json)


_Encoder = Callable[[message_pb2.ContentBlock, str, EncodeReport], Json | msgspec.Raw | None]
_ENCODERS: Mapping[str, _Encoder] = {
    "text": _text,
    "refusal": _refusal,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_result": _server_tool_result,
    "search_result": _search_result,
    "opaque": _opaque,
}


def _citation(citation: message_pb2.Citation, path: str, report: EncodeReport) -> Json | msgspec.Raw | None:
    location = citation.WhichOneof("location")
    if location == "opaque":
        return _own(citation.opaque, f"{path}.opaque", "citation", report)
    result: Json = {"type": _CITATION_TYPES.get(location or "", location)}
    if location is not None:
        message = getattr(citation, location)
        for field in message.DESCRIPTOR.fields:
            if not field.has_presence or message.HasField(field.name):
                result[field.name] = getattr(message, field.name)
            elif field.name in _NULLABLE:
                result[field.name] = None
    result["cited_text"] = citation.cited_text
    merge_fields(result, citation.provider_fields_json, path)
    return result


_CITATION_TYPES = {"web_location": "web_search_result_location"}

# Members that Anthropic requires, with null for "none".
_NULLABLE = frozenset({"document_title", "title"})


def _present(**members: str) -> Json:
    return {name: value for name, value in members.items() if value}
