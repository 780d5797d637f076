"""Content blocks of a request: the contract's messages to Gemini's parts.

JSON text goes in as it is (`msgspec.Raw`). What Gemini has no place for is reported, never left out in silence; so is
what only another provider can read.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping, Sequence

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers.gemini import tool_results
from trunkline_service.providers.gemini.media_in import Conversation, encode_media, inline_data
from trunkline_service.providers.gemini.members import Json, Part, merge_fields, raw
from trunkline_service.providers.gemini.parts_out import PROVIDER_TYPE, is_made_up
from trunkline_service.providers.portable import portable

# Google's own word for the signature of a call that none of its models made. Without any, newer ones refuse it.
ANY_SIGNATURE = "skip_thought_signature_validator"


def encode_parts(blocks: Sequence[message_pb2.ContentBlock], path: str, conversation: Conversation) -> list[Part]:
    """The blocks as parts, in order; those that cannot be sent are reported and left out."""
    result = []
    for number, block in tool_results.in_order_of_calls(blocks, conversation):
        place = f"{path}[{number}]"
        own = portable(block, place, conversation.way, conversation.report)
        if own is not None and (part := encode_part(own, place, conversation)) is not None:
            result.append(part)
    return result


def encode_part(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    """A block as a part; None if it cannot be sent."""
    report = conversation.report
    if block.HasField("cache_control"):
        # A hint, which changes no answer.
        report.dropped(f"{path}.cache_control", "Gemini caches by itself, without marks")
    if block.opaque_deltas:
        # They are no part of the block, as message.proto says; the answer they came with is sent back without them.
        report.dropped(f"{path}.opaque_deltas", "deltas that nobody could fold into the block")
    kind = block.WhichOneof("kind") or ""
    encode = _ENCODERS.get(kind)
    if encode is None:
        report.unsupported(f"{path}.{kind}", f"Gemini takes no {kind} blocks", capability=kind)
        return None
    part = encode(block, path, conversation)
    return None if part is None else _add_extras(part, block, path)


def _add_extras(part: Part, block: message_pb2.ContentBlock, path: str) -> Part:
    """Adds the signature, and members that the contract has no fields for."""
    if not block.provider_state and not block.provider_fields_json:
        return part
    members: Json = dict(json_text.parse_object(part)) if isinstance(part, msgspec.Raw) else part
    if block.provider_state:
        members["thoughtSignature"] = binascii.b2a_base64(block.provider_state, newline=False).decode("ascii")
    merge_fields(members, block.provider_fields_json, f"{path}.provider_fields_json")
    return members


def _text(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part:
    if block.text.citations:
        conversation.report.dropped(f"{path}.text.citations", "Gemini takes no citations back")
    return {"text": block.text.text}


def _refusal(block: message_pb2.ContentBlock, _path: str, _conversation: Conversation) -> Part:
    # Gemini has no refusals, but they are the model's words.
    return {"text": block.refusal.text}


def _image(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    part = encode_media(block.image.media, f"{path}.image.media", conversation)
    if part is not None and block.image.detail.startswith("MEDIA_RESOLUTION_"):
        part["mediaResolution"] = {"level": block.image.detail}
    elif block.image.detail:
        description = f"{block.image.detail!r} is none of Gemini's words, which begin with MEDIA_RESOLUTION_"
        conversation.report.unsupported(f"{path}.image.detail", description, capability="image_detail")
    return part


def _audio(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    return encode_media(block.audio.media, f"{path}.audio.media", conversation)


def _document(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    document = block.document
    for name in ("title", "context"):
        if getattr(document, name):
            conversation.report.unsupported(
                f"{path}.document.{name}", f"Gemini's documents have no {name}", capability=f"document_{name}"
            )
    if document.citations_enabled:
        conversation.report.unsupported(
            f"{path}.document.citations_enabled", "Gemini cites no documents of the caller's", capability="citations"
        )
    match document.WhichOneof("source"):
        case "text":
            return inline_data("text/plain", document.text.encode())
        case "content":
            conversation.report.unsupported(
                f"{path}.document.content", "Gemini has no documents made of blocks", capability="document_content"
            )
            return None
    return encode_media(document.media, f"{path}.document.media", conversation)


def _thinking(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    if block.thinking.HasField("signature"):
        conversation.report.not_portable(f"{path}.thinking", "reasoning of another provider's model")
        return None
    return {"text": block.thinking.text, "thought": True}


def _redacted_thinking(_block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> None:
    conversation.report.not_portable(f"{path}.redacted_thinking", "encrypted reasoning of another provider's model")


def _tool_use(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    tool_use = block.tool_use
    if tool_use.runner in (message_pb2.TOOL_RUNNER_SERVER, message_pb2.TOOL_RUNNER_MCP):
        conversation.report.not_portable(f"{path}.tool_use", "a call of a tool that another provider ran")
        return None
    for name in ("caller", "toolset_name"):
        if getattr(tool_use, name) and (name != "caller" or tool_use.HasField("caller")):
            conversation.report.not_portable(f"{path}.tool_use.{name}", f"Gemini's calls have no {name}")
    # An id that comes again is that of the later call, in its place.
    conversation.calls.pop(tool_use.id, None)
    conversation.calls[tool_use.id] = tool_use.name
    call: Json = {"id": tool_use.id}
    if not conversation.way.state or is_made_up(tool_use.id):
        conversation.withheld.add(tool_use.id)
        call = {}
    call["name"] = conversation.names.upstream(tool_use.name)
    # A tool that took free text elsewhere: here, arguments are always an object.
    has_text = tool_use.HasField("input_text")
    call["args"] = {"input": tool_use.input_text} if has_text else raw(tool_use.input_json or "{}")
    if conversation.unsigned:
        # Of calls made at once, the first alone is signed.
        conversation.unsigned = False
        return {"functionCall": call, "thoughtSignature": ANY_SIGNATURE}
    return {"functionCall": call}


def _tool_result(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    return tool_results.encode_tool_result(block.tool_result, f"{path}.tool_result", conversation)


def _server_tool_result(_block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> None:
    conversation.report.not_portable(f"{path}.server_tool_result", "what a tool said that another provider ran")


def _opaque(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Part | None:
    opaque = block.opaque
    if opaque.provider_type == PROVIDER_TYPE:
        return raw(opaque.raw_json)
    if conversation.role == message_pb2.ROLE_ASSISTANT:
        conversation.report.not_portable(f"{path}.opaque", f"a block of {opaque.provider_type!r}")
    else:
        description = f"a block of {opaque.provider_type!r} means nothing to Gemini"
        conversation.report.unsupported(f"{path}.opaque", description, capability="foreign_blocks")
    return None


_ENCODERS: Mapping[str, Callable[[message_pb2.ContentBlock, str, Conversation], Part | None]] = {
    "text": _text,
    "refusal": _refusal,
    "image": _image,
    "audio": _audio,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_result": _server_tool_result,
    "opaque": _opaque,
}
