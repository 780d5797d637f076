"""AWS's errors, in the contract's reasons.

The type of an error is in a header before the stream and in the name of a frame within it; its text is the only member
of the body that all have. Anthropic's own form comes on the paths that are Anthropic's own API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import failures, headers
from trunkline_service.providers.anthropic.failures import Said
from trunkline_service.providers.base import Target
from trunkline_service.providers.failures import member, printable

MAX_REQUEST_BYTES = 25 * 1024 * 1024

# The statuses that errors have before the stream, for those that come within it.
_STATUS_OF_TYPE = {
    "validationException": 400,
    "accessDeniedException": 403,
    "resourceNotFoundException": 404,
    "modelTimeoutException": 408,
    "modelErrorException": 424,
    "modelStreamErrorException": 424,
    "throttlingException": 429,
    "modelNotReadyException": 429,
    "internalServerException": 500,
    "serviceUnavailableException": 503,
    "serviceQuotaExceededException": 400,
}
# Types that say more than the status that they come with.
_REASON_OF_TYPE: dict[str, ErrorReason.ValueType] = {
    "serviceQuotaExceededException": error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
    "resourceNotFoundException": error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND,
    "modelNotReadyException": error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED,
    "throttlingException": error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED,
}
# Not let in, rather than not allowed to do something: for these AWS has the same status.
_NOT_LET_IN = frozenset(
    {
        "unrecognizedClientException", "invalidSignatureException", "expiredTokenException", "expiredToken",
        "incompleteSignatureException", "incompleteSignature", "missingAuthenticationTokenException",
        "missingAuthenticationToken", "invalidClientTokenId", "signatureDoesNotMatch",
    }
)  # fmt: skip
# The model failed, and may have said with which status.
_OF_THE_MODEL = ("modelErrorException", "modelStreamErrorException")

_NO_SUCH_MODEL = re.compile(r"provided model identifier is invalid", re.IGNORECASE)
_NOT_COUNTED = re.compile(r"doesn.t support counting tokens", re.IGNORECASE)
_TOO_LONG = re.compile(r"input is too long for requested model", re.IGNORECASE)
# Stands before what Anthropic's API said.
_OF_THE_MODELS_WORDS = "The model returned the following errors: "


def decode_error(status: int, response_headers: Mapping[str, str], body: bytes, target: Target) -> GatewayError:
    """What a response that is not a success means."""
    envelope = _parsed(body)
    kind = _type(response_headers.get("x-amzn-errortype") or member(envelope, "__type"), target)
    delay = headers.retry_after(response_headers)
    if not kind and member(envelope, "error") is not None:
        error = failures.decode_error(status, response_headers, body, target)
    else:
        error = _error(status, kind, envelope, target, delay)
    error.metadata["upstream_status"] = str(status)
    if identifier := request_id(response_headers):
        error.metadata["upstream_request_id"] = identifier
    return error


def decode_exception(kind: bytes, payload: bytes, target: Target) -> GatewayError:
    """What an exception within a stream means: its type, and its payload."""
    name = _type(kind.decode(errors="replace"), target)
    error = _error(_STATUS_OF_TYPE.get(name, 500), name, _parsed(payload), target, None)
    error.metadata["upstream_status"] = "200"
    return error


def request_id(response_headers: Mapping[str, str]) -> str:
    """AWS's id of the request, or Anthropic's; empty if there is none."""
    return response_headers.get("x-amzn-requestid", "")[:200] or headers.request_id(response_headers)


def _error(status: int, kind: str, envelope: object, target: Target, delay: float | None) -> GatewayError:
    message = printable(member(envelope, "message") or member(envelope, "Message"), target)
    message = message.removeprefix(_OF_THE_MODELS_WORDS)
    if kind in _OF_THE_MODEL:
        original = member(envelope, "originalStatusCode")
        status = original if isinstance(original, int) and 400 <= original < 600 else 500
        message = printable(member(envelope, "originalMessage"), target) or message
    reason = _REASON_OF_TYPE.get(kind)
    if status == 400 and _NO_SUCH_MODEL.search(message):
        reason = error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND
    elif status == 400 and _TOO_LONG.search(message):
        reason = error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
    elif status == 400 and _NOT_COUNTED.search(message):
        reason = error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED
    if kind in _NOT_LET_IN:
        status = 401
    return failures.to_error(
        status,
        Said(type=f"{kind[:1].upper()}{kind[1:]}", message=message),
        target,
        {},
        reason=reason,
        delay=delay,
        limit=MAX_REQUEST_BYTES,
    )


def _type(value: object, target: Target) -> str:
    """The type of an error, as it is written in streams: without the namespaces that headers and bodies add."""
    name = printable(value, target).split(":", 1)[0].rsplit("#", 1)[-1].strip()
    return f"{name[:1].lower()}{name[1:]}"


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
