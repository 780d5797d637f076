"""Every way to fail has its exception, and the exception has all that the status said."""

import pickle

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc

import trunkline
from clients.both import AnyClient
from clients.scripted import Fail, Header, ScriptedServer, failure
from trunkline import errors
from trunkline.errors import APIError, InvalidRequestError, UnavailableError
from trunkline.statuses import BY_REASON
from trunkline.v1 import ErrorReason

C = grpc.StatusCode

# As error_reason.proto has it: the code, whether there is a RetryInfo, and here the exception.
REASONS = {
    "INVALID_REQUEST": (C.INVALID_ARGUMENT, False, errors.InvalidRequestError),
    "ROUTE_NOT_FOUND": (C.NOT_FOUND, False, errors.NotFoundError),
    "CAPABILITY_NOT_SUPPORTED": (C.UNIMPLEMENTED, False, errors.CapabilityNotSupportedError),
    "UPSTREAM_REJECTED_REQUEST": (C.INVALID_ARGUMENT, False, errors.InvalidRequestError),
    "CONTEXT_LENGTH_EXCEEDED": (C.INVALID_ARGUMENT, False, errors.ContextLengthError),
    "CONTENT_BLOCKED": (C.INVALID_ARGUMENT, False, errors.ContentBlockedError),
    "REQUEST_TOO_LARGE": (C.INVALID_ARGUMENT, False, errors.RequestTooLargeError),
    "MODEL_NOT_FOUND": (C.NOT_FOUND, False, errors.NotFoundError),
    "UPSTREAM_CREDENTIALS_REJECTED": (C.FAILED_PRECONDITION, False, errors.UpstreamCredentialsError),
    "CALLER_CREDENTIALS_REJECTED": (C.UNAUTHENTICATED, False, errors.AuthenticationError),
    "CALLER_PERMISSION_DENIED": (C.PERMISSION_DENIED, False, errors.PermissionDeniedError),
    "UPSTREAM_QUOTA_EXHAUSTED": (C.RESOURCE_EXHAUSTED, False, errors.QuotaExhaustedError),
    "UPSTREAM_RATE_LIMITED": (C.RESOURCE_EXHAUSTED, True, errors.RateLimitError),
    "UPSTREAM_TIMEOUT": (C.UNAVAILABLE, True, errors.UpstreamTimeoutError),
    "UPSTREAM_CONFLICT": (C.ABORTED, False, errors.ConflictError),
    "UPSTREAM_ERROR": (C.UNAVAILABLE, True, errors.UpstreamUnavailableError),
    "UPSTREAM_OVERLOADED": (C.UNAVAILABLE, True, errors.UpstreamOverloadedError),
    "UPSTREAM_UNREACHABLE": (C.UNAVAILABLE, True, errors.UpstreamUnavailableError),
    "UPSTREAM_PROTOCOL_ERROR": (C.UNAVAILABLE, True, errors.UpstreamUnavailableError),
    "STREAM_INTERRUPTED": (C.ABORTED, False, errors.StreamInterruptedError),
    "GATEWAY_OVERLOADED": (C.UNAVAILABLE, True, errors.GatewayUnavailableError),
    "GATEWAY_SHUTTING_DOWN": (C.UNAVAILABLE, True, errors.GatewayUnavailableError),
    "DEADLINE_EXCEEDED": (C.DEADLINE_EXCEEDED, False, errors.DeadlineExceededError),
    "SLOW_CONSUMER": (C.ABORTED, False, errors.SlowConsumerError),
    "INTERNAL": (C.INTERNAL, False, errors.InternalError),
    "ANSWER_TOO_LARGE": (C.RESOURCE_EXHAUSTED, False, errors.MessageTooLargeError),
    "BATCH_NOT_FOUND": (C.NOT_FOUND, False, errors.NotFoundError),
    "BATCH_NOT_ENDED": (C.FAILED_PRECONDITION, False, errors.BatchNotEndedError),
}

# What gRPC itself says, and what a gateway says whose reasons are newer than this package.
CODES = {
    C.CANCELLED: (errors.CallCancelledError, errors.CallCancelledError),
    C.UNKNOWN: (APIError, APIError),
    C.INVALID_ARGUMENT: (InvalidRequestError, InvalidRequestError),
    C.DEADLINE_EXCEEDED: (errors.DeadlineExceededError, errors.DeadlineExceededError),
    C.NOT_FOUND: (errors.NotFoundError, errors.NotFoundError),
    C.ALREADY_EXISTS: (errors.ConflictError, errors.ConflictError),
    C.PERMISSION_DENIED: (errors.PermissionDeniedError, errors.PermissionDeniedError),
    C.RESOURCE_EXHAUSTED: (errors.MessageTooLargeError, errors.QuotaExhaustedError),
    C.FAILED_PRECONDITION: (APIError, APIError),
    C.ABORTED: (errors.ConflictError, errors.ConflictError),
    C.OUT_OF_RANGE: (InvalidRequestError, InvalidRequestError),
    C.UNIMPLEMENTED: (errors.UnimplementedError, errors.UnimplementedError),
    C.INTERNAL: (errors.InternalError, errors.InternalError),
    C.UNAVAILABLE: (errors.GatewayUnreachableError, UnavailableError),
    C.DATA_LOSS: (errors.InternalError, errors.InternalError),
    C.UNAUTHENTICATED: (errors.AuthenticationError, errors.AuthenticationError),
}


async def caught(client: AnyClient, server: ScriptedServer, fail: Fail) -> APIError:
    """Fail the same way in each method; the exceptions must not differ."""
    for _ in range(3):
        server.script(Header("x-request-id", "r-1"), fail)
    with pytest.raises(APIError) as chat:
        await client.chat("Hi")
    with pytest.raises(APIError) as count:
        await client.count_tokens("Hi")
    stream = client.stream("Hi")
    with pytest.raises(APIError) as final:
        async with stream:
            await stream.final()
    assert type(chat.value) is type(count.value) is type(final.value)
    assert str(chat.value) == str(count.value) == str(final.value)
    assert isinstance(chat.value.__cause__, grpc.RpcError)
    return chat.value


def test_the_tables_are_complete() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in BY_REASON}
    assert names == {*REASONS, "UNSPECIFIED"}
    assert [*BY_REASON] == ErrorReason.keys()
    assert set(CODES) == set(C) - {C.OK}


@pytest.mark.parametrize("name", REASONS)
async def test_reasons(client: AnyClient, server: ScriptedServer, name: str) -> None:
    code, retryable, expected = REASONS[name]
    reason = f"ERROR_REASON_{name}"
    fail = failure(
        reason,
        code,
        rpc.RequestInfo(request_id="r-1"),
        retry_after=1.5 if retryable else None,
        provider="eu",
        model="m-1",
        upstream_status="418",
        upstream_request_id="up-1",
        upstream_code="teapot",
    )
    error = await caught(client, server, fail)
    assert type(error) is expected
    assert (error.reason, error.code, error.message) == (reason, code, "it failed")
    assert (error.provider, error.model, error.request_id) == ("eu", "m-1", "r-1")
    assert (error.upstream_status, error.upstream_request_id) == (418, "up-1")
    assert error.metadata["upstream_code"] == "teapot"
    assert error.retryable is retryable
    assert error.retry_after == (1.5 if retryable else None)
    assert error.partial is None
    assert str(error) == f"{reason}: it failed (provider=eu, model=m-1, request_id=r-1)"


@pytest.mark.parametrize("code", CODES)
async def test_codes_without_a_reason(client: AnyClient, server: ScriptedServer, code: C) -> None:
    error = await caught(client, server, Fail(code))
    assert type(error) is CODES[code][0]
    assert (error.reason, error.code, error.message, error.request_id) == ("", code, "it failed", "r-1")
    assert not error.retryable
    assert str(error) == f"{code.name}: it failed (request_id=r-1)"


@pytest.mark.parametrize("code", CODES)
async def test_newer_reasons(client: AnyClient, server: ScriptedServer, code: C) -> None:
    error = await caught(client, server, failure("ERROR_REASON_FROM_TOMORROW", code, provider="eu"))
    assert type(error) is CODES[code][1]
    assert (error.reason, error.provider) == ("ERROR_REASON_FROM_TOMORROW", "eu")


async def test_a_newer_reason_to_wait_is_a_rate_limit(client: AnyClient, server: ScriptedServer) -> None:
    fail = failure("ERROR_REASON_FROM_TOMORROW", C.RESOURCE_EXHAUSTED, retry_after=2)
    assert type(await caught(client, server, fail)) is errors.RateLimitError


async def test_violations(client: AnyClient, server: ScriptedServer) -> None:
    bad = rpc.BadRequest(field_violations=[{"field": "input.model", "description": "missing"}])
    error = await caught(client, server, failure("ERROR_REASON_INVALID_REQUEST", C.INVALID_ARGUMENT, bad))
    assert error.violations == (("input.model", "missing"),)
    assert error.violations[0].field == "input.model"


async def test_further_details(client: AnyClient, server: ScriptedServer) -> None:
    resource = rpc.ResourceInfo(resource_type="model", resource_name="m-9")
    error = await caught(client, server, failure("ERROR_REASON_MODEL_NOT_FOUND", C.NOT_FOUND, resource))
    assert error.resource == "m-9"
    quota = rpc.QuotaFailure(violations=[{"subject": "org"}])
    error = await caught(client, server, failure("ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED", C.RESOURCE_EXHAUSTED, quota))
    assert error.status is not None
    assert len(error.status.details) == 2  # type: ignore[attr-defined]


async def test_numbers(client: AnyClient, server: ScriptedServer) -> None:
    fail = failure("ERROR_REASON_CONTEXT_LENGTH_EXCEEDED", C.INVALID_ARGUMENT, limit="1000", requested="many")
    error = await caught(client, server, fail)
    assert isinstance(error, errors.ContextLengthError)
    assert (error.limit, error.requested, error.upstream_status) == (1000, None, None)
    fail = failure("ERROR_REASON_REQUEST_TOO_LARGE", C.INVALID_ARGUMENT, limit="7")
    error = await caught(client, server, fail)
    assert isinstance(error, errors.RequestTooLargeError)
    assert error.limit == 7
    fail = failure("ERROR_REASON_CAPABILITY_NOT_SUPPORTED", C.UNIMPLEMENTED, capability="audio")
    error = await caught(client, server, fail)
    assert isinstance(error, errors.CapabilityNotSupportedError)
    assert error.capability == "audio"


async def test_retrying_may_be_allowed_without_a_delay(client: AnyClient, server: ScriptedServer) -> None:
    fail = failure("ERROR_REASON_UPSTREAM_RATE_LIMITED", C.RESOURCE_EXHAUSTED, rpc.RetryInfo())
    error = await caught(client, server, fail)
    assert error.retryable
    assert error.retry_after is None


async def test_another_domain_s_reason_is_not_ours(client: AnyClient, server: ScriptedServer) -> None:
    fail = failure("ERROR_REASON_INTERNAL", C.UNAVAILABLE, domain="proxy.example.com", provider="x")
    error = await caught(client, server, fail)
    assert type(error) is errors.GatewayUnreachableError
    assert (error.reason, dict(error.metadata)) == ("", {})


@pytest.mark.parametrize("raw", [b"", b"\xff\xff\xff", b"\x1a\x05\x0a\x03abc"])
async def test_broken_details_do_no_harm(client: AnyClient, server: ScriptedServer, raw: bytes) -> None:
    error = await caught(client, server, Fail(C.INTERNAL, raw_details=raw))
    assert type(error) is errors.InternalError
    assert error.message == "it failed"


async def test_a_detail_with_a_broken_value_does_no_harm(client: AnyClient, server: ScriptedServer) -> None:
    kind = b"type.googleapis.com/google.rpc.ErrorInfo"
    packed = b"\x0a" + bytes([len(kind)]) + kind + b"\x12\x02\xff\xff"
    error = await caught(client, server, Fail(C.INTERNAL, raw_details=b"\x1a" + bytes([len(packed)]) + packed))
    assert type(error) is errors.InternalError


def test_every_exception_is_public_and_below_one() -> None:
    found = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, APIError)}
    assert found <= set(trunkline.__all__)
    reachable = {kind.__name__ for table in (REASONS,) for *_, kind in table.values()}
    reachable |= {kind.__name__ for pair in CODES.values() for kind in pair} | {"ProtocolError"}
    assert found == reachable


def test_exceptions_can_be_sent_to_another_process() -> None:
    error = errors.RateLimitError("slow down", code=C.RESOURCE_EXHAUSTED, reason="R", retry_after=1.0)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
