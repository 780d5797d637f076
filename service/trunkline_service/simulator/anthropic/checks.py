"""The checks that upstream makes of a request before a model sees it, in upstream's words."""

import re
from collections.abc import Mapping
from typing import Any

from trunkline_service.simulator.anthropic import message_checks
from trunkline_service.simulator.anthropic.message_checks import LATEST_VERSION, invalid
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.sse import Json

_VERSIONS = ("2023-01-01", "2023-06-01", LATEST_VERSION)

_COUNTED = {
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "speed",
}
_COUNTED_BETA = {"context_management", "compaction", "mcp_servers", "billing_policy"}
_SAMPLING = {"temperature", "top_p", "top_k"}
_CREATED = (
    _COUNTED
    | _SAMPLING
    | {
        "max_tokens",
        "stream",
        "stop_sequences",
        "metadata",
        "service_tier",
        "inference_geo",
        "container",
        "diagnostics",
    }
)
_CREATED_BETA = _COUNTED_BETA | {"fallbacks", "fallback_credit_token", "thread"}

_CHOICES = ("auto", "any", "tool", "none")
_THINKING = ("enabled", "adaptive", "disabled", "between_tools")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MOST_MARKS = 4


def check_headers(headers: Mapping[str, str]) -> str:
    """Check credentials and version; give the version.

    Any credential is good unless it begins with `bad`.
    """
    key = headers.get("x-api-key", "").strip()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    if not key and not token:
        raise RefusedError(401, "x-api-key header is required")
    if key and token and key != token:
        raise RefusedError(401, "Only one of x-api-key and authorization may be given")
    if (key or token).startswith("bad"):
        raise RefusedError(401, "invalid x-api-key" if key else "Invalid bearer token")
    version = headers.get("anthropic-version")
    if not version:
        raise RefusedError(400, "anthropic-version: header is required")
    if version not in _VERSIONS:
        raise RefusedError(400, f'anthropic-version: "{version}" is not a valid version')
    return version


def check_message(body: Any, version: str, *, beta: bool) -> Json:
    """Check the body of `POST /v1/messages`; `beta` says whether any beta was asked for by header."""
    checked = _check_common(body, version, _CREATED | _CREATED_BETA if beta else _CREATED, ("max_tokens",))
    if version == LATEST_VERSION:
        for name in sorted(_SAMPLING & checked.keys()):
            invalid(f"{name}: Extra inputs are not permitted")
    _number(checked, "temperature", 1)
    _number(checked, "top_p", 1)
    _integer(checked, "max_tokens", 0)
    _integer(checked, "top_k", 0)
    if not isinstance(checked.get("stream", False), bool):
        invalid("stream: Input should be a valid boolean")
    _check_stop_sequences(checked.get("stop_sequences"))
    _check_tier(checked)
    budget = (checked.get("thinking") or {}).get("budget_tokens")
    if isinstance(budget, int) and checked["max_tokens"] <= budget:
        invalid("`max_tokens` must be greater than `thinking.budget_tokens`")
    return checked


def check_count(body: Any, version: str, *, beta: bool) -> Json:
    """Check the body of `POST /v1/messages/count_tokens`."""
    return _check_common(body, version, _COUNTED | _COUNTED_BETA if beta else _COUNTED, ())


def _check_common(body: Any, version: str, known: set[str], required: tuple[str, ...]) -> Json:
    if not isinstance(body, dict):
        invalid("Input should be a valid dictionary or object to extract fields from")
    for name in body:
        if name not in known:
            invalid(f"{name}: Extra inputs are not permitted")
    for name in ("model", *required, "messages"):
        if name not in body:
            invalid(f"{name}: Field required")
    if not isinstance(body["model"], str):
        invalid("model: Input should be a valid string")
    if not body["model"]:
        invalid("model: String should have at least 1 character")
    message_checks.check_system(body.get("system"))
    message_checks.check_messages(body["messages"], version)
    _check_tools(body.get("tools"))
    _check_tool_choice(body)
    _check_thinking(body.get("thinking"))
    _check_output_config(body.get("output_config"))
    if _marks(body) > _MOST_MARKS:
        invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {_marks(body)}.")
    return body


def _check_tools(tools: Any) -> None:
    if tools is None:
        return
    if not isinstance(tools, list):
        invalid("tools: Input should be a valid list")
    for position, tool in enumerate(tools):
        if not isinstance(tool, dict):
            invalid(f"tools.{position}: Input should be a valid dictionary or object to extract fields from")
        if tool.get("type") in (None, "custom"):
            _check_custom_tool(tool, f"tools.{position}.custom")
    tool_names = [tool["name"] for tool in tools if "name" in tool]
    if len(set(map(str, tool_names))) < len(tool_names):
        invalid("tools: Tool names must be unique.")


def _check_custom_tool(tool: Json, path: str) -> None:
    for name in ("name", "input_schema"):
        if name not in tool:
            invalid(f"{path}.{name}: Field required")
    if not isinstance(tool["name"], str) or not _TOOL_NAME.fullmatch(tool["name"]):
        invalid(f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    schema = tool["input_schema"]
    if not isinstance(schema, dict):
        invalid(f"{path}.input_schema: Input should be a valid dictionary")
    if "type" not in schema:
        invalid(f"{path}.input_schema.type: Field required")
    if schema["type"] != "object":
        invalid(f"{path}.input_schema.type: Input should be 'object'")
    if not isinstance(schema.get("properties") or {}, dict):
        invalid(f"{path}.input_schema.properties: Input should be a valid dictionary")


def _check_tool_choice(body: Json) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    _tagged(choice, "tool_choice", _CHOICES)
    if not body.get("tools") and choice["type"] != "none":
        invalid("tool_choice: may only be specified while providing tools")
    if choice["type"] == "none" and "disable_parallel_tool_use" in choice:
        invalid("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")
    if choice["type"] == "tool":
        if "name" not in choice:
            invalid("tool_choice.tool.name: Field required")
        if choice["name"] not in [tool.get("name") for tool in body["tools"]]:
            invalid(f"Tool '{choice['name']}' not found in provided tools")


def _check_thinking(thinking: Any) -> None:
    if thinking is None:
        return
    _tagged(thinking, "thinking", _THINKING)
    if thinking["type"] == "enabled":
        if "budget_tokens" not in thinking:
            invalid("thinking.enabled.budget_tokens: Field required")
        if not _is_int(thinking["budget_tokens"]):
            invalid("thinking.enabled.budget_tokens: Input should be a valid integer")
        if thinking["budget_tokens"] < 1024:
            invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")


def _check_output_config(config: Any) -> None:
    if config is None:
        return
    if not isinstance(config, dict):
        invalid("output_config: Input should be a valid dictionary")
    if config.get("effort") not in (None, *_EFFORTS):
        invalid(f"output_config.effort: Input should be {message_checks.listed(_EFFORTS)}")
    if config.get("format") is not None:
        _tagged(config["format"], "output_config.format", ("json_schema",))
        if "schema" not in config["format"]:
            invalid("output_config.format.schema: Field required")


def _check_stop_sequences(sequences: Any) -> None:
    if sequences is None:
        return
    if not isinstance(sequences, list):
        invalid("stop_sequences: Input should be a valid list")
    for position, sequence in enumerate(sequences):
        if not isinstance(sequence, str):
            invalid(f"stop_sequences.{position}: Input should be a valid string")
        if not sequence.strip():
            invalid("stop_sequences: each stop sequence must contain non-whitespace")


def _check_tier(body: Json) -> None:
    if body.get("service_tier") not in (None, "auto", "standard_only"):
        invalid("service_tier: Input should be 'auto' or 'standard_only'")
    if body.get("speed") not in (None, "standard", "fast"):
        invalid("speed: Input should be 'standard' or 'fast'")
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict):
        invalid("metadata: Input should be a valid dictionary or object to extract fields from")
    for name in metadata:
        if name != "user_id":
            invalid(f"metadata.{name}: Extra inputs are not permitted")


def _tagged(value: Any, path: str, tags: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        invalid(f"{path}: Input should be a valid dictionary or object to extract fields from")
    if "type" not in value:
        invalid(f"{path}.type: Field required")
    if value["type"] not in tags:
        invalid(message_checks.wrong_tag(path, value["type"], tags))


def _number(body: Json, name: str, most: int) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        invalid(f"{name}: Input should be a valid number")
    if value > most:
        invalid(f"{name}: Input should be less than or equal to {most}")
    if value < 0:
        invalid(f"{name}: Input should be greater than or equal to 0")


def _integer(body: Json, name: str, least: int) -> None:
    if name not in body:
        return
    if not _is_int(body[name]):
        invalid(f"{name}: Input should be a valid integer")
    if body[name] < least:
        invalid(f"{name}: Input should be greater than or equal to {least}")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _marks(body: Json) -> int:
    """Count the explicit cache breakpoints, those inside tool results too, but not the automatic one."""
    system = body.get("system")
    contents = [message.get("content") for message in body["messages"]]
    blocks = [*(body.get("tools") or ())]
    for content in (system, *contents):
        if isinstance(content, list):
            blocks += content
            blocks += [part for block in content if isinstance(block.get("content"), list) for part in block["content"]]
    return sum(block.get("cache_control") is not None for block in blocks if isinstance(block, dict))
