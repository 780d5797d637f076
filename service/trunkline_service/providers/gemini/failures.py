"""Gemini's errors, in the contract's reasons.

They are those of all of Google's APIs: `{"error": {"code", "status", "message", "details"}}`, with details such as
ErrorInfo, QuotaFailure, RetryInfo and BadRequest. Before the stream and within it they are the same, but that within it
the HTTP status is 200, so that the error's own code counts. The machine's words decide; the wording of messages does
only where nothing else tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError, Violation
from trunkline_service.providers import delays
from trunkline_service.providers.base import Target
from trunkline_service.providers.failures import (
    MAX_MESSAGE_CHARACTERS,
    failure,
    member,
    printable,
    reason_of_status,
)
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.gemini.field_paths import contract_path

MAX_VIOLATIONS = 20

_STATUS_OF_NAME = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 500,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 400,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

# A key that is no key is a bad request to Google.
_BAD_KEY = re.compile("API_KEY_(?:INVALID|EXPIRED|SERVICE_BLOCKED)|ACCESS_TOKEN_.+|CREDENTIALS_MISSING")
_BAD_KEY_TEXT = re.compile(r"API key (?:not valid|expired|not found)", re.IGNORECASE)
_SPENT = re.compile(
    r"(?:credits?|prepayment) .{0,40}(?:depleted|exhausted)|spending (?:cap|limit)|\blimit: 0\b", re.IGNORECASE
)
_MODEL = re.compile(r"\bmodels?/|\bpublisher model\b|\bmodel\b.{0,200}\bnot (?:found|supported)", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"input token count(?: \((?P<requested>\d+)\))? exceeds the maximum number of tokens allowed"
    r" \(?(?P<limit>\d+)\)?",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(r"payload size exceeds the limit: (?P<limit>\d+)", re.IGNORECASE)


def decode_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> GatewayError:
    """What a response that is not a success means. Its body may be anything: proxies answer in HTML."""
    said = _said(body, target)
    return _error(status, said, target, status, delays.retry_after(headers))


def decode_stream_error(data: bytes, target: Target) -> GatewayError:
    """What an error within a stream means: its own code stands for the status."""
    said = _said(data, target)
    status = said.code if 400 <= said.code < 600 else _STATUS_OF_NAME.get(said.status, 500)
    return _error(status, said, target, 200, None)


def blocked(feedback: msgspec.Raw, target: Target) -> GatewayError | None:
    """The error that a `promptFeedback` without an answer stands for; None if the prompt was not blocked.

    Raises `JsonTextError` if it is not a JSON object.
    """
    fields = Fields(feedback)
    reason = fields.text("blockReason") or ""
    if reason in ("", "BLOCK_REASON_UNSPECIFIED"):
        return None
    said = _Said(status=printable(reason, target), message=printable(fields.text("blockReasonMessage"), target))
    return _gateway_error(error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED, said, target, 200, None)


# Reasons to finish that are failures: the model wrote what is no answer, or was asked in a way that it cannot take.
_FAILED_FINISHES: Mapping[str, ErrorReason.ValueType] = {
    **dict.fromkeys(
        ("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
        error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR,
    ),
    "MISSING_THOUGHT_SIGNATURE": error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
}


def failed_finish(reason: str, message: str, target: Target) -> GatewayError | None:
    """The error that a reason to finish stands for, with Gemini's own words on it; None if the answer just ended."""
    kind = _FAILED_FINISHES.get(reason)
    if kind is None:
        return None
    return _gateway_error(kind, _Said(status=reason, message=printable(message, target)), target, 200, None)


@dataclass(frozen=True, slots=True)
class _Said:
    """What an error says, as far as it has the shape of one."""

    code: int = 0
    status: str = ""
    message: str = ""
    # Of its details: what the machine calls the cause, the ids of the quotas, how long to wait, and bad fields.
    cause: str = ""
    quotas: tuple[str, ...] = ()
    delay: float | None = None
    fields: tuple[tuple[str, str], ...] = ()


def _said(body: bytes, target: Target) -> _Said:
    """What the body says, without the key, which a proxy may have quoted."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return _Said()
    if isinstance(envelope, list) and envelope:
        # Without `alt=sse`, a stream is a list, and so is an error.
        envelope = envelope[0]
    error = member(envelope, "error")

    def text(value: object) -> str:
        return printable(value, target)

    code = member(error, "code")
    details = member(error, "details")
    cause, quotas, delay, fields = "", [], None, []
    for detail in details if isinstance(details, list) else ():
        match text(member(detail, "@type")).rpartition(".")[2]:
            case "ErrorInfo":
                cause = cause or text(member(detail, "reason"))
            case "RetryInfo":
                delay = delays.seconds(text(member(detail, "retryDelay")).removesuffix("s"))
            case "QuotaFailure":
                quotas += [
                    f"{text(member(each, 'quotaId'))} {text(member(each, 'quotaMetric'))}"
                    for each in _items(detail, "violations")
                ]
            case "BadRequest":
                fields += [
                    (text(member(each, "field")), text(member(each, "description")))
                    for each in _items(detail, "fieldViolations")
                ]
    return _Said(
        code=code if isinstance(code, int) else 0,
        status=text(member(error, "status")),
        message=text(member(error, "message")),
        cause=cause,
        quotas=tuple(quotas),
        delay=delay,
        fields=tuple(fields[:MAX_VIOLATIONS]),
    )


def _items(value: object, name: str) -> Iterator[object]:
    items = member(value, name)
    yield from items if isinstance(items, list) else ()


def _error(status: int, said: _Said, target: Target, http_status: int, delay: float | None) -> GatewayError:
    reason = _reason(status, said, target)
    if reason == error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED:
        # Google adds a delay of seconds even to quotas of a day.
        return _gateway_error(reason, said, target, http_status, None)
    return _gateway_error(reason, said, target, http_status, delay if said.delay is None else said.delay)


def _gateway_error(
    reason: ErrorReason.ValueType, said: _Said, target: Target, http_status: int, delay: float | None
) -> GatewayError:
    metadata = {"upstream_status": str(http_status)}
    if reason == error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED and (match := _TOO_LONG.search(said.message)):
        metadata |= {name: value for name, value in match.groupdict().items() if value}
    if reason == error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE and (match := _TOO_LARGE.search(said.message)):
        metadata["limit"] = match["limit"]
    return failure(
        reason,
        target,
        code=said.cause or said.status,
        message=said.message,
        metadata=metadata,
        violations=[
            Violation(path, description[:MAX_MESSAGE_CHARACTERS])
            for field, description in said.fields
            if (path := contract_path(field))
        ],
        delay=delay,
    )


def _reason(status: int, said: _Said, target: Target) -> ErrorReason.ValueType:
    if status == 400:
        if _BAD_KEY.fullmatch(said.cause) or _BAD_KEY_TEXT.search(said.message):
            status = 401
        elif _TOO_LONG.search(said.message):
            return error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
        elif _TOO_LARGE.search(said.message):
            return error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE
    if status == 429:
        if any("PerDay" in quota or "per_day" in quota for quota in said.quotas) or _SPENT.search(said.message):
            return error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
        return error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED
    if status == 404:
        # Files, caches and wrong addresses are not found either.
        if _MODEL.search(said.message):
            return error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND
        return error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST
    if status == 499:
        return error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR
    return reason_of_status(status, target)
