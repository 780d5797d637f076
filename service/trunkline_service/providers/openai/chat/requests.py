"""Requests: the contract's `ChatInput` to the body and headers of Chat Completions."""

from __future__ import annotations

import math
import re
from typing import Literal, TypeAlias

import msgspec

from trunkline.v1 import chat_input_pb2
from trunkline_service import json_text
from trunkline_service.providers import file_ids
from trunkline_service.providers.base import Target
from trunkline_service.providers.openai import cache_marks
from trunkline_service.providers.openai.chat.messages import MessageWriter
from trunkline_service.providers.openai.chat.parts import Json, PartWriter, raw
from trunkline_service.providers.openai.chat.tools import write_tools
from trunkline_service.providers.openai.failures import field_path
from trunkline_service.providers.openai.headers import request_headers
from trunkline_service.providers.openai.platform import PROVIDER_TYPE, Platform
from trunkline_service.providers.openai.untold import untold_costs
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames
from trunkline_service.upstream.request import UpstreamRequest

MAX_STOP_SEQUENCES = 4
MAX_TEMPERATURE = 2.0
MAX_TOOL_NAME = 64

_FORBIDDEN_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_SAMPLING: tuple[Literal["temperature", "top_p", "presence_penalty", "frequency_penalty"], ...] = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty",
)  # fmt: skip
_RESPONSES_ONLY = ("previous_response_id", "conversation_id", "include", "truncation", "max_tool_calls")

ChatInput: TypeAlias = chat_input_pb2.ChatInput


def encode_chat(chat_input: ChatInput, target: Target, platform: Platform) -> UpstreamRequest:
    """The request for a streamed answer.

    Raises:
        GatewayError: the provider cannot honour the input; the error names the fields.
    """
    report = platform.report(target)
    names = ToolNames(_FORBIDDEN_IN_NAMES, MAX_TOOL_NAME)
    body: Json = {"model": target.model}
    if platform.strict:
        # What ids look like at other servers, nobody knows.
        file_ids.refuse_foreign(chat_input, PROVIDER_TYPE, report)
    body["messages"] = MessageWriter(target, PartWriter(platform, report), names).conversation(chat_input)
    write_tools(chat_input, platform, names, body, report)
    _generation(chat_input.generation, target, platform, body, report)
    _reasoning(chat_input.reasoning, body, report)
    _output_format(chat_input.output_format, body)
    _options(chat_input, platform, body, report)
    body["stream"] = True
    _lacking(platform, body, report)
    if "stream_options" not in platform.lacks:
        body["stream_options"] = {"include_usage": True}
    _provider_options(chat_input, target, body, report)
    if (error := report.error()) is not None:
        raise error
    data = msgspec.json.encode(body)
    return UpstreamRequest(
        method="POST",
        url=platform.url("/chat/completions", target),
        headers=request_headers(target, accept="text/event-stream"),
        body=data,
        warnings=report.warnings,
        tool_names=names.changed,
        untold_costs=untold_costs(chat_input, body) or cache_marks.keeps_long(data),
    )


def _generation(
    generation: chat_input_pb2.GenerationParams, target: Target, platform: Platform, body: Json, report: EncodeReport
) -> None:
    path = "input.generation"
    if generation.HasField("max_output_tokens"):
        body[platform.length_member] = generation.max_output_tokens
    for name in _SAMPLING:
        if not generation.HasField(name):
            continue
        value = getattr(generation, name)
        if target.takes_sampling is False:
            report.unsupported(f"{path}.{name}", f"{target.model} takes no sampling parameters", capability=name)
        elif not math.isfinite(value):
            report.invalid(f"{path}.{name}", f"{value:g} is not a number that JSON has")
        elif name == "temperature" and platform.strict and not 0 <= value <= MAX_TEMPERATURE:
            report.invalid(f"{path}.{name}", f"{value:g} is not between 0 and 2, which is {platform.name}'s range")
        else:
            body[name] = value
    if generation.HasField("top_k"):
        # Most compatible servers sample from the likeliest few, by this name.
        if platform.strict:
            report.unsupported(f"{path}.top_k", f"{platform.name} has no top_k", capability="top_k")
        else:
            body["top_k"] = generation.top_k
    if generation.stop_sequences:
        if platform.strict and len(generation.stop_sequences) > MAX_STOP_SEQUENCES:
            what = f"{platform.name} takes at most {MAX_STOP_SEQUENCES}"
            report.invalid(f"{path}.stop_sequences", what)
        body["stop"] = list(generation.stop_sequences)
    if generation.HasField("seed"):
        body[platform.seed_member] = generation.seed
    for optional in ("logprobs", "top_logprobs"):
        if generation.HasField(optional):
            body[optional] = getattr(generation, optional)
    if generation.logit_bias:
        # In the order of the tokens, as a map has none: the same request is the same bytes.
        body["logit_bias"] = {str(token): _number(bias) for token, bias in sorted(generation.logit_bias.items())}


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


def _reasoning(reasoning: chat_input_pb2.ReasoningParams, body: Json, report: EncodeReport) -> None:
    path = "input.reasoning"
    if reasoning.effort:
        body["reasoning_effort"] = reasoning.effort
    match reasoning.mode:
        case chat_input_pb2.REASONING_MODE_DISABLED:
            if reasoning.effort not in ("", "none"):
                report.invalid(f"{path}.effort", "contradicts the mode, which is not to reason at all")
            body["reasoning_effort"] = "none"
        case chat_input_pb2.REASONING_MODE_BETWEEN_TOOLS:
            report.unsupported(f"{path}.mode", "OpenAI has no such mode", capability="mode")
        case chat_input_pb2.REASONING_MODE_BUDGET:
            report.unsupported(f"{path}.budget_tokens", "OpenAI has efforts, no budgets", capability="budget_tokens")
    # ADAPTIVE is what OpenAI's models do by themselves.
    if reasoning.HasField("budget_tokens") and reasoning.mode != chat_input_pb2.REASONING_MODE_BUDGET:
        report.unsupported(f"{path}.budget_tokens", "OpenAI has efforts, no budgets", capability="budget_tokens")
    if reasoning.display:
        report.unsupported(f"{path}.display", "Chat Completions has no such choice", capability="display")


def _output_format(output_format: chat_input_pb2.OutputFormat, body: Json) -> None:
    match output_format.WhichOneof("format"):
        case "json_object":
            body["response_format"] = {"type": "json_object"}
        case "json_schema":
            schema = output_format.json_schema
            written: Json = {"name": schema.name or "answer"}
            if schema.description:
                written["description"] = schema.description
            written["schema"] = raw(schema.schema_json)
            if schema.HasField("strict"):
                written["strict"] = schema.strict
            body["response_format"] = {"type": "json_schema", "json_schema": written}


def _options(chat_input: ChatInput, platform: Platform, body: Json, report: EncodeReport) -> None:
    if platform.strict:
        cache_marks.whole_prompt(chat_input, body, report)
    elif chat_input.HasField("cache_control"):
        report.dropped("input.cache_control", "what this server caches, nobody knows")
    if chat_input.end_user_id:
        body[platform.user_member] = chat_input.end_user_id
    if chat_input.service_tier:
        body["service_tier"] = chat_input.service_tier
    options = chat_input.openai
    if options.prompt_cache_key:
        body["prompt_cache_key"] = options.prompt_cache_key
    if options.verbosity:
        body["verbosity"] = options.verbosity
    if options.HasField("store"):
        body["store"] = options.store
    if options.metadata:
        body["metadata"] = dict(sorted(options.metadata.items()))
    for field, _ in options.ListFields():
        if field.name in _RESPONSES_ONLY:
            what = "only the Responses API has it: api: responses"
            report.unsupported(f"input.openai.{field.name}", what, capability=field.name)


def _lacking(platform: Platform, body: Json, report: EncodeReport) -> None:
    """Takes out what the platform is known to have no member for."""
    for member in sorted(platform.lacks & body.keys()):
        del body[member]
        path = field_path(member)
        what = f"{platform.name} has no {member}"
        report.unsupported(path, what, capability=path.rpartition(".")[2])


def _provider_options(chat_input: ChatInput, target: Target, body: Json, report: EncodeReport) -> None:
    for key in dict.fromkeys((PROVIDER_TYPE, target.provider)):
        if not (text := chat_input.provider_options_json.get(key)):
            continue
        path = f'input.provider_options_json["{key}"]'
        options = json_text.parse_object(text.encode())
        if "stream" in options:
            report.invalid(path, "stream is the gateway's to decide")
        if bytes(options.get("n", b"1")).strip() not in (b"1", b"null"):
            report.invalid(path, "n must be 1: a call has one answer")
        json_text.merge(body, options, path)
        streamed = body.get("stream_options")
        # Null, for a server that refuses it, is the caller's word; but what is asked for says what the call took.
        if isinstance(streamed, dict) and bytes(msgspec.json.encode(streamed.get("include_usage"))) != b"true":
            report.invalid(path, "stream_options.include_usage is the gateway's to decide")
