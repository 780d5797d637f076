"""Errors to gRPC statuses: the only place that knows both.

The rules are those of `error_reason.proto`: one ErrorInfo, always a RequestInfo, a RetryInfo if and only if the same
call may work later, and all of it small enough to arrive. Trailers beyond 8 KiB may be replaced by an error about
their size.
"""

from __future__ import annotations

import urllib.parse
from typing import NamedTuple

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from trunkline.v1 import error_reason_pb2, route_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.errors import GatewayError

DOMAIN = "trunkline"
MAX_STATUS_BYTES = 4096
MAX_MESSAGE_BYTES = 1024
# The message goes out twice: in the status, and as a trailer in which a byte that is not ASCII takes three.
MAX_ENCODED_MESSAGE_BYTES = 1536
DEFAULT_RETRY_SECONDS = 1.0


class Rule(NamedTuple):
    """How a reason looks from outside."""

    code: grpc.StatusCode
    retryable: bool


_CODES = grpc.StatusCode

RULES: dict[ErrorReason.ValueType, Rule] = {
    error_reason_pb2.ERROR_REASON_INVALID_REQUEST: Rule(_CODES.INVALID_ARGUMENT, False),
    error_reason_pb2.ERROR_REASON_ROUTE_NOT_FOUND: Rule(_CODES.NOT_FOUND, False),
    error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED: Rule(_CODES.UNIMPLEMENTED, False),
    error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST: Rule(_CODES.INVALID_ARGUMENT, False),
    error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: Rule(_CODES.INVALID_ARGUMENT, False),
    error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED: Rule(_CODES.INVALID_ARGUMENT, False),
    error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE: Rule(_CODES.INVALID_ARGUMENT, False),
    error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND: Rule(_CODES.NOT_FOUND, False),
    error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED: Rule(_CODES.FAILED_PRECONDITION, False),
    error_reason_pb2.ERROR_REASON_CALLER_CREDENTIALS_REJECTED: Rule(_CODES.UNAUTHENTICATED, False),
    error_reason_pb2.ERROR_REASON_CALLER_PERMISSION_DENIED: Rule(_CODES.PERMISSION_DENIED, False),
    error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED: Rule(_CODES.RESOURCE_EXHAUSTED, False),
    error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED: Rule(_CODES.RESOURCE_EXHAUSTED, True),
    error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT: Rule(_CODES.UNAVAILABLE, True),
    error_reason_pb2.ERROR_REASON_UPSTREAM_CONFLICT: Rule(_CODES.ABORTED, False),
    error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR: Rule(_CODES.UNAVAILABLE, True),
    error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED: Rule(_CODES.UNAVAILABLE, True),
    error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE: Rule(_CODES.UNAVAILABLE, True),
    error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR: Rule(_CODES.UNAVAILABLE, True),
    error_reason_pb2.ERROR_REASON_STREAM_INTERRUPTED: Rule(_CODES.ABORTED, False),
    error_reason_pb2.ERROR_REASON_GATEWAY_OVERLOADED: Rule(_CODES.UNAVAILABLE, True),
    error_reason_pb2.ERROR_REASON_GATEWAY_SHUTTING_DOWN: Rule(_CODES.UNAVAILABLE, True),
    error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED: Rule(_CODES.DEADLINE_EXCEEDED, False),
    error_reason_pb2.ERROR_REASON_SLOW_CONSUMER: Rule(_CODES.ABORTED, False),
    error_reason_pb2.ERROR_REASON_INTERNAL: Rule(_CODES.INTERNAL, False),
    error_reason_pb2.ERROR_REASON_ANSWER_TOO_LARGE: Rule(_CODES.RESOURCE_EXHAUSTED, False),
    error_reason_pb2.ERROR_REASON_BATCH_NOT_FOUND: Rule(_CODES.NOT_FOUND, False),
    error_reason_pb2.ERROR_REASON_BATCH_NOT_ENDED: Rule(_CODES.FAILED_PRECONDITION, False),
}

_QUOTA = (
    error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
    error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED,
)
_FIELDS = (
    error_reason_pb2.ERROR_REASON_INVALID_REQUEST,
    error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED,
    error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
)


# What gRPC leaves as it is in a status message.
_PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


class Status(NamedTuple):
    """A status as grpc.aio's `abort_with_status` takes it."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def to_status(error: GatewayError, request_id: str) -> Status:
    """The status of a call that failed with `error`."""
    status = to_proto(error, request_id)
    trailers: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status.SerializeToString()),
        ("x-request-id", request_id),
    ]
    if "provider" in error.metadata:
        # One was asked, and the gateway has made its attempts. A client library that repeats UNAVAILABLE by itself
        # would multiply them.
        trailers.append(("grpc-retry-pushback-ms", "-1"))
    return Status(RULES[error.reason].code, status.message, tuple(trailers))


def to_proto(error: GatewayError, request_id: str) -> status_pb2.Status:
    """The same as a message, with its details."""
    rule = RULES[error.reason]
    status = status_pb2.Status(code=rule.code.value[0], message=_message(error.message))
    _add(
        status,
        error_details_pb2.ErrorInfo(
            reason=error.reason_name,
            domain=DOMAIN,
            metadata={key: _cut(value, 256) for key, value in error.metadata.items() if value},
        ),
    )
    _add(status, error_details_pb2.RequestInfo(request_id=request_id))
    retryable = rule.retryable if error.retryable is None else error.retryable
    if retryable:
        delay = duration_pb2.Duration()
        seconds = DEFAULT_RETRY_SECONDS if error.retry_after is None else error.retry_after
        delay.FromNanoseconds(int(seconds * 1e9))
        _add(status, error_details_pb2.RetryInfo(retry_delay=delay))
    if error.reason in _QUOTA:
        subject = f"provider:{error.metadata.get('provider', '')}"
        violation = error_details_pb2.QuotaFailure.Violation(subject=subject, description=_cut(error.message, 256))
        _add(status, error_details_pb2.QuotaFailure(violations=[violation]))
    if error.resource:
        kind, _, name = error.resource.partition("/")
        _add(status, error_details_pb2.ResourceInfo(resource_type=kind, resource_name=_cut(name, 256)))
    if error.violations and error.reason in _FIELDS:
        _add_violations(status, error)
    if error.report is not None and error.report.attempts:
        _add_report(status, error.report)
    return status


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)


def _add_violations(status: status_pb2.Status, error: GatewayError) -> None:
    """Adds as many violations as fit, and the count of the rest."""
    bad = error_details_pb2.BadRequest()
    room = MAX_STATUS_BYTES - status.ByteSize() - 256
    for number, violation in enumerate(error.violations):
        entry = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(violation.field, 256), description=_cut(violation.description, 512)
        )
        room -= entry.ByteSize() + 4
        if room < 0:
            rest = len(error.violations) - number
            bad.field_violations.add(field="", description=f"and {rest} more")
            break
        bad.field_violations.append(entry)
    _add(status, bad)


def _add_report(status: status_pb2.Status, report: route_pb2.RouteReport) -> None:
    """Adds the report of the route: all of it, or its first and its last attempts, or nothing, as there is room."""
    short = route_pb2.RouteReport()
    short.CopyFrom(report)
    for attempt in short.attempts:
        attempt.ClearField("rate_limits")
        attempt.usage.ClearField("provider_usage_json")
    while short.attempts:
        if status.ByteSize() + short.ByteSize() + 64 <= MAX_STATUS_BYTES:
            _add(status, short)
            return
        del short.attempts[len(short.attempts) // 2]


def _message(text: str) -> str:
    text = _cut(text, MAX_MESSAGE_BYTES)
    encoded = urllib.parse.quote(text, safe=_PLAIN, errors="replace")
    return text if len(encoded) <= MAX_ENCODED_MESSAGE_BYTES else _cut(text, MAX_ENCODED_MESSAGE_BYTES // 3)


def _cut(text: str, limit: int) -> str:
    data = text.encode("utf-8", "replace")
    return text if len(data) <= limit else data[: limit - 3].decode("utf-8", "ignore") + "…"
