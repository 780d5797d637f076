"""Tools and which of them to call: the contract's to those of Chat Completions."""

from __future__ import annotations

from trunkline.v1 import chat_input_pb2
from trunkline_service.providers.openai import raw_tools
from trunkline_service.providers.openai.chat.parts import Json, Part, merge_fields, raw
from trunkline_service.providers.openai.platform import PROVIDER_TYPE, Platform
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames

_MODES = {
    chat_input_pb2.TOOL_CHOICE_MODE_AUTO: "auto",
    chat_input_pb2.TOOL_CHOICE_MODE_ANY: "required",
    chat_input_pb2.TOOL_CHOICE_MODE_NONE: "none",
}
_ABSENT = ("input_examples_json", "defer_loading", "eager_input_streaming", "allowed_callers")


def write_tools(
    chat_input: chat_input_pb2.ChatInput, platform: Platform, names: ToolNames, body: Json, report: EncodeReport
) -> None:
    """Adds `tools`, `tool_choice` and `parallel_tool_calls` to the body."""
    if chat_input.tools:
        written = (
            _tool(tool, f"input.tools[{at}]", platform, names, report) for at, tool in enumerate(chat_input.tools)
        )
        body["tools"] = [tool for tool in written if tool is not None]
    if not chat_input.HasField("tool_choice"):
        return
    choice = chat_input.tool_choice
    match choice.WhichOneof("choice"):
        case "tool_name" if choice.tool_name in _custom_names(chat_input):
            body["tool_choice"] = {"type": "custom", "custom": {"name": choice.tool_name}}
        case "tool_name":
            body["tool_choice"] = {"type": "function", "function": {"name": names.upstream(choice.tool_name)}}
        case "mode":
            body["tool_choice"] = _MODES.get(choice.mode, "auto")
    if choice.HasField("parallel"):
        body["parallel_tool_calls"] = choice.parallel


def _tool(
    tool: chat_input_pb2.Tool, path: str, platform: Platform, names: ToolNames, report: EncodeReport
) -> Part | None:
    if tool.HasField("cache_control"):
        report.dropped(f"{path}.cache_control", "Chat Completions has no such marks")
    if tool.WhichOneof("kind") == "provider_defined":
        if tool.provider_defined.provider_type == PROVIDER_TYPE:
            return raw_tools.for_chat(tool.provider_defined.raw_json)
        what = f"a tool of {tool.provider_defined.provider_type!r} means nothing to {platform.name}"
        report.unsupported(f"{path}.provider_defined", what, capability="provider_tools")
        return None
    function = tool.function
    for field, _ in function.ListFields():
        if field.name in _ABSENT:
            what = f"Chat Completions has no {field.name}"
            report.unsupported(f"{path}.function.{field.name}", what, capability=field.name)
    written: Json = {"name": names.upstream(function.name)}
    if function.HasField("description"):
        written["description"] = function.description
    if function.input_schema_json:
        written["parameters"] = raw(function.input_schema_json)
    elif not platform.strict:
        # To OpenAI, no schema means no arguments; not all others know that.
        written["parameters"] = raw('{"type":"object","properties":{}}')
    if function.HasField("strict"):
        written["strict"] = function.strict
    result: Json = {"type": "function", "function": written}
    merge_fields(result, function.provider_fields_json, f"{path}.function")
    return result


def _custom_names(chat_input: chat_input_pb2.ChatInput) -> set[str]:
    """The names of tools that take free text: only the provider's own form of a tool can say that it does."""
    own = (tool.provider_defined for tool in chat_input.tools)
    return {raw_tools.custom_name(each.raw_json) for each in own if each.provider_type == PROVIDER_TYPE}
