"""The one place where a gRPC status becomes an exception: by its ErrorReason, or else by its code."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2 as rpc  # type: ignore[import-untyped, unused-ignore]
from google.rpc import status_pb2  # type: ignore[import-untyped, unused-ignore]

from trunkline import errors
from trunkline.errors import APIError, Violation
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline.v1.route_pb2 import RouteReport

Trailers = Iterable[tuple[str, str | bytes]]

DOMAIN: Final = "trunkline"
REQUEST_ID_KEY: Final = "x-request-id"
DETAILS_KEY: Final = "grpc-status-details-bin"

BY_REASON: Final[Mapping[str, type[APIError]]] = {
    ErrorReason.Name(reason): error
    for reason, error in {
        ErrorReason.ERROR_REASON_UNSPECIFIED: APIError,
        ErrorReason.ERROR_REASON_INVALID_REQUEST: errors.InvalidRequestError,
        ErrorReason.ERROR_REASON_ROUTE_NOT_FOUND: errors.NotFoundError,
        ErrorReason.ERROR_REASON_CAPABILITY_NOT_SUPPORTED: errors.CapabilityNotSupportedError,
        ErrorReason.ERROR_REASON_UPSTREAM_REJECTED_REQUEST: errors.InvalidRequestError,
        ErrorReason.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: errors.ContextLengthError,
        ErrorReason.ERROR_REASON_CONTENT_BLOCKED: errors.ContentBlockedError,
        ErrorReason.ERROR_REASON_REQUEST_TOO_LARGE: errors.RequestTooLargeError,
        ErrorReason.ERROR_REASON_MODEL_NOT_FOUND: errors.NotFoundError,
        ErrorReason.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED: errors.UpstreamCredentialsError,
        ErrorReason.ERROR_REASON_CALLER_CREDENTIALS_REJECTED: errors.AuthenticationError,
        ErrorReason.ERROR_REASON_CALLER_PERMISSION_DENIED: errors.PermissionDeniedError,
        ErrorReason.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED: errors.QuotaExhaustedError,
        ErrorReason.ERROR_REASON_UPSTREAM_RATE_LIMITED: errors.RateLimitError,
        ErrorReason.ERROR_REASON_UPSTREAM_TIMEOUT: errors.UpstreamTimeoutError,
        ErrorReason.ERROR_REASON_UPSTREAM_CONFLICT: errors.ConflictError,
        ErrorReason.ERROR_REASON_UPSTREAM_ERROR: errors.UpstreamUnavailableError,
        ErrorReason.ERROR_REASON_UPSTREAM_OVERLOADED: errors.UpstreamOverloadedError,
        ErrorReason.ERROR_REASON_UPSTREAM_UNREACHABLE: errors.UpstreamUnavailableError,
        ErrorReason.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR: errors.UpstreamUnavailableError,
        ErrorReason.ERROR_REASON_STREAM_INTERRUPTED: errors.StreamInterruptedError,
        ErrorReason.ERROR_REASON_GATEWAY_OVERLOADED: errors.GatewayUnavailableError,
        ErrorReason.ERROR_REASON_GATEWAY_SHUTTING_DOWN: errors.GatewayUnavailableError,
        ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED: errors.DeadlineExceededError,
        ErrorReason.ERROR_REASON_SLOW_CONSUMER: errors.SlowConsumerError,
        ErrorReason.ERROR_REASON_INTERNAL: errors.InternalError,
        ErrorReason.ERROR_REASON_ANSWER_TOO_LARGE: errors.MessageTooLargeError,
        ErrorReason.ERROR_REASON_BATCH_NOT_FOUND: errors.NotFoundError,
        ErrorReason.ERROR_REASON_BATCH_NOT_ENDED: errors.BatchNotEndedError,
    }.items()
}

# For reasons newer than this package.
BY_CODE: Final[Mapping[grpc.StatusCode, type[APIError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.UNIMPLEMENTED: errors.UnimplementedError,
    grpc.StatusCode.UNAUTHENTICATED: errors.AuthenticationError,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDeniedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.QuotaExhaustedError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.ABORTED: errors.ConflictError,
    grpc.StatusCode.ALREADY_EXISTS: errors.ConflictError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceededError,
    grpc.StatusCode.CANCELLED: errors.CallCancelledError,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.DATA_LOSS: errors.InternalError,
}

# Without an ErrorInfo it was gRPC itself that spoke, here or on the other side.
BY_CODE_ALONE: Final[Mapping[grpc.StatusCode, type[APIError]]] = {
    **BY_CODE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.MessageTooLargeError,
    grpc.StatusCode.UNAVAILABLE: errors.GatewayUnreachableError,
}


def error(code: grpc.StatusCode, message: str | None, trailers: Trailers, request_id: str) -> APIError:
    """Make the exception for a status; `request_id` is the one that was sent."""
    found = {key: value for key, value in trailers if key in (DETAILS_KEY, REQUEST_ID_KEY)}
    status = _status(found.get(DETAILS_KEY))
    info = _detail(status, rpc.ErrorInfo())
    known = info.domain == DOMAIN
    retry = _detail(status, rpc.RetryInfo())
    retryable = status is not None and any(each.Is(retry.DESCRIPTOR) for each in status.details)
    delay = retry.retry_delay
    report = _detail(status, RouteReport())
    return _kind(code, info.reason if known else "", retryable)(
        message or code.name,
        code=code,
        reason=info.reason if known else "",
        metadata=dict(info.metadata) if known else {},
        request_id=_detail(status, rpc.RequestInfo()).request_id or str(found.get(REQUEST_ID_KEY, request_id)),
        retryable=retryable,
        retry_after=delay.seconds + delay.nanos / 1e9 if retry.HasField("retry_delay") else None,
        violations=[
            Violation(each.field, each.description) for each in _detail(status, rpc.BadRequest()).field_violations
        ],
        resource=_detail(status, rpc.ResourceInfo()).resource_name,
        route_report=report if report.ByteSize() else None,
        status=status,
    )


def _kind(code: grpc.StatusCode, reason: str, retryable: bool) -> type[APIError]:
    if not reason:
        return BY_CODE_ALONE.get(code, APIError)
    if reason in BY_REASON:
        return BY_REASON[reason]
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and retryable:
        return errors.RateLimitError
    return BY_CODE.get(code, APIError)


def _status(raw: str | bytes | None) -> status_pb2.Status | None:
    if not isinstance(raw, bytes):
        return None
    try:
        return status_pb2.Status.FromString(raw)
    except DecodeError:
        return None


_Detail = TypeVar("_Detail", bound=Message)


def _detail(status: status_pb2.Status | None, detail: _Detail) -> _Detail:
    """Fill `detail` from the status. It stays empty if the status has none of its kind, or one that is broken."""
    for packed in status.details if status is not None else ():
        if packed.Is(detail.DESCRIPTOR):
            with suppress(DecodeError):
                packed.Unpack(detail)
    return detail


def of_error(caught: grpc.RpcError, request_id: str) -> APIError:
    """Make the exception for a failed call of the blocking API."""
    trailers = cast("Trailers", caught.trailing_metadata())
    return error(caught.code(), caught.details(), trailers or (), request_id)


def only_the_call_ended(call: grpc.aio.Call) -> bool:
    """Tell apart what gRPC raises CancelledError for: the call was cancelled, or the task that waits for it."""
    task = asyncio.current_task()
    return call.cancelled() and (task is None or not task.cancelling())


async def of_call(call: grpc.aio.Call, request_id: str) -> APIError:
    """Make the exception for a failed call of the asyncio API.

    Asks the call, not the exception that was caught: that may have been made before the trailers came, with an internal
    error of gRPC's in the place of the details (grpc#43486).
    """
    code, details = await call.code(), await call.details()
    return error(code, details, await call.trailing_metadata() or (), request_id)
