"""Content blocks of an answer: Anthropic's JSON to the contract's messages.

Members that the contract has no field for go to `provider_fields_json`; blocks that it does not type become opaque.
Either way they come back as they were when the caller sends the answer back.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields

PROVIDER_TYPE = "anthropic"
# In one list. Decoding many more would hold up every other call.
MAX_CITATIONS = 10_000

TOOL_RUNNERS = {
    "tool_use": message_pb2.TOOL_RUNNER_CLIENT,
    "server_tool_use": message_pb2.TOOL_RUNNER_SERVER,
    "mcp_tool_use": message_pb2.TOOL_RUNNER_MCP,
}


def decode_block(data: msgspec.Raw) -> message_pb2.ContentBlock:
    """A block of an answer.

    Raises:
        JsonTextError: it is not a JSON object.
        ProtocolViolation: it has more citations than any block has.
    """
    fields = Fields(data)
    kind = fields.text("type") or ""
    decode = _DECODERS.get(kind)
    if decode is None and kind.endswith("_tool_result"):
        decode = _server_tool_result
    if decode is None:
        return opaque(kind, data)
    block = decode(fields, kind)
    if block is None:
        return opaque(kind, data)
    _cache_control(fields, block)
    block.provider_fields_json = fields.rest()
    return block


def opaque(kind: str, data: bytes | msgspec.Raw) -> message_pb2.ContentBlock:
    """A block that the contract does not type."""
    return message_pb2.ContentBlock(opaque=untyped(kind, data))


def untyped(kind: str, data: bytes | msgspec.Raw) -> message_pb2.Opaque:
    """Anything that the contract does not type."""
    return message_pb2.Opaque(provider_type=PROVIDER_TYPE, type=kind, raw_json=bytes(data).decode())


def origin(target: Target, model: str) -> message_pb2.Origin:
    """Who wrote an answer."""
    return message_pb2.Origin(provider=target.provider, provider_type=PROVIDER_TYPE, model=model)


def decode_citation(data: msgspec.Raw) -> message_pb2.Citation:
    """A citation of a text block.

    Raises:
        JsonTextError: it is not a JSON object.
    """
    fields = Fields(data)
    kind = fields.text("type") or ""
    citation = message_pb2.Citation(cited_text=fields.text("cited_text") or "")
    location = _LOCATIONS.get(kind)
    if location is None:
        return message_pb2.Citation(opaque=untyped(kind, data))
    name, integers, strings = location
    target = getattr(citation, name)
    target.SetInParent()
    for field in integers:
        if (number := fields.integer(field)) is not None:
            setattr(target, field, number)
    for field in strings:
        if (text_value := fields.text(field)) is not None:
            setattr(target, field, text_value)
    citation.provider_fields_json = fields.rest()
    return citation


def _text(fields: Fields, _kind: str) -> message_pb2.ContentBlock | None:
    citations = fields.items("citations") or ()
    if len(citations) > MAX_CITATIONS:
        msg = f"a block has more than {MAX_CITATIONS} citations"
        raise ProtocolViolation(msg)
    return message_pb2.ContentBlock(
        text=message_pb2.TextBlock(
            text=fields.text("text") or "", citations=[decode_citation(citation) for citation in citations]
        )
    )


def _thinking(fields: Fields, _kind: str) -> message_pb2.ContentBlock | None:
    return message_pb2.ContentBlock(
        thinking=message_pb2.ThinkingBlock(text=fields.text("thinking") or "", signature=fields.text("signature"))
    )


def _redacted_thinking(fields: Fields, _kind: str) -> message_pb2.ContentBlock | None:
    return message_pb2.ContentBlock(redacted_thinking=message_pb2.RedactedThinkingBlock(data=fields.text("data") or ""))


def _tool_use(fields: Fields, kind: str) -> message_pb2.ContentBlock | None:
    tool_input = bytes(fields.raw("input") or b"null").decode()
    if not tool_input.startswith("{") and tool_input not in _NO_INPUT:
        fields.put_back("input", msgspec.Raw(tool_input.encode()))
    block = message_pb2.ToolUseBlock(
        id=fields.text("id") or "",
        name=fields.text("name") or "",
        input_json=tool_input if tool_input.startswith("{") else "",
        runner=TOOL_RUNNERS[kind],
        mcp_server_name=fields.text("server_name") or "",
        toolset_name=fields.text("toolset_name") or "",
    )
    if (caller := fields.object("caller")) is not None:
        members = Fields(caller)
        block.caller.type = members.text("type") or ""
        block.caller.tool_use_id = members.text("tool_id") or ""
        if members.rest():
            block.ClearField("caller")
            fields.put_back("caller", caller)
    return message_pb2.ContentBlock(tool_use=block)


def _server_tool_result(fields: Fields, kind: str) -> message_pb2.ContentBlock | None:
    tool_use_id = fields.text("tool_use_id")
    if tool_use_id is None:
        return None
    content = fields.raw("content")
    return message_pb2.ContentBlock(
        server_tool_result=message_pb2.ServerToolResultBlock(
            tool_use_id=tool_use_id,
            type=kind,
            content_json="" if content is None else bytes(content).decode(),
            is_error=fields.boolean("is_error"),
        )
    )


def _cache_control(fields: Fields, block: message_pb2.ContentBlock) -> None:
    value = fields.object("cache_control")
    if value is None:
        return
    members = Fields(value)
    ttl = members.text("ttl") or ""
    if members.text("type") == "ephemeral" and not members.rest():
        block.cache_control.ttl = ttl
        block.cache_control.SetInParent()
    else:
        fields.put_back("cache_control", value)


# Before its arguments are streamed, a call has `{}`, or with other makers of this API one of these.
_NO_INPUT = ("null", '""')

_Decoder = Callable[[Fields, str], message_pb2.ContentBlock | None]
_DECODERS: dict[str, _Decoder] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    **dict.fromkeys(TOOL_RUNNERS, _tool_use),
}

_DOCUMENT = ("document_title", "file_id")
# Anthropic's name of a location: the contract's field, its integer members, its string members.
_LOCATIONS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "char_location": ("char_location", ("document_index", "start_char_index", "end_char_index"), _DOCUMENT),
    "page_location": ("page_location", ("document_index", "start_page_number", "end_page_number"), _DOCUMENT),
    "content_block_location": (
        "content_block_location",
        ("document_index", "start_block_index", "end_block_index"),
        _DOCUMENT,
    ),
    "search_result_location": (
        "search_result_location",
        ("search_result_index", "start_block_index", "end_block_index"),
        ("source", "title"),
    ),
    "web_search_result_location": ("web_location", (), ("url", "title", "encrypted_index")),
}
