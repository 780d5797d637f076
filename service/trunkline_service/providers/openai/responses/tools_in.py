"""Tools of a request, and which of them the model is to call."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.v1 import chat_input_pb2
from trunkline_service import json_text
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai import raw_tools
from trunkline_service.providers.openai.platform import PROVIDER_TYPE
from trunkline_service.providers.openai.responses.parts_in import Json, raw
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames

_NO_ARGUMENTS = '{"type":"object","properties":{}}'
_CHOICES = {
    chat_input_pb2.TOOL_CHOICE_MODE_AUTO: "auto",
    chat_input_pb2.TOOL_CHOICE_MODE_ANY: "required",
    chat_input_pb2.TOOL_CHOICE_MODE_NONE: "none",
}
# What a function of OpenAI's has no member for.
_ABSENT = frozenset({"input_examples_json", "eager_input_streaming", "allowed_callers"})


def encode_tools(
    tools: Iterable[chat_input_pb2.Tool], names: ToolNames, report: EncodeReport
) -> list[Json | msgspec.Raw]:
    """The tools in order; those that cannot be sent are reported and left out."""
    result: list[Json | msgspec.Raw] = []
    for number, tool in enumerate(tools):
        path = f"input.tools[{number}]"
        if tool.HasField("cache_control"):
            report.dropped(f"{path}.cache_control", "OpenAI has no marks of this kind on tools")
        if tool.WhichOneof("kind") == "function":
            result.append(_function(tool.function, f"{path}.function", names, report))
        elif tool.provider_defined.provider_type == PROVIDER_TYPE:
            result.append(raw_tools.for_responses(tool.provider_defined.raw_json))
        else:
            report.unsupported(
                f"{path}.provider_defined",
                f"a tool of {tool.provider_defined.provider_type!r} means nothing to OpenAI",
                capability="provider_tools",
            )
    return result


def encode_choice(chat_input: chat_input_pb2.ChatInput, names: ToolNames) -> Json:
    """The members of a request that say which tools the model is to call."""
    choice = chat_input.tool_choice
    result: Json = {}
    match choice.WhichOneof("choice"):
        case "mode":
            result["tool_choice"] = _CHOICES.get(choice.mode, "auto")
        case "tool_name":
            result["tool_choice"] = _named(choice.tool_name, chat_input.tools) or {
                "type": "function",
                "name": names.upstream(choice.tool_name),
            }
    if choice.HasField("parallel"):
        result["parallel_tool_calls"] = choice.parallel
    return result


def _function(function: chat_input_pb2.FunctionTool, path: str, names: ToolNames, report: EncodeReport) -> Json:
    result: Json = {"type": "function", "name": names.upstream(function.name)}
    if function.HasField("description"):
        result["description"] = function.description
    result["parameters"] = raw(function.input_schema_json or _NO_ARGUMENTS)
    for name in ("strict", "defer_loading"):
        if function.HasField(name):
            result[name] = getattr(function, name)
    for field, _ in function.ListFields():
        if field.name in _ABSENT:
            report.unsupported(
                f"{path}.{field.name}", f"OpenAI's functions have no {field.name}", capability=field.name
            )
    if function.provider_fields_json:
        own = json_text.parse_object(function.provider_fields_json.encode())
        json_text.merge(result, own, f"{path}.provider_fields_json")
    return result


def _named(name: str, tools: Iterable[chat_input_pb2.Tool]) -> Json | None:
    """The choice of a tool that OpenAI defines: a custom tool by its name, any other by its type."""
    for tool in tools:
        if tool.provider_defined.provider_type != PROVIDER_TYPE:
            continue
        fields = Fields(msgspec.json.encode(raw_tools.for_responses(tool.provider_defined.raw_json)))
        kind = fields.text("type") or ""
        if fields.text("name") == name:
            return {"type": kind, "name": name}
        if kind == name:
            return {"type": kind}
        if kind == "mcp" and fields.text("server_label") == name:
            return {"type": kind, "server_label": name}
    return None
