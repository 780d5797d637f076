"""The checks that OpenAI makes of a request for a response before a model sees it, in its words."""

from typing import Any

from trunkline_service.simulator.openai.chat_checks import check_number, check_schema, check_tools
from trunkline_service.simulator.openai.form import check_length, check_mark, invalid, missing, unsupported
from trunkline_service.simulator.sse import Json

_COUNTED_MEMBERS = """
    model input instructions tools tool_choice reasoning text previous_response_id conversation parallel_tool_calls
    truncation personality
"""
_CREATED_MEMBERS = """
    stream stream_options temperature top_p max_output_tokens max_tool_calls store include metadata user
    safety_identifier prompt_cache_key prompt_cache_options prompt_cache_retention service_tier background prompt
    top_logprobs context_management moderation
"""
_COUNTED = frozenset(_COUNTED_MEMBERS.split())
_CREATED = _COUNTED | frozenset(_CREATED_MEMBERS.split())
_ROLES = ("user", "assistant", "system", "developer")
_PARTS = {
    "user": ("input_text", "input_image", "input_file", "input_audio"),
    "assistant": ("output_text", "refusal"),
    "system": ("input_text", "input_image"),
    "developer": ("input_text", "input_image"),
}
# Item: the members it cannot do without.
_LONGEST_ID = 64
_ITEMS: dict[str, tuple[str, ...]] = {
    "message": ("role", "content"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id", "output"),
    "reasoning": ("id", "summary"),
    "item_reference": ("id",),
    "web_search_call": ("id", "status"),
    "file_search_call": ("id", "status"),
    "computer_call": ("id", "call_id"),
    "code_interpreter_call": ("id",),
    "image_generation_call": ("id",),
    "mcp_call": ("id", "name"),
    "mcp_list_tools": ("id",),
    "compaction": ("encrypted_content",),
}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def check(body: Any) -> Json:
    """Check the body of `POST /responses`."""
    return _check(body, _CREATED)


def check_count(body: Any) -> Json:
    """Check the body of `POST /responses/input_tokens`."""
    return _check(body, _COUNTED)


def _check(body: Any, known: frozenset[str]) -> Json:
    if not isinstance(body, dict):
        invalid("We could not parse the JSON body of your request: expected an object.")
    for name in body:
        if name not in known:
            invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in ("model", "input"):
        if name not in body:
            missing(name)
    _check_input(body["input"])
    for name, least, most in (("temperature", 0, 2), ("top_p", 0, 1), ("top_logprobs", 0, 20)):
        check_number(body, name, least, most)
    check_number(body, "max_output_tokens", 16, 10**9)
    effort = (body.get("reasoning") or {}).get("effort")
    if effort is not None and effort not in _EFFORTS:
        unsupported(effort, _EFFORTS, "reasoning.effort")
    check_tools(body, "")
    output = (body.get("text") or {}).get("format") or {}
    if output.get("type") == "json_schema":
        check_schema(output, "text.format")
    earlier = body.get("previous_response_id")
    if earlier is not None and not str(earlier).startswith("resp_"):
        found = f"Previous response with id '{earlier}' not found."
        invalid(found, "previous_response_id", "previous_response_not_found")
    return body


def _check_input(given: Any) -> None:
    if isinstance(given, str):
        return
    if not isinstance(given, list):
        invalid("Invalid type for 'input': expected a string or an array of items.", "input", "invalid_type")
    for place, item in enumerate(given):
        _check_item(item, f"input[{place}]")
    _check_reasoning(given)
    _check_pairs(given)


def _check_item(item: Any, path: str) -> None:
    if not isinstance(item, dict):
        invalid(f"Invalid type for '{path}': expected an object.", path, "invalid_type")
    kind = item.get("type", "message")
    if kind not in _ITEMS:
        unsupported(kind, tuple(_ITEMS), f"{path}.type")
    for name in _ITEMS[kind]:
        if item.get(name) is None:
            missing(f"{path}.{name}")
    check_length(str(item.get("call_id") or ""), _LONGEST_ID, f"{path}.call_id")
    if kind == "message":
        _check_message(item, path)
    elif kind.endswith("_output") and not isinstance(item["output"], str):
        _check_parts(item["output"], _PARTS["user"], f"{path}.output")


def _check_message(item: Json, path: str) -> None:
    if item["role"] not in _ROLES:
        unsupported(item["role"], _ROLES, f"{path}.role")
    if not isinstance(item["content"], str):
        _check_parts(item["content"], _PARTS[item["role"]], f"{path}.content")


def _check_parts(parts: Any, kinds: tuple[str, ...], path: str) -> None:
    if not isinstance(parts, list):
        invalid(f"Invalid type for '{path}': expected a string or an array of parts.", path, "invalid_type")
    for place, part in enumerate(parts):
        where = f"{path}[{place}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in kinds:
            unsupported(kind, kinds, f"{where}.type")
        check_mark(part, where)
        if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
            missing(f"{where}.text")
        if kind == "input_image" and not (part.get("image_url") or part.get("file_id")):
            missing(f"{where}.image_url")
        if kind == "input_file" and not any(part.get(name) for name in ("file_id", "file_data", "file_url")):
            missing(f"{where}.file_id")
        if kind == "input_file" and part.get("file_data") and not part.get("filename"):
            missing(f"{where}.filename")


def _check_reasoning(given: list[Json]) -> None:
    for item, after in zip(given, [*given[1:], {}], strict=True):
        follows = after.get("type", "message" if "role" in after else None)
        if item.get("type") == "reasoning" and follows in (None, "function_call_output"):
            what = f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
            invalid(what, "input")


def _check_pairs(given: list[Json]) -> None:
    calls = {item["call_id"] for item in given if item.get("type") in ("function_call", "custom_tool_call")}
    outputs = {item["call_id"] for item in given if str(item.get("type")).endswith("_call_output")}
    for name in sorted(outputs - calls):
        invalid(f"No tool call found for function call output with call_id {name}.", "input")
    for name in sorted(calls - outputs):
        invalid(f"No tool output found for function call {name}.", "input")
