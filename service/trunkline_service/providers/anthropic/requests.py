"""Requests: the contract's `ChatInput` to the Messages API's body and headers."""

from __future__ import annotations

import math
import re
from typing import TypeAlias

import msgspec

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service import json_text
from trunkline_service.providers import file_ids
from trunkline_service.providers.anthropic import blocks_in, envelope
from trunkline_service.providers.anthropic.blocks_in import Json, raw
from trunkline_service.providers.anthropic.platform import ANTHROPIC, LEGACY_VERSION, NEWEST_VERSION, Platform
from trunkline_service.providers.base import Target
from trunkline_service.providers.portable import UNKNOWN, Passage, passage, portable
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames
from trunkline_service.upstream.request import UpstreamRequest

# Members of options that a count leaves out: so many are named, and so much of each name.
MAX_NAMED = 100
MAX_NAME = 100

# What count_tokens takes; it refuses anything else.
COUNTED = frozenset(
    {
        "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed",
        "context_management", "compaction", "mcp_servers", "billing_policy",
    }
)  # fmt: skip

_ROLES = {
    message_pb2.ROLE_SYSTEM: "system",
    message_pb2.ROLE_DEVELOPER: "system",
    message_pb2.ROLE_USER: "user",
    message_pb2.ROLE_TOOL: "user",
    message_pb2.ROLE_ASSISTANT: "assistant",
}
_THINKING = {
    chat_input_pb2.REASONING_MODE_DISABLED: "disabled",
    chat_input_pb2.REASONING_MODE_ADAPTIVE: "adaptive",
    chat_input_pb2.REASONING_MODE_BUDGET: "enabled",
    chat_input_pb2.REASONING_MODE_BETWEEN_TOOLS: "between_tools",
}
_TOOL_CHOICES = {
    chat_input_pb2.TOOL_CHOICE_MODE_AUTO: "auto",
    chat_input_pb2.TOOL_CHOICE_MODE_ANY: "any",
    chat_input_pb2.TOOL_CHOICE_MODE_NONE: "none",
}
# Efforts that only others know.
_NO_EFFORTS = frozenset({"none", "minimal"})
_ABSENT = frozenset({"seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"})

ChatInput: TypeAlias = chat_input_pb2.ChatInput


# By the API's reference, since tools came to be.
MAX_TOOL_NAME = 128
_FORBIDDEN_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def _tool_names() -> ToolNames:
    return ToolNames(_FORBIDDEN_IN_NAMES, MAX_TOOL_NAME)


def encode_chat(chat_input: ChatInput, target: Target, platform: Platform = ANTHROPIC) -> UpstreamRequest:
    """The request for a streamed answer."""
    report = EncodeReport(drop_unsupported=target.drop_unsupported, tool_names=_tool_names())
    body: Json = {"model": target.model}
    _generation(chat_input, target, body, report)
    _conversation(chat_input, target, body, report)
    if platform.service_tier_header:
        body.pop("service_tier", None)
    _provider_options(chat_input, target, body, report, platform.left_out)
    if "max_tokens" not in body:
        _default_max_tokens(target, body, report)
    body["stream"] = True
    body = {name: value for name, value in body.items() if name not in platform.left_out}
    return envelope.request(chat_input, target, platform, platform.chat_path, body, report, accept=platform.accept)


def encode_count(chat_input: ChatInput, target: Target, platform: Platform = ANTHROPIC) -> UpstreamRequest:
    """The request that counts tokens: the same conversation, without what has no tokens."""
    report = EncodeReport(drop_unsupported=target.drop_unsupported, tool_names=_tool_names())
    body: Json = {"model": target.model}
    # They are not sent, so that nothing can be wrong with them, but they decide on the version: tokens must not be
    # counted by other rules than those of the answer.
    _generation(chat_input, target, body, EncodeReport(drop_unsupported=True))
    _conversation(chat_input, target, body, report)
    _provider_options(chat_input, target, body, report)
    taken = COUNTED | {"anthropic_version"} if platform.version_in_body else COUNTED
    _uncounted_options(chat_input, target, taken, report)
    counted = {name: value for name, value in body.items() if name in taken}
    return envelope.request(
        chat_input,
        target,
        platform,
        platform.count_path,
        counted,
        report,
        accept="application/json",
        version=envelope.version_for(chat_input, target, platform, body),
    )


def encode_model(target: Target) -> UpstreamRequest:
    """The request for what the provider knows about a model."""
    return UpstreamRequest(
        method="GET",
        url=ANTHROPIC.url("/v1/models/{model}", target),
        headers=envelope.headers(target, target.version or LEGACY_VERSION, (), accept="application/json"),
        body=b"",
    )


def _generation(chat_input: ChatInput, target: Target, body: Json, report: EncodeReport) -> None:
    generation = chat_input.generation
    if generation.HasField("max_output_tokens"):
        body["max_tokens"] = generation.max_output_tokens
    if generation.stop_sequences:
        body["stop_sequences"] = list(generation.stop_sequences)
    for name in envelope.SAMPLING:
        if not generation.HasField(name):
            continue
        value = getattr(generation, name)
        path = f"input.generation.{name}"
        if _refuses_sampling(chat_input, target):
            report.unsupported(path, f"{target.model} takes no sampling parameters", capability=name)
        elif name == "temperature" and not (math.isfinite(value) and 0 <= value <= 1):
            report.invalid(path, f"{value:g} is not between 0 and 1, which is Anthropic's range")
        else:
            body[name] = value
    for field, _ in generation.ListFields():
        if field.name in _ABSENT:
            report.unsupported(
                f"input.generation.{field.name}", f"Anthropic has no {field.name}", capability=field.name
            )


def _refuses_sampling(chat_input: ChatInput, target: Target) -> bool:
    version = chat_input.anthropic.version or target.version
    return target.takes_sampling is False or version == NEWEST_VERSION


def _default_max_tokens(target: Target, body: Json, report: EncodeReport) -> None:
    path = "input.generation.max_output_tokens"
    if target.max_output_tokens is None:
        report.invalid(path, f"is required: the maximum of {target.model} is not known")
        return
    body["max_tokens"] = target.max_output_tokens
    report.defaulted(path, str(target.max_output_tokens), "not set: the model's own maximum was sent")


def _conversation(chat_input: ChatInput, target: Target, body: Json, report: EncodeReport) -> None:
    file_ids.refuse_foreign(chat_input, "anthropic", report)
    if chat_input.system:
        body["system"] = blocks_in.encode_blocks(chat_input.system, "input.system", report)
    body["messages"] = [
        written
        for number, message in enumerate(chat_input.messages)
        if (written := _message(message, f"input.messages[{number}]", target, report)) is not None
    ]
    if chat_input.tools:
        body["tools"] = [
            tool
            for number, entry in enumerate(chat_input.tools)
            if (tool := _tool(entry, f"input.tools[{number}]", report)) is not None
        ]
    if chat_input.HasField("tool_choice"):
        body["tool_choice"] = _tool_choice(chat_input.tool_choice, report)
    if (thinking := _thinking(chat_input.reasoning)) is not None:
        body["thinking"] = thinking
    output_config = _output_config(chat_input, report)
    if output_config:
        body["output_config"] = output_config
    if chat_input.HasField("cache_control"):
        body["cache_control"] = blocks_in.cache_control(chat_input.cache_control)
    if chat_input.end_user_id:
        body["metadata"] = {"user_id": chat_input.end_user_id}
    if chat_input.service_tier:
        body["service_tier"] = chat_input.service_tier
    if chat_input.anthropic.speed:
        body["speed"] = chat_input.anthropic.speed
    if chat_input.anthropic.inference_geo:
        body["inference_geo"] = chat_input.anthropic.inference_geo


def _message(message: message_pb2.Message, path: str, target: Target, report: EncodeReport) -> Json | None:
    """None if only another provider, which wrote the message, could read any of it."""
    if message.name:
        report.unsupported(f"{path}.name", "Anthropic knows no names of speakers", capability="message_name")
    way = passage(message, target.provider, "anthropic")
    result: Json = {"role": _ROLES.get(message.role, "")}
    if message.provider_fields_json and not way.state:
        report.not_portable(f"{path}.provider_fields_json", "another provider's own")
    content, has_unsigned = _content(message, f"{path}.content", way, report)
    if not way.state or (has_unsigned and not content):
        return result | {"content": content} if content or not message.content else None
    if message.content or not message.provider_fields_json:
        result["content"] = content
    blocks_in.merge_fields(result, message.provider_fields_json, path)
    return result


def _content(
    message: message_pb2.Message, path: str, way: Passage, report: EncodeReport
) -> tuple[list[Json | msgspec.Raw], bool]:
    """The blocks, and whether thoughts without a signature were left out."""
    if way is UNKNOWN:
        # The caller's own words go as they are.
        return blocks_in.encode_blocks(message.content, path, report), False
    content: list[Json | msgspec.Raw] = []
    has_unsigned = False
    for number, block in enumerate(message.content):
        where = f"{path}[{number}]"
        kept = portable(block, where, way, report)
        if kept is not None and kept.HasField("thinking") and not kept.thinking.signature:
            has_unsigned = True
            report.not_portable(f"{where}.thinking", "a thought without its signature, which Anthropic does not take")
            continue
        if kept is not None and not way.state and kept.HasField("text") and not kept.text.text.strip():
            report.not_portable(f"{where}.text", "blank text, which Anthropic does not take")
        elif kept is not None and (encoded := blocks_in.encode_block(kept, where, report)) is not None:
            content.append(encoded)
    return content, has_unsigned


def _tool(tool: chat_input_pb2.Tool, path: str, report: EncodeReport) -> Json | msgspec.Raw | None:
    if tool.WhichOneof("kind") == "provider_defined":
        if tool.provider_defined.provider_type != "anthropic":
            report.unsupported(
                f"{path}.provider_defined",
                f"a tool of {tool.provider_defined.provider_type!r} means nothing to Anthropic",
                capability="provider_tools",
            )
            return None
        if not tool.HasField("cache_control"):
            return raw(tool.provider_defined.raw_json)
        members: Json = dict(json_text.parse_object(tool.provider_defined.raw_json.encode()))
        members["cache_control"] = blocks_in.cache_control(tool.cache_control)
        return members
    function = tool.function
    result: Json = {"name": report.tool_names.upstream(function.name)}
    if function.HasField("description"):
        result["description"] = function.description
    result["input_schema"] = raw(function.input_schema_json or '{"type":"object","properties":{}}')
    for name in ("strict", "defer_loading", "eager_input_streaming"):
        if function.HasField(name):
            result[name] = getattr(function, name)
    if function.input_examples_json:
        result["input_examples"] = [raw(example) for example in function.input_examples_json]
    if function.allowed_callers:
        result["allowed_callers"] = list(function.allowed_callers)
    if tool.HasField("cache_control"):
        result["cache_control"] = blocks_in.cache_control(tool.cache_control)
    blocks_in.merge_fields(result, function.provider_fields_json, f"{path}.function")
    return result


def _tool_choice(choice: chat_input_pb2.ToolChoice, report: EncodeReport) -> Json:
    if choice.WhichOneof("choice") == "tool_name":
        result: Json = {"type": "tool", "name": report.tool_names.upstream(choice.tool_name)}
    else:
        result = {"type": _TOOL_CHOICES.get(choice.mode, "auto")}
    if choice.HasField("parallel"):
        if result["type"] == "none":
            report.unsupported(
                "input.tool_choice.parallel",
                "Anthropic has no such flag where no tool is called",
                capability="parallel",
            )
        else:
            result["disable_parallel_tool_use"] = not choice.parallel
    return result


def _thinking(reasoning: chat_input_pb2.ReasoningParams) -> Json | None:
    kind = _THINKING.get(reasoning.mode)
    if kind is None:
        return None
    result: Json = {"type": kind}
    if reasoning.HasField("budget_tokens"):
        result["budget_tokens"] = reasoning.budget_tokens
    if reasoning.display:
        result["display"] = reasoning.display
    return result


def _output_config(chat_input: ChatInput, report: EncodeReport) -> Json:
    result: Json = {}
    reasoning = chat_input.reasoning
    if reasoning.effort in _NO_EFFORTS:
        # Not to reason at all is a mode here.
        if reasoning.effort != "none" or reasoning.mode != chat_input_pb2.REASONING_MODE_DISABLED:
            description = f"{reasoning.effort!r} is none of Anthropic's efforts, which begin with 'low'"
            report.unsupported("input.reasoning.effort", description, capability="effort")
    elif reasoning.effort:
        result["effort"] = reasoning.effort
    match chat_input.output_format.WhichOneof("format"):
        case "json_schema":
            schema = chat_input.output_format.json_schema
            result["format"] = {"type": "json_schema", "schema": raw(schema.schema_json)}
            if schema.HasField("strict") and not schema.strict:
                report.unsupported(
                    "input.output_format.json_schema.strict",
                    "Anthropic's schemas always bind exactly",
                    capability="strict",
                )
        case "json_object":
            report.unsupported("input.output_format.json_object", "Anthropic wants a schema", capability="json_object")
    return result


def provider_options(chat_input: ChatInput, target: Target) -> dict[str, json_text.RawObject]:
    """The options that apply to the target, in the order in which they are merged."""
    keys = dict.fromkeys(("anthropic", target.provider))
    return {
        key: json_text.parse_object(text.encode())
        for key in keys
        if (text := chat_input.provider_options_json.get(key))
    }


def _provider_options(
    chat_input: ChatInput, target: Target, body: Json, report: EncodeReport, left_out: frozenset[str] = frozenset()
) -> None:
    for key, options in provider_options(chat_input, target).items():
        for name in options.keys() & (left_out | {"stream"}):
            report.invalid(f'input.provider_options_json["{key}"]', f"{name} is the gateway's to decide")
        json_text.merge(body, options, f'input.provider_options_json["{key}"]')


def _uncounted_options(chat_input: ChatInput, target: Target, taken: frozenset[str], report: EncodeReport) -> None:
    """Tells which members of the options a count goes without: what they would do to the tokens is not known here."""
    for key, options in provider_options(chat_input, target).items():
        left_out = [name for name in options if name not in taken]
        path = f'input.provider_options_json["{key}"]'
        for name in left_out[:MAX_NAMED]:
            report.dropped(f"{path}.{name[:MAX_NAME]}", "Anthropic takes no such member where it counts")
        if len(left_out) > MAX_NAMED:
            report.dropped(path, f"{len(left_out) - MAX_NAMED} more members that Anthropic does not take there")
