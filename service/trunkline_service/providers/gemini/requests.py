"""Requests: the contract's `ChatInput` to the body of generateContent."""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service import json_text
from trunkline_service.providers.base import Target
from trunkline_service.providers.gemini import places
from trunkline_service.providers.gemini.generation import encode_generation
from trunkline_service.providers.gemini.media_in import Conversation
from trunkline_service.providers.gemini.members import Json, merge_fields
from trunkline_service.providers.gemini.parts_in import encode_parts
from trunkline_service.providers.gemini.parts_out import PROVIDER_TYPE
from trunkline_service.providers.gemini.tools import encode_choice, encode_tools, tool_names
from trunkline_service.providers.portable import UNKNOWN, passage
from trunkline_service.providers.report import EncodeReport
from trunkline_service.upstream.request import UpstreamRequest

# Members of options that a count leaves out: so many are named, and so much of each name.
MAX_NAMED = 100
MAX_NAME = 100

ChatInput: TypeAlias = chat_input_pb2.ChatInput

_ROLES = {
    message_pb2.ROLE_USER: "user",
    message_pb2.ROLE_TOOL: "user",
    message_pb2.ROLE_ASSISTANT: "model",
}
# Models that do not insist on signatures.
_SIGNS_NOTHING = re.compile(r"gemini-[12](?:\.|-|$)")
_FUNCTIONS = frozenset({"functionDeclarations", "function_declarations"})
# What Vertex counts; its countTokens refuses anything else.
_COUNTED_ON_VERTEX = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})


def encode_chat(chat_input: ChatInput, target: Target, *, vertex: bool) -> UpstreamRequest:
    """The request for a streamed answer."""
    report = EncodeReport(drop_unsupported=target.drop_unsupported)
    conversation = _conversation(target, report, vertex=vertex)
    body = _body(chat_input, conversation)
    return _request(":streamGenerateContent?alt=sse", body, conversation)


def encode_count(chat_input: ChatInput, target: Target, *, vertex: bool) -> UpstreamRequest:
    """The request that counts tokens: the same body. The developer API wants all but bare contents wrapped up."""
    report = EncodeReport(drop_unsupported=target.drop_unsupported)
    conversation = _conversation(target, report, vertex=vertex)
    body = _body(chat_input, conversation)
    if vertex:
        _tell_uncounted(chat_input, target, report)
        body = {name: value for name, value in body.items() if name in _COUNTED_ON_VERTEX}
    else:
        body = {"generateContentRequest": {"model": places.model_name(target, vertex=False), **body}}
    return _request(":countTokens", body, conversation)


def encode_model(target: Target) -> UpstreamRequest:
    """The request for what the developer API knows about a model."""
    return UpstreamRequest(
        method="GET", url=places.url(target, "", vertex=False), headers=places.headers(target), body=b""
    )


def _conversation(target: Target, report: EncodeReport, *, vertex: bool) -> Conversation:
    return Conversation(target=target, vertex=vertex, names=tool_names(), report=report)


def _body(chat_input: ChatInput, conversation: Conversation) -> Json:
    report = conversation.report
    body: Json = {"contents": _contents(chat_input, conversation)}
    if chat_input.system:
        body["systemInstruction"] = {"parts": encode_parts(chat_input.system, "input.system", conversation)}
    if chat_input.tools:
        body["tools"] = encode_tools(chat_input, conversation.names, report)
    if choice := encode_choice(chat_input.tool_choice, conversation.names, report):
        body["toolConfig"] = {"functionCallingConfig": choice}
    if generation := encode_generation(chat_input, report):
        body["generationConfig"] = generation
    if chat_input.service_tier:
        body["serviceTier"] = chat_input.service_tier
    if chat_input.end_user_id:
        report.unsupported("input.end_user_id", "Gemini is told of no end users", capability="end_user_id")
    if chat_input.HasField("cache_control"):
        report.dropped("input.cache_control", "Gemini caches by itself, without marks")
    _gemini_options(chat_input.gemini, body, conversation)
    _provider_options(chat_input, conversation.target, body, report)
    return body


def _contents(chat_input: ChatInput, conversation: Conversation) -> list[Json]:
    result = []
    for number, message in enumerate(chat_input.messages):
        content = _content(message, f"input.messages[{number}]", conversation)
        if content is not None:
            result.append(content)
    return result


def _content(message: message_pb2.Message, path: str, conversation: Conversation) -> Json | None:
    report = conversation.report
    role = _ROLES.get(message.role)
    if role is None:
        description = "Gemini takes instructions before the conversation only, in input.system"
        report.unsupported(f"{path}.role", description, capability="system_messages")
        return None
    if message.name:
        report.unsupported(f"{path}.name", "Gemini knows no names of speakers", capability="message_name")
    conversation.role = message.role
    conversation.way = way = passage(message, conversation.target.provider, PROVIDER_TYPE)
    conversation.unsigned = _wants_signature(message, conversation)
    parts = encode_parts(message.content, f"{path}.content", conversation)
    conversation.role, conversation.way = message_pb2.ROLE_USER, UNKNOWN
    if message.content and not parts:
        # All of it was reported. Gemini refuses a content without parts.
        return None
    content: Json = {"role": role, "parts": parts}
    if way.state:
        merge_fields(content, message.provider_fields_json, f"{path}.provider_fields_json")
    elif message.provider_fields_json:
        report.not_portable(f"{path}.provider_fields_json", "another provider's own")
    return content


def _wants_signature(message: message_pb2.Message, conversation: Conversation) -> bool:
    """Whether the model refuses calls without a signature, and those of the message have none."""
    if _SIGNS_NOTHING.match(conversation.target.model):
        return False
    origin = message.origin
    if origin.provider_type == PROVIDER_TYPE and not _SIGNS_NOTHING.match(origin.model):
        # As the model wrote it, it is in order.
        return False
    return not conversation.way.state or not any(
        block.provider_state for block in message.content if block.HasField("tool_use")
    )


def _gemini_options(options: chat_input_pb2.GeminiOptions, body: Json, conversation: Conversation) -> None:
    if options.safety_settings:
        body["safetySettings"] = [
            {"category": setting.category, "threshold": setting.threshold} for setting in options.safety_settings
        ]
    if options.cached_content:
        body["cachedContent"] = options.cached_content
    if options.labels and conversation.vertex:
        # A map has no order: sorted, the same request is the same bytes.
        body["labels"] = dict(sorted(options.labels.items()))
    elif options.labels:
        conversation.report.unsupported("input.gemini.labels", "only Vertex takes labels", capability="labels")


def _provider_options(chat_input: ChatInput, target: Target, body: Json, report: EncodeReport) -> None:
    for key in dict.fromkeys((PROVIDER_TYPE, target.provider)):
        if not (text := chat_input.provider_options_json.get(key)):
            continue
        json_text.merge(body, json_text.parse_object(text.encode()), f'input.provider_options_json["{key}"]')
    path = "input.provider_options_json"
    if _found(body, "generationConfig", "candidateCount") not in (None, 1):
        report.invalid(path, "candidateCount: an answer of this contract is one")
    if _found(body, "toolConfig", "functionCallingConfig", "streamFunctionCallArguments"):
        report.invalid(path, "streamFunctionCallArguments: calls come whole from Gemini")


def _tell_uncounted(chat_input: ChatInput, target: Target, report: EncodeReport) -> None:
    """Tells what a count on Vertex goes without, though it may well have tokens."""
    if chat_input.gemini.cached_content:
        report.dropped("input.gemini.cached_content", "Vertex does not count it")
    for key in dict.fromkeys((PROVIDER_TYPE, target.provider)):
        if text := chat_input.provider_options_json.get(key):
            left_out = json_text.parse_object(text.encode()).keys() - _COUNTED_ON_VERTEX
            for name in sorted(left_out)[:MAX_NAMED]:
                path = f'input.provider_options_json["{key}"].{name[:MAX_NAME]}'
                report.dropped(path, "Vertex takes no such member where it counts")


def _found(body: Json, *path: str) -> object:
    """What stands in a place of the body."""
    value: object = body
    for name in path:
        if isinstance(value, msgspec.Raw):
            value = msgspec.json.decode(value)
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def _request(verb: str, body: Json, conversation: Conversation) -> UpstreamRequest:
    if (error := conversation.report.error()) is not None:
        raise error
    target = conversation.target
    return UpstreamRequest(
        method="POST",
        url=places.url(target, verb, vertex=conversation.vertex),
        headers=places.headers(target),
        body=msgspec.json.encode(body),
        warnings=conversation.report.warnings,
        tool_names=conversation.names.changed,
        untold_costs=_runs_tools(body),
    )


def _runs_tools(body: Json) -> bool:
    """Whether Gemini may run tools of its own, which cost money by the call."""
    return any(tool.keys() - _FUNCTIONS for tool in json_text.objects_in(body.get("tools")))
