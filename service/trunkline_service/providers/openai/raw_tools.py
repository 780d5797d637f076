"""Tools in OpenAI's own JSON, whose functions and custom tools the two APIs write differently.

The Responses API has their members beside the type; Chat Completions has them in an object by the type's name. What is
in the right form already stays as it is, byte for byte.
"""

from __future__ import annotations

import msgspec

from trunkline_service import json_text
from trunkline_service.providers.fields import Fields

Tool = dict[str, object] | msgspec.Raw

_KINDS = ("function", "custom")
# Of a grammar, what Chat Completions has in an object of its own.
_GRAMMAR = ("syntax", "definition")


def for_chat(raw_json: str) -> Tool:
    """The tool as Chat Completions writes it."""
    fields = Fields(raw_json.encode())
    kind = fields.text("type")
    if kind not in _KINDS or kind in fields.remaining() or "name" not in fields.remaining():
        return msgspec.Raw(raw_json.encode())
    members: dict[str, object] = dict(fields.remaining())
    if kind == "custom" and (grammar := _grammar(members.get("format"))) is not None:
        inner = {name: grammar.pop(name) for name in _GRAMMAR if name in grammar}
        members["format"] = {**grammar, "grammar": inner} if inner else grammar
    return {"type": kind, kind: members}


def for_responses(raw_json: str) -> Tool:
    """The tool as the Responses API writes it."""
    fields = Fields(raw_json.encode())
    kind = fields.text("type")
    if kind not in _KINDS or (inner := fields.object(kind)) is None:
        return msgspec.Raw(raw_json.encode())
    members: dict[str, object] = {**json_text.parse_object(inner), **fields.remaining()}
    if kind == "custom" and (grammar := _grammar(members.get("format"))) is not None:
        of_chat = grammar.pop("grammar", None)
        members["format"] = {**grammar, **_object(of_chat)}
    return {"type": kind, **members}


def custom_name(raw_json: str) -> str:
    """The name of a tool that takes free text, in either form; empty if it is another tool."""
    fields = Fields(raw_json.encode())
    if fields.text("type") != "custom":
        return ""
    inner = fields.object("custom")
    return (fields if inner is None else Fields(inner)).text("name") or ""


def _grammar(value: object) -> json_text.RawObject | None:
    """The members of a format, if it is a grammar."""
    members = _object(value)
    return members if bytes(members.get("type", b"")) == b'"grammar"' else None


def _object(value: object) -> json_text.RawObject:
    return json_text.parse_object(value) if isinstance(value, msgspec.Raw) and bytes(value).startswith(b"{") else {}
