"""Tools as OpenAI writes them, and how Portkey writes those of others."""

from __future__ import annotations

from typing import Any, Final

from trunkline.json_text import json_text
from trunkline.portkey.reading import Place
from trunkline.v1.chat_input_pb2 import ChatInput, FunctionTool, ProviderTool, Tool, ToolChoiceMode
from trunkline.v1.message_pb2 import CacheControl

_MODES: Final = {
    "auto": ToolChoiceMode.TOOL_CHOICE_MODE_AUTO,
    "required": ToolChoiceMode.TOOL_CHOICE_MODE_ANY,
    "any": ToolChoiceMode.TOOL_CHOICE_MODE_ANY,
    "none": ToolChoiceMode.TOOL_CHOICE_MODE_NONE,
}
_TTLS: Final = ("", "5m", "1h")


def write(made: ChatInput, place: Place, api: str) -> bool:
    """Write tools. Those that are no functions are the provider's own, whose API has to be known."""
    items = place.items()
    if not items:
        place.dropped("an empty list takes nothing back here: what the request says holds")
    members = [item.members() for item in items]
    is_function = [_is_function(each) for each in members]
    if not api and not all(is_function):
        return False
    for item, each, function in zip(items, members, is_function, strict=True):
        made.tools.append(_function(each) if function else _provider_tool(item, each, api))
    return True


def _is_function(members: dict[str, Place]) -> bool:
    return "function" in members and members.get("type", members["function"]).value in ("function", None)


def _function(members: dict[str, Place]) -> Tool:
    parts = members["function"].members()
    name = parts.pop("name", None) or members["function"].fail("needs a name")
    function = FunctionTool(name=name.text())
    if (description := parts.pop("description", None)) and description.value is not None:
        function.description = description.value if description.value == "" else description.text()
    if (parameters := parts.pop("parameters", None)) and parameters.value is not None:
        parameters.members()
        function.input_schema_json = json_text(parameters.value)
    if (strict := parts.pop("strict", None)) and strict.value is not None:
        function.strict = strict.boolean()
    tool = Tool(function=function)
    rest: dict[str, Any] = {part: place.value for part, place in parts.items()}
    for part, place in members.items():
        if part == "cache_control" and _cache_control(tool.cache_control, place):
            continue
        if part not in ("type", "function"):
            rest[part] = place.value
    if rest:
        tool.function.provider_fields_json = json_text(rest)
    return tool


def _cache_control(target: CacheControl, place: Place) -> bool:
    """Write a mark; returns whether that is all of it."""
    members = place.members()
    if not members.keys() <= {"type", "ttl"} or members.get("type", place).value != "ephemeral":
        return False
    ttl = members["ttl"].text() if "ttl" in members else ""
    if ttl not in _TTLS:
        return False
    target.SetInParent()
    target.ttl = ttl
    return True


def _provider_tool(item: Place, members: dict[str, Place], api: str) -> Tool:
    """A tool of the provider's own. For Anthropic, Portkey has {"type": NAME, NAME: {"name": TYPE, …}}."""
    definition = dict(item.value)
    kind = members["type"].text() if "type" in members else ""
    if api == "anthropic" and members.keys() == {"type", kind} and isinstance(definition[kind], dict):
        options = dict(definition[kind])
        definition = {"type": options.pop("name", kind), "name": kind} | options
    return Tool(provider_defined=ProviderTool(provider_type=api, raw_json=json_text(definition)))


def write_choice(made: ChatInput, place: Place, _api: str) -> bool:
    """Write which tool is to be called, in OpenAI's words or in Anthropic's."""
    if isinstance(place.value, str):
        mode = place.text()
    else:
        members = place.members()
        mode = members["type"].text() if "type" in members else place.fail("needs a type")
        if mode == "function" and members.keys() == {"type", "function"}:
            inner = members["function"].members()
            if inner.keys() != {"name"}:
                return False
            made.tool_choice.tool_name = inner["name"].text()
            return True
        if mode == "tool" and members.keys() == {"type", "name"}:
            made.tool_choice.tool_name = members["name"].text()
            return True
        if members.keys() != {"type"}:
            return False
    if mode not in _MODES:
        return False
    made.tool_choice.mode = _MODES[mode]
    return True


def write_parallel(made: ChatInput, place: Place, _api: str) -> bool:
    """Write whether several tools may be called at once."""
    made.tool_choice.parallel = place.boolean()
    return True
