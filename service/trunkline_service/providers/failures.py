"""What the errors of all providers have in common: the reasons that statuses stand for, and our texts for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError, Violation
from trunkline_service.providers import surrogates
from trunkline_service.providers.base import Target

MAX_MESSAGE_CHARACTERS = 500
MAX_SAID_CHARACTERS = 64 * 1024

_REASON_OF_STATUS: dict[int, ErrorReason.ValueType] = {
    402: error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
    408: error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT,
    409: error_reason_pb2.ERROR_REASON_UPSTREAM_CONFLICT,
    413: error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE,
    429: error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED,
    503: error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED,
    504: error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT,
    529: error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED,
}

_TEXTS: dict[ErrorReason.ValueType, str] = {
    error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST: "the provider rejected the request",
    error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: "the input does not fit the model's context window",
    error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED: "the provider's policy forbids the request",
    error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE: "the request is larger than the provider takes",
    error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED: "the provider cannot do that with the model",
    error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND: "the provider does not know the model",
    error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED: "the provider rejected the gateway's key",
    error_reason_pb2.ERROR_REASON_CALLER_CREDENTIALS_REJECTED: "the provider rejected the key in Target.api_key",
    error_reason_pb2.ERROR_REASON_CALLER_PERMISSION_DENIED: "the key in Target.api_key may not do this",
    error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED: "the account's quota at the provider is spent",
    error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED: "the provider limits the rate of calls",
    error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT: "the provider timed out",
    error_reason_pb2.ERROR_REASON_UPSTREAM_CONFLICT: "the provider found the request in conflict with its state",
    error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR: "the provider failed",
    error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED: "the provider is overloaded",
    error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR: "the provider answered in a way its API does not have",
}

_WITHOUT_A_KEY = "the provider rejected the gateway's credentials, or wants a key where the gateway has none for it"

# The provider's own words help where the request is at fault. Elsewhere they could say something about the account.
_QUOTED = frozenset(
    {
        error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
        error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED,
        error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED,
        error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE,
        error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND,
        error_reason_pb2.ERROR_REASON_UPSTREAM_CONFLICT,
    }
)


def reason_of_status(status: int, target: Target) -> ErrorReason.ValueType:
    """What a status means where nothing that was said means more."""
    if status in (401, 403) and not target.caller_key:
        return error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED
    if status == 401:
        return error_reason_pb2.ERROR_REASON_CALLER_CREDENTIALS_REJECTED
    if status == 403:
        return error_reason_pb2.ERROR_REASON_CALLER_PERMISSION_DENIED
    if (reason := _REASON_OF_STATUS.get(status)) is not None:
        return reason
    if status >= 500:
        return error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR
    if status >= 400:
        return error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST
    return error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR


def failure(
    reason: ErrorReason.ValueType,
    target: Target,
    *,
    code: str,
    message: str,
    metadata: Mapping[str, str],
    violations: Sequence[Violation] = (),
    delay: float | None = None,
    retryable: bool | None = None,
) -> GatewayError:
    """The error with the provider's own `code` and, where the request is at fault, its `message` and the fields."""
    facts = {**metadata, "provider": target.provider, "model": target.model}
    if code:
        facts["upstream_code"] = code[:100]
    text = _TEXTS[reason]
    if reason == error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED and not target.api_key:
        text = _WITHOUT_A_KEY
    quotes = reason in _QUOTED and bool(message)
    if quotes:
        facts["upstream_message"] = message[:MAX_MESSAGE_CHARACTERS]
        text = f"{text}: {facts['upstream_message']}"
    return GatewayError(
        reason,
        text,
        metadata=facts,
        violations=violations if quotes else (),
        retry_after=delay,
        retryable=retryable,
        resource=f"models/{target.model}" if reason == error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND else "",
    )


def printable(value: object, target: Target) -> str:
    """A text of the provider's as it may end up in terminals and logs of callers; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    text = surrogates.whole(value)[:MAX_SAID_CHARACTERS]
    text = "".join(character if character.isprintable() else " " for character in text)
    return text.replace(target.api_key, "…") if target.api_key else text


def member(value: object, name: str) -> object:
    """A member of what may be an object."""
    return value.get(name) if isinstance(value, dict) else None
