"""Tools and which of them to call."""

from __future__ import annotations

import re

import msgspec

from trunkline.v1 import chat_input_pb2
from trunkline_service.providers.gemini.members import Json, merge_fields, raw
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames

_MODES = {
    chat_input_pb2.TOOL_CHOICE_MODE_AUTO: "AUTO",
    chat_input_pb2.TOOL_CHOICE_MODE_ANY: "ANY",
    chat_input_pb2.TOOL_CHOICE_MODE_NONE: "NONE",
}
_FORBIDDEN = re.compile(r"^[^A-Za-z_]|[^A-Za-z0-9_.:-]")
_LONGEST = 64


def tool_names() -> ToolNames:
    """Gemini's rule: a letter or "_" first, then letters, digits and "_.:-", 64 characters at most."""
    return ToolNames(_FORBIDDEN, _LONGEST)


def encode_tools(chat_input: chat_input_pb2.ChatInput, names: ToolNames, report: EncodeReport) -> list[object]:
    """The members of `tools`: functions that follow each other in one, every tool of Gemini's own in one of its own."""
    result: list[object] = []
    functions: list[Json] | None = None
    for number, tool in enumerate(chat_input.tools):
        path = f"input.tools[{number}]"
        if tool.HasField("cache_control"):
            report.dropped(f"{path}.cache_control", "Gemini caches by itself, without marks")
        if tool.WhichOneof("kind") == "provider_defined":
            functions = None
            if (own := _own(tool.provider_defined, f"{path}.provider_defined", report)) is not None:
                result.append(own)
            continue
        if functions is None:
            functions = []
            result.append({"functionDeclarations": functions})
        functions.append(_function(tool.function, f"{path}.function", names, report))
    return result


def encode_choice(choice: chat_input_pb2.ToolChoice, names: ToolNames, report: EncodeReport) -> Json:
    """The `functionCallingConfig`; empty if the model decides by default."""
    if choice.HasField("parallel") and not choice.parallel:
        report.unsupported(
            "input.tool_choice.parallel",
            "Gemini cannot be kept from calling several tools at once",
            capability="parallel",
        )
    match choice.WhichOneof("choice"):
        case "tool_name":
            return {"mode": "ANY", "allowedFunctionNames": [names.upstream(choice.tool_name)]}
        case "mode":
            return {"mode": _MODES.get(choice.mode, "AUTO")}
    return {}


def _own(tool: chat_input_pb2.ProviderTool, path: str, report: EncodeReport) -> msgspec.Raw | None:
    if tool.provider_type != "gemini":
        description = f"a tool of {tool.provider_type!r} means nothing to Gemini"
        report.unsupported(path, description, capability="provider_tools")
        return None
    return raw(tool.raw_json)


def _function(tool: chat_input_pb2.FunctionTool, path: str, names: ToolNames, report: EncodeReport) -> Json:
    result: Json = {"name": names.upstream(tool.name)}
    if tool.HasField("description"):
        result["description"] = tool.description
    if tool.input_schema_json:
        result["parametersJsonSchema"] = raw(tool.input_schema_json)
    for name in ("strict", "defer_loading", "eager_input_streaming"):
        # Without them, Gemini does what `false` asks for.
        if getattr(tool, name):
            report.unsupported(f"{path}.{name}", f"Gemini's functions have no {name}", capability=name)
    for name in ("input_examples_json", "allowed_callers"):
        if getattr(tool, name):
            report.unsupported(f"{path}.{name}", f"Gemini's functions have no {name}", capability=name)
    merge_fields(result, tool.provider_fields_json, f"{path}.provider_fields_json")
    return result
