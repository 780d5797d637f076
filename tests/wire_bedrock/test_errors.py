"""AWS's errors before the stream, and Anthropic's where the path is Anthropic's own."""

from __future__ import annotations

import dataclasses
import json

import pytest

from trunkline.v1.error_reason_pb2 import ErrorReason
from wire_bedrock.test_requests import INVOKE, MANTLE, MESSAGES, TARGET

ERRORS = [
    (400, "ValidationException", "max_tokens: too many", "UPSTREAM_REJECTED_REQUEST"),
    (400, "ValidationException", "The provided model identifier is invalid.", "MODEL_NOT_FOUND"),
    (400, "ValidationException", "Input is too long for requested model.", "CONTEXT_LENGTH_EXCEEDED"),
    (400, "ValidationException", "prompt is too long: 9 tokens > 8 maximum", "CONTEXT_LENGTH_EXCEEDED"),
    (400, "ServiceQuotaExceededException", "m", "UPSTREAM_QUOTA_EXHAUSTED"),
    (403, "AccessDeniedException", "m", "UPSTREAM_CREDENTIALS_REJECTED"),
    (403, "ExpiredTokenException", "m", "UPSTREAM_CREDENTIALS_REJECTED"),
    (403, "InvalidSignatureException", "m", "UPSTREAM_CREDENTIALS_REJECTED"),
    (404, "ResourceNotFoundException", "the inference profile is gone", "MODEL_NOT_FOUND"),
    (408, "ModelTimeoutException", "m", "UPSTREAM_TIMEOUT"),
    (413, "RequestEntityTooLargeException", "m", "REQUEST_TOO_LARGE"),
    (424, "ModelErrorException", "m", "UPSTREAM_ERROR"),
    (429, "ThrottlingException", "m", "UPSTREAM_RATE_LIMITED"),
    (429, "ModelNotReadyException", "m", "UPSTREAM_OVERLOADED"),
    (500, "InternalServerException", "m", "UPSTREAM_ERROR"),
    (503, "ServiceUnavailableException", "m", "UPSTREAM_OVERLOADED"),
    (418, "SomethingNewException", "m", "UPSTREAM_REJECTED_REQUEST"),
]


@pytest.mark.parametrize(("status", "kind", "message", "reason"), ERRORS)
@pytest.mark.parametrize("spelled", ["{}", "{}:http://internal.amazon.com/coral/com.amazon.bedrock/"])
def test_errors_by_their_header(status: int, kind: str, message: str, reason: str, spelled: str) -> None:
    headers = {"x-amzn-errortype": spelled.format(kind), "x-amzn-requestid": "11-22"}
    body = json.dumps({"message": message}).encode()
    for provider in (INVOKE, MESSAGES, MANTLE):
        error = provider.decode_error(status, headers, body, TARGET)
        assert ErrorReason.Name(error.reason) == f"ERROR_REASON_{reason}"
        assert error.metadata["upstream_code"] == kind
        assert error.metadata["upstream_status"] == str(status)
        assert error.metadata["upstream_request_id"] == "11-22"
        assert error.retry_after is None
        assert provider.request_id(headers) == "11-22"


def test_errors_by_their_body() -> None:
    body = b'{"__type":"com.amazon.coral.service#ThrottlingException","Message":"m"}'
    error = INVOKE.decode_error(429, {}, body, TARGET)
    assert error.metadata["upstream_code"] == "ThrottlingException"


def test_errors_of_anthropics_own() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"req_1"}'
    error = MESSAGES.decode_error(529, {"x-amzn-requestid": "aws"}, body, TARGET)
    assert ErrorReason.Name(error.reason) == "ERROR_REASON_UPSTREAM_OVERLOADED"
    assert error.metadata["upstream_code"] == "overloaded_error"
    assert error.metadata["upstream_request_id"] == "aws"


def test_the_field_that_is_wrong_is_named() -> None:
    message = "The model returned the following errors: messages.0.content.1.text: wrong"
    headers = {"x-amzn-errortype": "ValidationException"}
    error = INVOKE.decode_error(400, headers, json.dumps({"message": message}).encode(), TARGET)
    assert [each.field for each in error.violations] == ["input.messages[0].content[1].text"]


def test_a_request_too_large_is_told_the_limit() -> None:
    assert INVOKE.decode_error(413, {}, b"", TARGET).metadata["limit"] == str(25 * 2**20)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b'{"message":7}', b'{"message":null}', b"\xff"])
def test_bodies_of_any_kind(body: bytes) -> None:
    assert ErrorReason.Name(INVOKE.decode_error(502, {}, body, TARGET).reason) == "ERROR_REASON_UPSTREAM_ERROR"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("UnrecognizedClientException", "CALLER_CREDENTIALS_REJECTED"),
        ("AccessDeniedException", "CALLER_PERMISSION_DENIED"),
    ],
)
def test_a_callers_own_key(kind: str, reason: str) -> None:
    target = dataclasses.replace(TARGET, api_key="key-of-the-caller", caller_key=True)
    error = INVOKE.decode_error(403, {"x-amzn-errortype": kind}, b'{"message":"m"}', target)
    assert ErrorReason.Name(error.reason) == f"ERROR_REASON_{reason}"
    assert error.metadata["upstream_status"] == "403"
