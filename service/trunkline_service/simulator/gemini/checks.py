"""The checks that Gemini makes of a request before a model sees it, in its words."""

import base64
import binascii
import re
from typing import Any

from trunkline_service.simulator.gemini.errors import invalid
from trunkline_service.simulator.gemini.rendering import SIGNATURE
from trunkline_service.simulator.sse import Json

_BODY = """
    contents systemInstruction tools toolConfig safetySettings cachedContent generationConfig serviceTier
"""
_CONFIG = """
    temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty
    responseMimeType responseSchema responseJsonSchema responseLogprobs logprobs thinkingConfig responseModalities
    mediaResolution speechConfig
"""
_DATA = """
    text inlineData fileData functionCall functionResponse executableCode codeExecutionResult toolCall toolResponse
"""
_MEMBERS = frozenset(_BODY.split())
_GENERATION = frozenset(_CONFIG.split())
_KINDS = frozenset(_DATA.split())
_ON_VERTEX = frozenset({"labels", "modelArmorConfig"})
_COUNTED_ON_VERTEX = frozenset({"contents", "systemInstruction", "tools", "generationConfig", "model", "instances"})
_MODIFIERS = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})
_TOOLS = frozenset({"functionDeclarations", "googleSearch", "codeExecution", "urlContext", "googleMaps", "fileSearch"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_MODES = ("AUTO", "ANY", "NONE", "VALIDATED")
_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
# What Gemini takes in the place of a signature where another model made the call.
_ANY_SIGNATURE = "skip_thought_signature_validator"


def check(given: Any, *, vertex: bool) -> Json:
    """Check the body of `:generateContent`."""
    body: Json = _object(given, "")
    _known(body, _MEMBERS | _ON_VERTEX if vertex else _MEMBERS, "")
    if not body.get("contents"):
        invalid("* GenerateContentRequest.contents: contents is not specified", "contents")
    for place, content in enumerate(body["contents"]):
        _check_content(_object(content, f"contents[{place}]"), f"contents[{place}]")
    _check_pairs(body["contents"])
    _check_signatures(body["contents"])
    if "systemInstruction" in body:
        _check_parts(body["systemInstruction"].get("parts"), "system_instruction")
    for place, tool in enumerate(body.get("tools") or ()):
        _check_tool(tool, f"tools[{place}]")
    _check_choice(body)
    _check_generation(body.get("generationConfig") or {})
    return body


def check_count(body: Any, model: str, *, vertex: bool) -> Json:
    """Check the body of `:countTokens`; returns the request to count."""
    body = _object(body, "")
    if vertex:
        _known(body, _COUNTED_ON_VERTEX, "")
        return check({name: value for name, value in body.items() if name in _MEMBERS}, vertex=True)
    _known(body, frozenset({"contents", "generateContentRequest"}), "")
    if "generateContentRequest" not in body:
        return check(body, vertex=False)
    if "contents" in body:
        invalid("Only one of contents and generateContentRequest can be set.")
    asked: Json = dict(_object(body["generateContentRequest"], "generate_content_request"))
    if asked.pop("model", None) != f"models/{model}":
        invalid("* CountTokensRequest.generate_content_request.model: must be the model of the URL")
    return check(asked, vertex=False)


def _object(value: Any, field: str) -> Json:
    if not isinstance(value, dict):
        invalid(f"Invalid value at '{field}': expected an object", field)
    return value


def _known(value: Json, names: frozenset[str], field: str) -> None:
    for name in value:
        if name not in names:
            where = f" at '{field}'" if field else ""
            said = f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
            invalid(said, f"{field}.{name}" if field else name)


def _check_content(content: Json, path: str) -> None:
    _known(content, frozenset({"role", "parts"}), path)
    if content.get("role") not in ("user", "model"):
        invalid("Please use a valid role: user, model.", f"{path}.role")
    _check_parts(content.get("parts"), path)


def _check_parts(parts: Any, path: str) -> None:
    if not isinstance(parts, list) or not parts:
        invalid(f"* GenerateContentRequest.{path}.parts: contents.parts must not be empty.", f"{path}.parts")
    for place, part in enumerate(parts):
        _check_part(_object(part, f"{path}.parts[{place}]"), f"{path}.parts[{place}]")


def _check_part(part: Json, path: str) -> None:
    _known(part, _KINDS | _MODIFIERS, path)
    if len(part.keys() & _KINDS) != 1:
        invalid(
            f"* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field", path
        )
    if part.get("thoughtSignature", SIGNATURE) not in (SIGNATURE, _ANY_SIGNATURE):
        invalid("Thought signature is not valid.", f"{path}.thought_signature")
    if (call := part.get("functionCall")) is not None:
        _known(call, frozenset({"id", "name", "args"}), f"{path}.function_call")
        _check_name(call.get("name"), f"{path}.function_call.name")
        _object(call.get("args", {}), f"{path}.function_call.args")
    if (response := part.get("functionResponse")) is not None:
        _known(response, frozenset({"id", "name", "response", "parts"}), f"{path}.function_response")
        _check_name(response.get("name"), f"{path}.function_response.name")
        _object(response.get("response"), f"{path}.function_response.response")
        for held in response.get("parts", ()):
            _check_blob(held.get("inlineData"), f"{path}.function_response.parts")
    if "inlineData" in part:
        _check_blob(part["inlineData"], f"{path}.inline_data")
    if "fileData" in part and not part["fileData"].get("fileUri"):
        invalid("Unsupported file URI: empty", f"{path}.file_data.file_uri")


def _check_blob(blob: Any, path: str) -> None:
    if blob is None:
        return
    if not blob.get("mimeType"):
        invalid("Unable to submit request because it must have a mimeType parameter.", path)
    try:
        base64.b64decode(blob.get("data", ""), validate=True)
    except binascii.Error:
        invalid(f"Invalid value at '{path}.data' (TYPE_BYTES), Base64 decoding failed", path)


def _check_name(name: Any, path: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        invalid(
            f"* GenerateContentRequest.{path}: Invalid function name. Must start with a letter or an underscore.", path
        )


def _check_pairs(contents: list[Json]) -> None:
    for place, content in enumerate(contents):
        asked = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        before = contents[place - 1]["parts"] if place else []
        calls = [part["functionCall"] for part in before if "functionCall" in part]
        if asked and len(asked) != len(calls):
            invalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts"
                " of the function call turn."
            )
        for call, response in zip(calls, asked, strict=False):
            known = [each.get("id") for each in calls]
            if response.get("id") not in known or (response.get("id") is None and call["name"] != response["name"]):
                invalid(f"The function response {response['name']!r} belongs to no function call.")


def _check_signatures(contents: list[Json]) -> None:
    """Check that each step since the user spoke last has signed its first call, as newer models want it."""
    asked = [
        place
        for place, content in enumerate(contents)
        if content["role"] == "user" and not any("functionResponse" in part for part in content["parts"])
    ]
    for content in contents[asked[-1] if asked else 0 :]:
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and "thoughtSignature" not in calls[0]:
            invalid("Function call is missing a thought_signature in functionCall parts.")


def _check_tool(tool: Any, path: str) -> None:
    _known(_object(tool, path), _TOOLS, path)
    for place, function in enumerate(tool.get("functionDeclarations") or ()):
        where = f"{path}.function_declarations[{place}]"
        names = {
            "name",
            "description",
            "parameters",
            "parametersJsonSchema",
            "response",
            "responseJsonSchema",
            "behavior",
        }
        _known(function, frozenset(names), where)
        _check_name(function.get("name"), f"{where}.name")
        schema = function.get("parametersJsonSchema")
        if schema is not None and schema.get("type") != "object":
            invalid(f"* GenerateContentRequest.{where}.parameters: schema should be of type OBJECT.", where)


def _check_choice(body: Json) -> None:
    choice = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if choice.get("mode", "AUTO") not in _MODES:
        invalid(f"Invalid value at 'tool_config.function_calling_config.mode': {choice['mode']!r}", "tool_config")
    declared = {
        function["name"] for tool in body.get("tools") or () for function in tool.get("functionDeclarations") or ()
    }
    for name in choice.get("allowedFunctionNames") or ():
        if choice.get("mode") not in ("ANY", "VALIDATED") or name not in declared:
            invalid("allowed_function_names has names that are not declared, or no mode ANY.", "tool_config")


def _check_generation(config: Json) -> None:
    _known(config, _GENERATION, "generation_config")
    for name, least, most in (("temperature", 0, 2), ("topP", 0, 1), ("topK", 1, 1000), ("maxOutputTokens", 1, 65_536)):
        value = config.get(name)
        if value is not None and not least <= value <= most:
            invalid(f"{name} must be in the range [{least}, {most}], but is {value}.", f"generation_config.{name}")
    if len(config.get("stopSequences") or ()) > 5:
        invalid("The number of stop sequences must be at most 5.", "generation_config.stop_sequences")
    if "responseJsonSchema" in config and config.get("responseMimeType") != "application/json":
        invalid("responseJsonSchema wants the response mime type application/json.", "generation_config")
    thinking = config.get("thinkingConfig") or {}
    _known(
        thinking, frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"}), "generation_config.thinking_config"
    )
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        invalid("You can only set only one of thinking budget and thinking level.", "generation_config.thinking_config")
    if thinking.get("thinkingLevel", _LEVELS[0]) not in _LEVELS:
        invalid("Invalid thinking level.", "generation_config.thinking_config")
