"""Requests: the contract's `ChatInput` to the Responses API's body and headers."""

from __future__ import annotations

import dataclasses
import re
from typing import TypeAlias

import msgspec

from trunkline.v1 import chat_input_pb2
from trunkline_service import catalog, json_text
from trunkline_service.providers import call_ids, file_ids
from trunkline_service.providers.base import Target
from trunkline_service.providers.openai import cache_marks
from trunkline_service.providers.openai.headers import request_headers
from trunkline_service.providers.openai.platform import PROVIDER_TYPE, Platform
from trunkline_service.providers.openai.responses import items_in, tools_in
from trunkline_service.providers.openai.responses.parts_in import Json, raw
from trunkline_service.providers.openai.untold import untold_costs
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames
from trunkline_service.upstream.request import UpstreamRequest

MAX_TOOL_NAME = 64
# Members of options that a count leaves out: so many are named, and so much of each name.
MAX_NAMED = 100
MAX_NAME = 100

# What the counter takes; it refuses anything else.
COUNTED = frozenset(
    {
        "model", "input", "instructions", "tools", "tool_choice", "reasoning", "text", "previous_response_id",
        "conversation", "parallel_tool_calls", "truncation",
    }
)  # fmt: skip

# With `store` false, reasoning can go on in the next request only if it is in the answer.
_ENCRYPTED_REASONING = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_FORBIDDEN_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")

ChatInput: TypeAlias = chat_input_pb2.ChatInput


def encode_chat(chat_input: ChatInput, target: Target, platform: Platform) -> UpstreamRequest:
    """The request for a streamed answer."""
    report = platform.report(target)
    names = ToolNames(_FORBIDDEN_IN_NAMES, MAX_TOOL_NAME)
    body: Json = {"model": target.model}
    _conversation(chat_input, target, platform, body, names, report)
    _generation(chat_input, target, body, report)
    _openai(chat_input, target, body)
    if chat_input.end_user_id:
        body[platform.user_member] = chat_input.end_user_id
    if chat_input.service_tier:
        body["service_tier"] = chat_input.service_tier
    _provider_options(chat_input, target, body, report)
    body["stream"] = True
    request = _request("/responses", body, target, platform, names, report, accept="text/event-stream")
    untold = untold_costs(chat_input, body) or cache_marks.keeps_long(request.body)
    return dataclasses.replace(request, untold_costs=True) if untold else request


def encode_count(chat_input: ChatInput, target: Target, platform: Platform) -> UpstreamRequest:
    """The request that counts tokens: the same conversation, without what has no tokens."""
    report = platform.report(target)
    names = ToolNames(_FORBIDDEN_IN_NAMES, MAX_TOOL_NAME)
    body: Json = {"model": target.model}
    _conversation(chat_input, target, platform, body, names, report)
    _openai(chat_input, target, body)
    for key, options in _provider_options(chat_input, target, body, report).items():
        left_out = [name for name in options if name not in COUNTED]
        path = f'input.provider_options_json["{key}"]'
        for name in left_out[:MAX_NAMED]:
            report.dropped(f"{path}.{name[:MAX_NAME]}", "OpenAI takes no such member where it counts")
        if len(left_out) > MAX_NAMED:
            report.dropped(path, f"{len(left_out) - MAX_NAMED} more members that OpenAI does not take there")
    counted = {name: value for name, value in body.items() if name in COUNTED}
    return _request("/responses/input_tokens", counted, target, platform, names, report, accept="application/json")


def _conversation(
    chat_input: ChatInput, target: Target, platform: Platform, body: Json, names: ToolNames, report: EncodeReport
) -> None:
    """What has tokens."""
    if platform.strict:
        # What ids look like at other servers, nobody knows.
        file_ids.refuse_foreign(chat_input, PROVIDER_TYPE, report)
    ids = call_ids.RESPONSES if platform.strict else call_ids.UNKNOWN
    instructions, items = items_in.encode_conversation(chat_input, target.provider, names, ids, report)
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = items
    if chat_input.tools:
        body["tools"] = tools_in.encode_tools(chat_input.tools, names, report)
    if chat_input.HasField("tool_choice"):
        body.update(tools_in.encode_choice(chat_input, names))
    if reasoning := _reasoning(chat_input.reasoning, report):
        body["reasoning"] = reasoning
    if text := _text(chat_input):
        body["text"] = text
    cache_marks.whole_prompt(chat_input, body, report)


def _generation(chat_input: ChatInput, target: Target, body: Json, report: EncodeReport) -> None:
    generation = chat_input.generation
    for field, value in generation.ListFields():
        path = f"input.generation.{field.name}"
        match field.name:
            case "temperature" | "top_p" if target.takes_sampling is False:
                report.unsupported(path, f"{target.model} takes no sampling parameters", capability=field.name)
            case "max_output_tokens" | "temperature" | "top_p" | "top_logprobs":
                body[field.name] = value
            case "logprobs":
                # Asked for by `include`.
                continue
            case _:
                report.unsupported(path, f"OpenAI's Responses API has no {field.name}", capability=field.name)


def _reasoning(reasoning: chat_input_pb2.ReasoningParams, report: EncodeReport) -> Json:
    result: Json = {}
    if reasoning.effort:
        result["effort"] = reasoning.effort
    match reasoning.mode:
        case chat_input_pb2.REASONING_MODE_DISABLED:
            if reasoning.effort not in ("", "none"):
                report.invalid("input.reasoning.effort", "contradicts the mode, which is not to reason at all")
            result["effort"] = "none"
        case chat_input_pb2.REASONING_MODE_BUDGET:
            report.unsupported(
                "input.reasoning.budget_tokens",
                "OpenAI has no budget of reasoning: say how hard to work in `effort`",
                capability="budget_tokens",
            )
        case chat_input_pb2.REASONING_MODE_BETWEEN_TOOLS:
            report.unsupported(
                "input.reasoning.mode",
                "OpenAI's models cannot be told to reason only between tools",
                capability="mode",
            )
    # Anthropic's words, in OpenAI's: a summary of any length, and none, which is what comes if none is asked for.
    if reasoning.display and reasoning.display != "omitted":
        result["summary"] = "auto" if reasoning.display == "summarized" else reasoning.display
    return result


def _text(chat_input: ChatInput) -> Json:
    result: Json = {}
    match chat_input.output_format.WhichOneof("format"):
        case "json_object":
            result["format"] = {"type": "json_object"}
        case "json_schema":
            schema = chat_input.output_format.json_schema
            shape: Json = {"type": "json_schema", "name": schema.name or "answer", "schema": raw(schema.schema_json)}
            if schema.description:
                shape["description"] = schema.description
            if schema.HasField("strict"):
                shape["strict"] = schema.strict
            result["format"] = shape
    if chat_input.openai.verbosity:
        result["verbosity"] = chat_input.openai.verbosity
    return result


def _openai(chat_input: ChatInput, target: Target, body: Json) -> None:
    options = chat_input.openai
    body["store"] = options.store
    include = [*options.include]
    # Azure's deployments are often called as their models are.
    facts = catalog.find(PROVIDER_TYPE, target.model)
    # Models that do not reason refuse to be asked for it.
    if not options.store and (facts is None or "reasoning" not in facts.missing):
        include.append(_ENCRYPTED_REASONING)
    if chat_input.generation.logprobs:
        include.append(_LOGPROBS)
    if include:
        body["include"] = list(dict.fromkeys(include))
    for name in ("prompt_cache_key", "previous_response_id", "truncation"):
        if value := getattr(options, name):
            body[name] = value
    if options.conversation_id:
        body["conversation"] = options.conversation_id
    if options.metadata:
        # A map has no order: sorted, the same request is the same bytes.
        body["metadata"] = dict(sorted(options.metadata.items()))
    if options.HasField("max_tool_calls"):
        body["max_tool_calls"] = options.max_tool_calls


def _provider_options(
    chat_input: ChatInput, target: Target, body: Json, report: EncodeReport
) -> dict[str, json_text.RawObject]:
    """Merges the options that apply to the target, and returns them, in the order in which they are merged."""
    result = {
        key: json_text.parse_object(text.encode())
        for key in dict.fromkeys((PROVIDER_TYPE, target.provider))
        if (text := chat_input.provider_options_json.get(key))
    }
    for key, options in result.items():
        if "stream" in options:
            report.invalid(f'input.provider_options_json["{key}"]', "stream is the gateway's to decide")
        json_text.merge(body, options, f'input.provider_options_json["{key}"]')
    return result


def _request(
    path: str, body: Json, target: Target, platform: Platform, names: ToolNames, report: EncodeReport, *, accept: str
) -> UpstreamRequest:
    if (error := report.error()) is not None:
        raise error
    return UpstreamRequest(
        method="POST",
        url=platform.url(path, target),
        headers=request_headers(target, accept=accept),
        body=msgspec.json.encode(body),
        warnings=report.warnings,
        tool_names=names.changed,
    )
