"""Errors of Vertex, in Anthropic's form and in Google's."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from trunkline.v1.error_reason_pb2 import ErrorReason
from wire_vertex.test_requests import PROVIDER, TARGET


def google(code: int, status: str, message: str = "said by Google") -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "status": status}}).encode()


ERRORS: dict[str, tuple[int, bytes, str, str]] = {
    "an argument": (400, google(400, "INVALID_ARGUMENT"), "UPSTREAM_REJECTED_REQUEST", "INVALID_ARGUMENT"),
    "a precondition": (400, google(400, "FAILED_PRECONDITION"), "UPSTREAM_REJECTED_REQUEST", "FAILED_PRECONDITION"),
    "no token": (401, google(401, "UNAUTHENTICATED"), "UPSTREAM_CREDENTIALS_REJECTED", "UNAUTHENTICATED"),
    "no permission": (403, google(403, "PERMISSION_DENIED"), "UPSTREAM_CREDENTIALS_REJECTED", "PERMISSION_DENIED"),
    "no model": (404, google(404, "NOT_FOUND"), "MODEL_NOT_FOUND", "NOT_FOUND"),
    "the rate": (429, google(429, "RESOURCE_EXHAUSTED"), "UPSTREAM_RATE_LIMITED", "RESOURCE_EXHAUSTED"),
    "in a list": (429, b"[" + google(429, "RESOURCE_EXHAUSTED") + b"]", "UPSTREAM_RATE_LIMITED", "RESOURCE_EXHAUSTED"),
    "cancelled": (499, google(499, "CANCELLED"), "UPSTREAM_ERROR", "CANCELLED"),
    "internal": (500, google(500, "INTERNAL"), "UPSTREAM_ERROR", "INTERNAL"),
    "unavailable": (503, google(503, "UNAVAILABLE"), "UPSTREAM_OVERLOADED", "UNAVAILABLE"),
    "too late": (504, google(504, "DEADLINE_EXCEEDED"), "UPSTREAM_TIMEOUT", "DEADLINE_EXCEEDED"),
    "anthropic's": (
        529,
        b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
        "UPSTREAM_OVERLOADED",
        "overloaded_error",
    ),
    "anthropic's length": (
        400,
        b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8"}}',
        "CONTEXT_LENGTH_EXCEEDED",
        "invalid_request_error",
    ),
    "a page": (502, b"<html>", "UPSTREAM_ERROR", ""),
    "a list of nothing": (400, b"[]", "UPSTREAM_REJECTED_REQUEST", ""),
    "a number": (404, b"7", "UPSTREAM_REJECTED_REQUEST", ""),
}


@pytest.mark.parametrize(("status", "body", "reason", "code"), ERRORS.values(), ids=ERRORS)
def test_errors(status: int, body: bytes, reason: str, code: str) -> None:
    error = PROVIDER.decode_error(status, {"retry-after": "3", "request-id": "req_vrtx_1"}, body, TARGET)
    assert ErrorReason.Name(error.reason) == f"ERROR_REASON_{reason}"
    assert error.metadata.get("upstream_code", "") == code
    assert error.metadata["upstream_status"] == str(status)
    assert error.metadata["upstream_request_id"] == "req_vrtx_1"
    assert error.retry_after == 3


def test_the_words_are_googles_where_the_request_is_at_fault() -> None:
    error = PROVIDER.decode_error(400, {}, google(400, "INVALID_ARGUMENT", "max_tokens: too many"), TARGET)
    assert error.metadata["upstream_message"] == "max_tokens: too many"
    assert [violation.field for violation in error.violations] == ["input.generation.max_output_tokens"]
    secret = PROVIDER.decode_error(403, {}, google(403, "PERMISSION_DENIED", "project 12345"), TARGET)
    assert "12345" not in str(secret.metadata) + secret.message


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "CALLER_CREDENTIALS_REJECTED"), (403, "CALLER_PERMISSION_DENIED")]
)
def test_a_callers_own_token(status: int, reason: str) -> None:
    target: Any = dataclasses.replace(TARGET, api_key="ya29", caller_key=True)
    error = PROVIDER.decode_error(status, {}, google(status, "UNAUTHENTICATED", "ya29 is wrong"), target)
    assert ErrorReason.Name(error.reason) == f"ERROR_REASON_{reason}"
    assert "ya29" not in str(error.metadata)
