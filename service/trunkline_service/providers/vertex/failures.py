"""Errors of Vertex: Anthropic's own, which it passes on, and those that Google writes itself.

Google's are `{"error": {"code": 404, "message": …, "status": "NOT_FOUND"}}`, at times as the only item of a list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from trunkline.v1 import error_reason_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import failures
from trunkline_service.providers.anthropic.failures import Said
from trunkline_service.providers.anthropic.headers import request_id, retry_after
from trunkline_service.providers.base import Target
from trunkline_service.providers.failures import member, printable

# Where Google's word says more than the HTTP status that it comes with.
_REASONS: dict[str, ErrorReason.ValueType] = {
    "NOT_FOUND": error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND,
    "CANCELLED": error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR,
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> GatewayError:
    """What a response that is not a success means."""
    said = _google(body, target)
    if said is None:
        return failures.decode_error(status, headers, body, target)
    metadata = {"upstream_status": str(status)}
    if identifier := request_id(headers):
        metadata["upstream_request_id"] = identifier
    return failures.to_error(status, said, target, metadata, reason=_REASONS.get(said.code), delay=retry_after(headers))


def _google(body: bytes, target: Target) -> Said | None:
    """What an error in Google's form says; None if it has another form."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(envelope, list) and envelope:
        envelope = envelope[0]
    error = member(envelope, "error")
    code = printable(member(error, "status"), target)
    return Said(message=printable(member(error, "message"), target), code=code) if code else None
