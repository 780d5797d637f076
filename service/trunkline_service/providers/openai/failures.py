"""OpenAI's errors, in the contract's reasons: `{"error": {"message", "type", "param", "code"}}`.

The code decides, where there is one that says more than the status. Compatible servers have the same shape and codes
of their own, or none; what nothing else tells is then taken from the few phrases that they are known to use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError, Violation
from trunkline_service.providers.base import Target
from trunkline_service.providers.failures import MAX_MESSAGE_CHARACTERS, failure, member, printable, reason_of_status
from trunkline_service.providers.openai.headers import request_id, retry_after

_INVALID_KEY = frozenset({"invalid_api_key", "invalid_organization", "account_deactivated"})

_REASON_OF_CODE: dict[str, ErrorReason.ValueType] = {
    **dict.fromkeys(
        ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded"),
        error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
    ),
    **dict.fromkeys(
        ("context_length_exceeded", "exceed_context_size_error"),
        error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED,
    ),
    **dict.fromkeys(
        ("content_policy_violation", "content_filter", "ResponsibleAIPolicyViolation", "moderation_blocked"),
        error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED,
    ),
    **dict.fromkeys(
        # The Responses API has no types beside its codes.
        ("invalid_prompt", "invalid_image", "invalid_image_format", "invalid_image_url", "image_too_large"),
        error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
    ),
    **dict.fromkeys(
        ("model_not_found", "model_decommissioned", "DeploymentNotFound"),
        error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND,
    ),
    **dict.fromkeys(
        ("rate_limit_exceeded", "rate_limit_error", "tokens", "requests"),
        error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED,
    ),
    **dict.fromkeys(
        ("server_overloaded", "server_is_overloaded", "engine_overloaded", "overloaded_error", "slow_down"),
        error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED,
    ),
}
# What an error within a stream has instead of a status.
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "NotFoundError": 404,
    "rate_limit_error": 429,
}

# The last are Anthropic's, which proxies that speak OpenAI's API hand on.
_SPENT = re.compile(
    r"exceeded your current quota|insufficient (?:balance|credits|quota)|credit balance is too low|spend limit",
    re.IGNORECASE,
)
_BLOCKED = re.compile(r"blocked by content filtering", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"maximum context length|context (?:window|length|size)[^.]{0,40}exceed"
    r"|exceed[^.]{0,60}context (?:window|length|size)|prompt is too long",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"(?:maximum (?:context|prompt) length is|context size \(?)\s*(\d{1,12})")
_REQUESTED = re.compile(r"(?:resulted in|requested|has|contains|request \()\s*(?:about )?(\d{1,12})")
_NO_MODEL = re.compile(r"\b(?:model|deployment)\b", re.IGNORECASE)

_OF_CONTENT = re.compile(r"(?:messages|input)\b")
_PARAM = re.compile(r"([a-z_]+)(?:\[(\d{1,6})\])?")
_FIELDS = {
    "model": "input.model",
    # Messages of the wire are not those of the contract, one by one: their numbers would lead astray.
    "messages": "input.messages",
    "input": "input.messages",
    "instructions": "input.system",
    "tools": "input.tools",
    "tool_choice": "input.tool_choice",
    "parallel_tool_calls": "input.tool_choice.parallel",
    "max_completion_tokens": "input.generation.max_output_tokens",
    "max_output_tokens": "input.generation.max_output_tokens",
    "max_tokens": "input.generation.max_output_tokens",
    "temperature": "input.generation.temperature",
    "top_p": "input.generation.top_p",
    "top_k": "input.generation.top_k",
    "stop": "input.generation.stop_sequences",
    "seed": "input.generation.seed",
    "presence_penalty": "input.generation.presence_penalty",
    "frequency_penalty": "input.generation.frequency_penalty",
    "logprobs": "input.generation.logprobs",
    "top_logprobs": "input.generation.top_logprobs",
    "logit_bias": "input.generation.logit_bias",
    "response_format": "input.output_format",
    "text": "input.output_format",
    "reasoning_effort": "input.reasoning.effort",
    "reasoning": "input.reasoning",
    "service_tier": "input.service_tier",
    "safety_identifier": "input.end_user_id",
    "user": "input.end_user_id",
    "prompt_cache_key": "input.openai.prompt_cache_key",
    "verbosity": "input.openai.verbosity",
    "store": "input.openai.store",
    "metadata": "input.openai.metadata",
    "previous_response_id": "input.openai.previous_response_id",
    "conversation": "input.openai.conversation_id",
    "include": "input.openai.include",
    "truncation": "input.openai.truncation",
    "max_tool_calls": "input.openai.max_tool_calls",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What an error says of itself; empty where it says nothing. `status` is a number that stands for one, or 0."""

    type: str = ""
    message: str = ""
    code: str = ""
    param: str = ""
    inner_code: str = ""
    status: int = 0


def decode_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> GatewayError:
    """What a response that is not a success means. Its body may be anything: proxies answer in HTML."""
    metadata = {"upstream_status": str(status)}
    if identifier := request_id(headers):
        metadata["upstream_request_id"] = identifier
    retryable = False if headers.get("x-should-retry") == "false" else None
    return _error(status, read(body, target), target, metadata, delay=retry_after(headers), retryable=retryable)


def decode_stream_error(data: bytes, target: Target) -> GatewayError:
    """What an error within a stream means. It has no status of its own; its code or type stands for one."""
    words = read(data, target)
    status = words.status or _STATUS_OF_TYPE.get(words.type, 500)
    return _error(status, words, target, {"upstream_status": "200"})


def read(body: bytes, target: Target) -> Words:
    """What the body says, as far as it has the shape of an error; without the key, which a proxy may have quoted."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return Words()
    error = member(envelope, "error")
    if isinstance(error, str):
        return Words(message=printable(error, target))
    if error is None:
        # vLLM's older form, and that of several proxies: the members without an envelope.
        error = envelope
    code = member(error, "code")
    number = code if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 10**9 else None
    return Words(
        type=printable(member(error, "type"), target),
        message=printable(member(error, "message"), target),
        code=printable(code, target) if number is None else str(number),
        param=printable(member(error, "param"), target),
        inner_code=printable(member(member(error, "innererror"), "code"), target),
        status=number if number is not None and 400 <= number < 600 else 0,
    )


def field_path(param: str) -> str:
    """The contract's path of the field that `param` is about; empty if there is none."""
    match = _PARAM.match(param)
    path = "" if match is None else _FIELDS.get(match[1], "")
    return f"{path}[{match[2]}]" if match is not None and path == "input.tools" and match[2] else path


def _error(
    status: int,
    words: Words,
    target: Target,
    metadata: dict[str, str],
    *,
    delay: float | None = None,
    retryable: bool | None = None,
) -> GatewayError:
    if words.code in _INVALID_KEY or words.type in _INVALID_KEY:
        # Some compatible servers call that a bad request.
        status = 401 if status == 400 or status >= 500 else status
    reason = _reason(status, words)
    if reason is None:
        reason = reason_of_status(status, target)
    if reason == error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED:
        for name, pattern in (("limit", _LIMIT), ("requested", _REQUESTED)):
            if match := pattern.search(words.message):
                metadata[name] = match[1]
    path = field_path(words.param)
    return failure(
        reason,
        target,
        code=words.code or words.type,
        message=words.message,
        metadata=metadata,
        violations=[Violation(path, words.message[:MAX_MESSAGE_CHARACTERS])] if path else (),
        delay=delay,
        retryable=retryable,
    )


def _reason(status: int, words: Words) -> ErrorReason.ValueType | None:
    """The reason, where the words say more than the status alone; None where it says it all."""
    for code in (words.inner_code, words.code, words.type):
        reason = _REASON_OF_CODE.get(code)
        # What a key may do stays what the status says: 403 with a code of the rate would be no matter of waiting.
        if (reason is not None and status not in (401, 403, 413)) or code == "model_not_found":
            return reason
    if status in (400, 422) and words.code == "string_above_max_length" and _OF_CONTENT.match(words.param):
        # Of any other string, as the name of a tool, it says nothing about the context.
        return error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
    if status in (400, 402, 403, 429) and _SPENT.search(words.message):
        return error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
    if status in (400, 422) and _TOO_LONG.search(words.message):
        return error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
    if status in (400, 422) and _BLOCKED.search(words.message):
        return error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED
    if status == 404:
        # Wrong addresses are not found either, but say nothing about a model.
        if _NO_MODEL.search(words.message):
            return error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND
        return error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST
    if status == 498:
        # Groq's word for a class of service without room.
        return error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED
    return None
