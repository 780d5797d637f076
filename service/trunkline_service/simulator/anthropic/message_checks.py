"""The checks of `messages` and `system`: roles, blocks, and tool results that belong to tool uses."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Never

from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.sse import Json

_ROLES = ("user", "assistant", "system")
LATEST_VERSION = "2026-10-21"

# Block type: the roles that may hold it, its required members, its optional ones.
_USER = ("user",)
_ASSISTANT = ("assistant",)
_BOTH = ("user", "assistant")
_RESULT = (_ASSISTANT, ("tool_use_id", "content"), ("cache_control", "caller"))
_CALL = ("cache_control", "caller", "toolset_name")
_BLOCKS: dict[str, tuple[Sequence[str], Sequence[str], Sequence[str]]] = {
    "text": (_ROLES, ("text",), ("cache_control", "citations")),
    "image": (_USER, ("source",), ("cache_control", "transformations")),
    "document": (_BOTH, ("source",), ("cache_control", "title", "context", "citations")),
    "search_result": (_USER, ("source", "title", "content"), ("cache_control", "citations")),
    "thinking": (_ASSISTANT, ("thinking", "signature"), ()),
    "redacted_thinking": (_ASSISTANT, ("data",), ()),
    "tool_use": (_ASSISTANT, ("id", "name", "input"), _CALL),
    "tool_result": (_USER, ("tool_use_id",), ("cache_control", "content", "is_error", "toolset_name")),
    "server_tool_use": (_ASSISTANT, ("id", "name", "input"), _CALL),
    "web_search_tool_result": _RESULT,
    "web_fetch_tool_result": _RESULT,
    "code_execution_tool_result": _RESULT,
    "bash_code_execution_tool_result": _RESULT,
    "text_editor_code_execution_tool_result": _RESULT,
    "tool_search_tool_result": _RESULT,
    "advisor_tool_result": _RESULT,
    "container_upload": (_BOTH, ("file_id",), ("cache_control",)),
    "mcp_tool_use": (_ASSISTANT, ("id", "name", "server_name", "input"), ("cache_control",)),
    "mcp_tool_result": (_ASSISTANT, ("tool_use_id", "content"), ("cache_control", "is_error")),
    "mcp_tool_listing": (_ASSISTANT, ("mcp_server_name", "tools"), ()),
    "compaction": (
        _ASSISTANT,
        (),
        ("cache_control", "content", "encrypted_content", "signature", "tool_changes"),
    ),
    "tool_addition": (("system",), ("tool",), ("cache_control",)),
    "tool_removal": (("system",), ("tool",), ("cache_control",)),
    "fallback": (_ASSISTANT, ("from", "to"), ("trigger",)),
}
_ID = "[a-zA-Z0-9_-]+"
_SOURCES = {
    "image": ("base64", "url", "file"),
    "document": ("base64", "text", "content", "url", "file"),
}


def invalid(message: str) -> Never:
    """Refuse the request as an invalid one."""
    raise RefusedError(400, message)


def listed(values: Iterable[str]) -> str:
    """Write alternatives as upstream does: 'a', 'b' or 'c'."""
    quoted = [f"'{value}'" for value in values]
    return " or ".join((", ".join(quoted[:-1]), quoted[-1])) if len(quoted) > 1 else quoted[0]


def wrong_tag(path: str, tag: object, tags: Iterable[str]) -> str:
    """Write upstream's message about a `type` that is not one of those expected."""
    expected = ", ".join(f"'{known}'" for known in tags)
    return f"{path}: Input tag '{tag}' found using 'type' does not match any of the expected tags: {expected}"


def check_system(system: Any) -> None:
    """Check the top-level `system`: a string or text blocks."""
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        invalid("system: Input should be a valid list")
    for position, block in enumerate(system):
        path = f"system.{position}"
        if not isinstance(block, dict):
            invalid(f"{path}: Input should be a valid dictionary or object to extract fields from")
        if block.get("type") != "text":
            invalid(f"{path}.type: Input should be 'text'")
        _check_members(block, path)
        if not block["text"]:
            invalid("system: text content blocks must be non-empty")


def check_messages(messages: Any, version: str) -> None:
    """Check every message, their order, and that tool uses and tool results belong together."""
    if not isinstance(messages, list):
        invalid("messages: Input should be a valid list")
    if not messages:
        invalid("messages: at least one message is required")
    for position, message in enumerate(messages):
        _check_message(message, position, last=position == len(messages) - 1)
        if version == LATEST_VERSION:
            _check_latest(message, position)
    _check_order(messages)
    _check_tool_pairs(messages)


def _check_message(message: Any, position: int, *, last: bool) -> None:
    path = f"messages.{position}"
    if not isinstance(message, dict):
        invalid(f"{path}: Input does not match the expected shape.")
    for name in ("role", "content"):
        if name not in message:
            invalid(f"{path}.{name}: Field required")
    if message["role"] not in _ROLES:
        invalid(f"{path}.role: Input should be {listed(_ROLES)}")
    for name in message:
        if name not in ("role", "content", "clear_at", "output_config"):
            invalid(f"{path}.{name}: Extra inputs are not permitted")
    content = message["content"]
    if not isinstance(content, str | list):
        invalid(f"{path}.content: Input should be a valid list")
    if not content and not (last and message["role"] == "assistant"):
        invalid(f"{path}: all messages must have non-empty content except for the optional final assistant message")
    if isinstance(content, list):
        for index, block in enumerate(content):
            _check_block(block, f"{path}.content.{index}", message["role"])
    if last and message["role"] == "assistant":
        _check_prefill(content)


def _check_block(block: Any, path: str, role: str) -> None:
    if not isinstance(block, dict):
        invalid(f"{path}: Input should be a valid dictionary or object to extract fields from")
    if "type" not in block:
        invalid(f"{path}.type: Field required")
    kind = block["type"]
    if not isinstance(kind, str) or kind not in _BLOCKS:
        invalid(wrong_tag(path, kind, _BLOCKS))
    roles = _BLOCKS[kind][0]
    if role not in roles:
        invalid(f"{path}: `{kind}` blocks can only be in `{'` or `'.join(roles)}` messages")
    _check_members(block, f"{path}.{kind}")
    if kind == "text" and not block["text"]:
        invalid("messages: text content blocks must be non-empty")
    if kind == "thinking" and not block["signature"]:
        invalid(f"{path}: Invalid `signature` in `thinking` block")
    if kind in _SOURCES:
        _check_source(block["source"], f"{path}.{kind}.source", _SOURCES[kind])
    if kind == "tool_result":
        _check_tool_result(block, path)


def _check_members(block: Json, path: str) -> None:
    _, required, optional = _BLOCKS[block["type"]]
    for name in required:
        if name not in block:
            invalid(f"{path}.{name}: Field required")
    for name in block:
        if name != "type" and name not in required and name not in optional:
            invalid(f"{path}.{name}: Extra inputs are not permitted")
    for name in ("text", "id", "name", "tool_use_id", "thinking", "signature", "data"):
        if name in required and not isinstance(block[name], str):
            invalid(f"{path}.{name}: Input should be a valid string")
    for name in ("id", "tool_use_id"):
        if name in required and not re.fullmatch(_ID, block[name]):
            invalid(f"{path}.{name}: String should match pattern '^{_ID}$'")
    if "input" in required and not isinstance(block["input"], dict):
        invalid(f"{path}.input: Input should be a valid dictionary")
    _check_mark(block.get("cache_control"), f"{path}.cache_control")


def _check_mark(mark: Any, path: str) -> None:
    if mark is None:
        return
    if not isinstance(mark, dict) or mark.get("type") != "ephemeral":
        invalid(f"{path}.type: Input should be 'ephemeral'")
    if mark.get("ttl", "5m") not in ("5m", "1h"):
        invalid(f"{path}.ephemeral.ttl: Input should be '5m' or '1h'")


def _check_source(source: Any, path: str, kinds: Sequence[str]) -> None:
    if not isinstance(source, dict):
        invalid(f"{path}: Input should be a valid dictionary or object to extract fields from")
    if "type" not in source:
        invalid(f"{path}.type: Field required")
    kind = source["type"]
    if kind not in kinds:
        invalid(wrong_tag(path, kind, kinds))
    required = {"base64": ("media_type", "data"), "text": ("media_type", "data"), "url": ("url",)}
    for name in required.get(kind, ("file_id",) if kind == "file" else ("content",)):
        if name not in source:
            invalid(f"{path}.{kind}.{name}: Field required")


def _check_tool_result(block: Json, path: str) -> None:
    content = block.get("content")
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        invalid(f"{path}.tool_result.content: Input should be a valid list")
    for index, part in enumerate(content):
        if not isinstance(part, dict):
            invalid(f"{path}.tool_result.content.{index}: Input should be a valid dictionary")
        if "type" not in part:
            invalid(f"{path}.tool_result.content.{index}.type: Field required")


def _check_prefill(content: Any) -> None:
    blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
    if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        invalid("messages: final assistant content cannot end with trailing whitespace")


def _check_latest(message: Json, position: int) -> None:
    """Check what version 2026-10-21 no longer takes."""
    if not isinstance(message["content"], list):
        return
    for index, block in enumerate(message["content"]):
        path = f"messages.{position}.content.{index}"
        if block["type"] == "document" and message["role"] == "assistant":
            invalid(f"{path}: `document` blocks can only be in `user` messages")
        inner = (block["content"] or ()) if block["type"] == "search_result" else [block]
        if message["role"] == "user" and any(
            part.get("type") == "text" and part.get("citations") for part in inner if isinstance(part, dict)
        ):
            invalid(f"{path}.text.citations: Extra inputs are not permitted")


def _check_order(messages: list[Json]) -> None:
    """Check where system messages stand: after a user's turn, and before an assistant's or last."""
    roles = [message["role"] for message in messages]
    if roles[0] == "system":
        invalid("messages.0: role 'system' must follow a user message; use the top-level `system` parameter")
    for position, role in enumerate(roles):
        if role != "system":
            continue
        before = messages[position - 1]
        served = before["role"] == "assistant" and _ends_in_server_tool(before["content"])
        if before["role"] != "user" and not served:
            invalid(f"messages.{position}: role 'system' must follow a user message")
        if position + 1 < len(roles) and roles[position + 1] != "assistant":
            invalid(f"messages.{position}: role 'system' must be last or followed by an assistant message")


def _ends_in_server_tool(content: Any) -> bool:
    if not isinstance(content, list) or not content:
        return False
    kind = str(content[-1]["type"])
    return kind == "server_tool_use" or (kind.endswith("_tool_result") and kind != "mcp_tool_result")


def _check_tool_pairs(messages: list[Json]) -> None:
    """Check that all results of a turn's tool uses open the next turn, and that there are no others.

    Upstream merges messages of one role that follow each other, so turns are what counts.
    """
    waiting: list[str] = []
    waiting_at = 0
    for start, role, blocks in _turns(messages):
        answered = [block["tool_use_id"] for _, block in blocks if block["type"] == "tool_result"]
        for path, block in blocks:
            if block["type"] == "tool_result" and block["tool_use_id"] not in waiting:
                invalid(
                    f"{path}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message."
                )
        opening = {block["tool_use_id"] for _, block in blocks[: len(answered)] if block["type"] == "tool_result"}
        missing = [tool_id for tool_id in waiting if tool_id not in opening]
        if missing:
            invalid(
                f"messages.{waiting_at}: `tool_use` ids were found without `tool_result` blocks immediately "
                f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding "
                "`tool_result` block in the next message."
            )
        if len(set(answered)) < len(answered):
            invalid(f"messages.{start}: each `tool_use` must have a single result. Found multiple `tool_result` blocks")
        calls = [block["id"] for _, block in blocks if block["type"] == "tool_use"]
        if len(set(calls)) < len(calls):
            invalid(f"messages.{start}: `tool_use` ids must be unique")
        waiting, waiting_at = calls if role == "assistant" else [], start


def _turns(messages: list[Json]) -> Iterable[tuple[int, str, list[tuple[str, Json]]]]:
    """Merge neighbours of one role: the first one's position, the role, and all blocks with their paths."""
    turns: list[tuple[int, str, list[tuple[str, Json]]]] = []
    for position, message in enumerate(messages):
        if message["role"] == "system":
            continue
        content = message["content"] if isinstance(message["content"], list) else [{"type": "text"}]
        blocks = [(f"messages.{position}.content.{index}", block) for index, block in enumerate(content)]
        if turns and turns[-1][1] == message["role"]:
            turns[-1][2].extend(blocks)
        else:
            turns.append((position, message["role"], blocks))
    return turns
