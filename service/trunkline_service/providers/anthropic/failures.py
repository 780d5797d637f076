"""Anthropic's errors, in the contract's reasons.

An error has an HTTP status before the stream and only a type within it (there the status is 200), so both lead to the
same table. What decides further is, in this order: the machine code in `details.error_code`, then, for a 400, the few
phrases that name a cause which nothing else names; the wording of messages is not stable, and nothing but these rests
on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError, Violation
from trunkline_service.providers.anthropic import field_paths
from trunkline_service.providers.anthropic.headers import request_id, retry_after
from trunkline_service.providers.base import Target
from trunkline_service.providers.failures import (
    MAX_MESSAGE_CHARACTERS,
    failure,
    member,
    printable,
    reason_of_status,
)

MAX_REQUEST_BYTES = 32 * 1024 * 1024

_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_SPENT = re.compile(r"spend_limit|credit balance is too low|specified API usage limits|spend limit", re.IGNORECASE)
_NOT_A_MODEL = re.compile(r"\b(?:file|container|skill|thread|message|profile|workspace)\b", re.IGNORECASE)
_BLOCKED = re.compile(r"blocked by content filtering", re.IGNORECASE)
_TOO_LONG = (
    re.compile(r"prompt is too long: (?P<requested>\d+) tokens? > (?P<limit>\d+)"),
    re.compile(r"exceeds? (?:the )?context (?:limit|window)[^0-9]{0,100}(?P<requested>\d+) \+ \d+ > (?P<limit>\d+)"),
    re.compile(r"prompt is too long|exceeds? (?:the )?(?:model's )?context (?:limit|window)"),
)


def decode_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> GatewayError:
    """What a response that is not a success means. Its body may be anything: proxies answer in HTML."""
    said = read(body, target)
    metadata = {"upstream_status": str(status)}
    if identifier := request_id(headers) or said.request_id[:200]:
        metadata["upstream_request_id"] = identifier
    retryable = False if headers.get("x-should-retry") == "false" else None
    return to_error(status, said, target, metadata, delay=retry_after(headers), retryable=retryable)


def decode_stream_error(data: bytes, target: Target) -> GatewayError:
    """What an `error` event means. It has no status of its own; its type stands for one."""
    said = read(data, target)
    metadata = {"upstream_status": "200"}
    if said.request_id:
        metadata["upstream_request_id"] = said.request_id[:200]
    return to_error(_STATUS_OF_TYPE.get(said.type, 500), said, target, metadata)


@dataclass(frozen=True, slots=True)
class Said:
    """What an error says of itself; empty where it says nothing."""

    type: str = ""
    message: str = ""
    code: str = ""
    request_id: str = ""


def read(body: bytes, target: Target) -> Said:
    """What the body says, as far as it has the shape of an error; without the key, which a proxy may have quoted."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return Said()
    error = member(envelope, "error")
    found = (
        member(error, "type"),
        member(error, "message"),
        member(member(error, "details"), "error_code"),
        member(envelope, "request_id"),
    )
    return Said(*(printable(each, target) for each in found))


def to_error(
    status: int,
    said: Said,
    target: Target,
    metadata: dict[str, str],
    *,
    reason: ErrorReason.ValueType | None = None,
    delay: float | None = None,
    retryable: bool | None = None,
    limit: int = MAX_REQUEST_BYTES,
) -> GatewayError:
    """The error that these words mean, with a status (of its type, where it has none of its own), or with the `reason`
    if that is known. `limit` is of a request's bytes.
    """
    reason = _reason(status, said, target) if reason is None else reason
    if reason == error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED:
        metadata |= _lengths(said.message)
    if reason == error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE:
        metadata["limit"] = str(limit)
    path = field_paths.from_message(said.message)
    return failure(
        reason,
        target,
        code=said.code or said.type,
        message=said.message,
        metadata=metadata,
        violations=[Violation(path, said.message[:MAX_MESSAGE_CHARACTERS])] if path else (),
        delay=delay,
        retryable=retryable,
    )


def _reason(status: int, said: Said, target: Target) -> ErrorReason.ValueType:
    if status in (400, 429) and (_SPENT.search(said.code) or _SPENT.search(said.message)):
        return error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
    if status in (400, 422):
        if any(pattern.search(said.message) for pattern in _TOO_LONG):
            return error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
        if _BLOCKED.search(said.message):
            return error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED
    if status == 404:
        # Files and wrong addresses are not found either; the latter without the provider's own words.
        if said.type != "not_found_error" or _NOT_A_MODEL.search(said.message):
            return error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST
        return error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND
    return reason_of_status(status, target)


def _lengths(message: str) -> dict[str, str]:
    for pattern in _TOO_LONG:
        if match := pattern.search(message):
            return {name: value for name, value in match.groupdict().items() if value}
    return {}
