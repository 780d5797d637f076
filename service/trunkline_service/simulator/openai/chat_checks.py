"""The checks that OpenAI makes of a request for a chat completion before a model sees it, in its words."""

import re
from collections.abc import Mapping
from typing import Any

from trunkline_service.simulator.openai.chat_message_checks import check_messages
from trunkline_service.simulator.openai.form import check_length, invalid, missing, unsupported
from trunkline_service.simulator.sse import Json

_MEMBERS = """
    model messages stream stream_options tools tool_choice parallel_tool_calls temperature top_p n stop seed
    frequency_penalty presence_penalty logit_bias logprobs top_logprobs max_tokens max_completion_tokens
    response_format verbosity modalities audio prediction reasoning_effort prompt_cache_key
    prompt_cache_options prompt_cache_retention service_tier store metadata safety_identifier user
    moderation web_search_options functions function_call
"""
_KNOWN = frozenset(_MEMBERS.split())
_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2), "presence_penalty": (-2, 2)}
_WORDS: Mapping[str, tuple[str, ...]] = {
    "reasoning_effort": ("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "verbosity": ("low", "medium", "high"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast"),
}
_LONGEST_NAME = 64
_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def check(body: Any, *, strict: bool, needs_model: bool = True) -> Json:
    """Check a body; `strict` refuses members that OpenAI does not know, which others let pass."""
    if not isinstance(body, dict):
        invalid("We could not parse the JSON body of your request: expected an object.")
    for name in body:
        if strict and name not in _KNOWN:
            invalid(f"Unrecognized request argument supplied: {name}", name)
    if needs_model and not isinstance(body.get("model"), str):
        invalid("you must provide a model parameter", "model")
    if "messages" not in body:
        missing("messages")
    check_messages(body["messages"], strict=strict)
    _check_numbers(body)
    for name, words in _WORDS.items():
        if body.get(name) is not None and body[name] not in words:
            unsupported(body[name], words, name)
    if body.get("stream_options") is not None and not body.get("stream"):
        invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    check_tools(body, "function")
    _check_format(body.get("response_format"))
    return body


def _check_numbers(body: Json) -> None:
    for name, (least, most) in _RANGES.items():
        check_number(body, name, least, most)
    for name in ("max_tokens", "max_completion_tokens", "n"):
        value = body.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            invalid(f"Invalid '{name}': integer below minimum value. Expected a value >= 1.", name)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        invalid("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        invalid("Invalid 'stop': array too long. Expected an array with maximum length 4.", "stop")
    if body.get("top_logprobs") is not None:
        check_number(body, "top_logprobs", 0, 20)
        if not body.get("logprobs"):
            invalid("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs")


def check_number(body: Json, name: str, least: float, most: float) -> None:
    """Check that a member, if there, is a number in a range."""
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        invalid(f"Invalid type for '{name}': expected a number.", name, "invalid_type")
    if not least <= value <= most:
        invalid(f"Invalid '{name}': expected a value between {least} and {most}, but got {value} instead.", name)


def check_tools(body: Json, nested: str) -> None:
    """Check tools, tool choice and parallel calls; `nested` is the member that holds a function, or "" for none."""
    tools = body.get("tools")
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not tools:
            invalid(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", name)
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        invalid("Invalid 'tools': expected an array with minimum length 1.", "tools", "empty_array")
    names = [_tool_name(tool, f"tools[{place}]", nested) for place, tool in enumerate(tools)]
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            unsupported(choice, ("none", "auto", "required"), "tool_choice")
    elif isinstance(choice, dict):
        held = (choice.get("function") or choice.get("custom") or {}) if nested else choice
        if "name" in held and held["name"] not in names:
            invalid(f"Invalid value: '{held['name']}' is not one of the tools.", "tool_choice", "invalid_value")


def _tool_name(tool: Any, path: str, nested: str) -> str | None:
    if not isinstance(tool, dict) or "type" not in tool:
        missing(f"{path}.type")
    if tool["type"] not in ("function", "custom"):
        if nested:
            unsupported(tool["type"], ("function", "custom"), f"{path}.type")
        return None
    held, path = (tool.get(tool["type"]), f"{path}.{tool['type']}") if nested else (tool, path)
    if not isinstance(held, dict):
        missing(path)
    name = held.get("name")
    if not isinstance(name, str):
        missing(f"{path}.name")
    _check_name(name, f"{path}.name")
    _check_strict(held, path, "parameters")
    return name


def _check_name(name: str, path: str) -> None:
    check_length(name, _LONGEST_NAME, path)
    if not _NAME.fullmatch(name):
        invalid(f"Invalid '{path}': string does not match pattern '^[a-zA-Z0-9_-]+$'.", path, "invalid_value")


def _check_strict(held: Json, path: str, member: str) -> None:
    schema = held.get(member)
    if schema is not None and not isinstance(schema, dict):
        invalid(f"Invalid type for '{path}.{member}': expected an object.", f"{path}.{member}", "invalid_type")
    if held.get("strict") and (schema or {}).get("additionalProperties") is not False:
        wanted = "'additionalProperties' is required to be supplied and to be false."
        invalid(f"Invalid schema for '{held.get('name')}': In context=(), {wanted}", f"{path}.{member}")


def _check_format(output: Any) -> None:
    if output is None:
        return
    if not isinstance(output, dict) or output.get("type") not in ("text", "json_object", "json_schema"):
        invalid("Invalid 'response_format.type'.", "response_format.type", "invalid_value")
    if output["type"] == "json_schema":
        held = output.get("json_schema")
        if not isinstance(held, dict):
            missing("response_format.json_schema")
        check_schema(held, "response_format.json_schema")


def check_schema(held: Json, path: str) -> None:
    """Check the name and the schema of a wanted output."""
    for name in ("name", "schema"):
        if name not in held:
            missing(f"{path}.{name}")
    _check_name(held["name"], f"{path}.name")
    _check_strict(held, path, "schema")
