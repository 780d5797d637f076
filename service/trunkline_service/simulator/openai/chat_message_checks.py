"""The checks of `messages`: roles, content parts, and tool messages that belong to tool calls."""

from typing import Any

from trunkline_service.simulator.openai.form import check_length, check_mark, invalid, missing, unsupported
from trunkline_service.simulator.sse import Json

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "system": ("text",),
    "developer": ("text",),
    "tool": ("text",),
    "function": ("text",),
}
_MEMBERS = {
    "assistant": ("refusal", "tool_calls", "audio", "function_call"),
    "tool": ("tool_call_id",),
}
# Where compatible servers tell what their models think.
_THOUGHTS = ("reasoning_content", "reasoning")
_CUSTOM = ("function", "custom")
_LONGEST_ID = 40


def check_messages(messages: Any, *, strict: bool) -> None:
    """Check the messages one by one, and then that every tool call has its answer; `strict` refuses thoughts."""
    if not isinstance(messages, list):
        invalid("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
    if not messages:
        got = "Expected an array with minimum length 1, but got an empty array instead."
        invalid(f"Invalid 'messages': empty array. {got}", "messages", "empty_array")
    for place, message in enumerate(messages):
        _check_message(message, f"messages[{place}]", strict=strict)
    _check_pairs(messages)


def _check_message(message: Any, path: str, *, strict: bool) -> None:
    if not isinstance(message, dict):
        invalid(f"Invalid type for '{path}': expected an object.", path, "invalid_type")
    role = message.get("role")
    if role is None:
        missing(f"{path}.role")
    if role not in _ROLES:
        unsupported(role, _ROLES, f"{path}.role")
    for name in message:
        if role == "assistant" and name in _THOUGHTS and not strict:
            continue
        if name not in ("role", "content", "name", *_MEMBERS.get(role, ())):
            invalid(f"Unknown parameter: '{path}.{name}'.", f"{path}.{name}", "unknown_parameter")
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        missing(f"{path}.tool_call_id")
    calls = message.get("tool_calls")
    if message.get("content") is None:
        if role != "assistant" or not (calls or message.get("refusal") or message.get("audio")):
            expected = "expected a string, got null"
            invalid(f"Invalid value for 'content': {expected}.", f"{path}.content", "invalid_type")
    else:
        _check_content(message["content"], role, f"{path}.content")
    if calls is not None:
        _check_calls(calls, f"{path}.tool_calls", strict=strict)


def _check_content(content: Any, role: str, path: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        invalid(f"Invalid type for '{path}': expected a string or an array of parts.", path, "invalid_type")
    for place, part in enumerate(content):
        where = f"{path}[{place}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind is None:
            missing(f"{where}.type")
        if kind not in _PARTS[role]:
            supported = _PARTS[role]
            unsupported(kind, supported if len(supported) > 1 else ("text", "text"), f"{where}.type")
        check_mark(part, where)
        _check_part(part, kind, where)


def _check_part(part: Json, kind: str, path: str) -> None:
    held = part.get(kind)
    if held is None:
        missing(f"{path}.{kind}")
    if kind in ("text", "refusal"):
        return
    if kind == "image_url":
        url = held.get("url") if isinstance(held, dict) else None
        if not isinstance(url, str) or not url.startswith(("https://", "http://", "data:image/")):
            invalid(f"Invalid '{path}.image_url.url': expected a URL or a data URL.", f"{path}.image_url.url")
        if held.get("detail") not in (None, "auto", "low", "high", "original"):
            unsupported(held["detail"], ("auto", "low", "high", "original"), f"{path}.image_url.detail")
    elif kind == "input_audio":
        if held.get("format") not in ("wav", "mp3"):
            unsupported(held.get("format"), ("wav", "mp3"), f"{path}.input_audio.format")
    elif not ("file_id" in held or {"file_data", "filename"} <= held.keys()):
        missing(f"{path}.file.file_id")


def _check_calls(calls: Any, path: str, *, strict: bool) -> None:
    if not isinstance(calls, list) or not calls:
        invalid(f"Invalid '{path}': empty array.", path, "empty_array")
    for place, call in enumerate(calls):
        where = f"{path}[{place}]"
        for name in ("id", "type"):
            if not isinstance(call.get(name), str):
                missing(f"{where}.{name}")
        if strict:
            check_length(call["id"], _LONGEST_ID, f"{where}.id")
        if call["type"] not in _CUSTOM:
            unsupported(call["type"], _CUSTOM, f"{where}.type")
        member = "input" if call["type"] == "custom" else "arguments"
        held = call.get(call["type"])
        for name in ("name", member):
            if not isinstance(held, dict) or not isinstance(held.get(name), str):
                missing(f"{where}.{call['type']}.{name}")


def _check_pairs(messages: list[Json]) -> None:
    waiting: list[str] = []
    for place, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                wanted = "must be a response to a preceeding message with 'tool_calls'."
                invalid(f"Invalid parameter: messages with role 'tool' {wanted}", f"messages[{place}].role")
            waiting.remove(message["tool_call_id"])
            continue
        _check_answered(waiting)
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
    _check_answered(waiting)


def _check_answered(waiting: list[str]) -> None:
    if waiting:
        wanted = "must be followed by tool messages responding to each 'tool_call_id'."
        missing_ids = f"The following tool_call_ids did not have response messages: {', '.join(waiting)}"
        invalid(f"An assistant message with 'tool_calls' {wanted} {missing_ids}", "messages")
