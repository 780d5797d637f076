"""What OpenAI's errors mean, and those of the servers like it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1 import error_reason_pb2
from trunkline_service.providers import delays
from trunkline_service.providers.openai import failures, headers
from wire.bounded import bounded
from wire_openai.decoding import KEY, PROVIDER, TARGET, Json, frame, play


def error(message: str = "m", kind: str | None = None, param: Any = None, code: Any = None, **more: Any) -> Json:
    return {"error": {"message": message, "type": kind, "param": param, "code": code} | more}


def reason_of(status: int, body: Json | bytes, **headers: str) -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = PROVIDER.decode_error(status, headers, data, TARGET).reason
    return error_reason_pb2.ErrorReason.Name(found).removeprefix("ERROR_REASON_")


AZURE_FILTER = error(
    "The response was filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}
)
TABLE: list[tuple[int, Json | bytes, str]] = [
    (400, error("bad", "invalid_request_error"), "UPSTREAM_REJECTED_REQUEST"),
    (422, error("bad", "invalid_request_error"), "UPSTREAM_REJECTED_REQUEST"),
    (400, error(code="context_length_exceeded"), "CONTEXT_LENGTH_EXCEEDED"),
    (400, error(code="string_above_max_length", param="messages[0].content"), "CONTEXT_LENGTH_EXCEEDED"),
    (400, error(code="string_above_max_length", param="input"), "CONTEXT_LENGTH_EXCEEDED"),
    (400, error(code="string_above_max_length", param="tools[0].name"), "UPSTREAM_REJECTED_REQUEST"),
    (400, error(code="string_above_max_length"), "UPSTREAM_REJECTED_REQUEST"),
    (400, error("This model's maximum context length is 4097 tokens"), "CONTEXT_LENGTH_EXCEEDED"),
    (400, error("request (9000 tokens) exceeds the available context size", code=400, kind="exceed_context_size_error"),
     "CONTEXT_LENGTH_EXCEEDED"),
    (400, error(code="content_policy_violation"), "CONTENT_BLOCKED"),
    (400, AZURE_FILTER, "CONTENT_BLOCKED"),
    (400, error(code=None, innererror={"code": "ResponsibleAIPolicyViolation"}), "CONTENT_BLOCKED"),
    (400, error(code="model_decommissioned"), "MODEL_NOT_FOUND"),
    (400, error("Incorrect API key provided", code="invalid_api_key"), "UPSTREAM_CREDENTIALS_REJECTED"),
    (400, error("You exceeded your current quota"), "UPSTREAM_QUOTA_EXHAUSTED"),
    (401, error(code="invalid_api_key"), "UPSTREAM_CREDENTIALS_REJECTED"),
    (401, b"<html>", "UPSTREAM_CREDENTIALS_REJECTED"),
    (402, error("Insufficient Balance"), "UPSTREAM_QUOTA_EXHAUSTED"),
    (403, error(code="unsupported_country_region_territory"), "UPSTREAM_CREDENTIALS_REJECTED"),
    (403, error("Project has no access to model x", code="model_not_found"), "MODEL_NOT_FOUND"),
    (404, error("The model x does not exist", code="model_not_found"), "MODEL_NOT_FOUND"),
    (404, error("The API deployment for this resource does not exist", code="DeploymentNotFound"), "MODEL_NOT_FOUND"),
    (404, error("model 'x' not found, try pulling it first"), "MODEL_NOT_FOUND"),
    (404, error("Invalid URL (POST /v2/chat)"), "UPSTREAM_REJECTED_REQUEST"),
    (404, b"not found", "UPSTREAM_REJECTED_REQUEST"),
    (408, b"", "UPSTREAM_TIMEOUT"),
    (409, error(), "UPSTREAM_CONFLICT"),
    (413, b"<html>", "REQUEST_TOO_LARGE"),
    (429, error(kind="requests", code="rate_limit_exceeded"), "UPSTREAM_RATE_LIMITED"),
    (429, error(kind="tokens"), "UPSTREAM_RATE_LIMITED"),
    (429, error(code="429"), "UPSTREAM_RATE_LIMITED"),
    (429, b"slow down", "UPSTREAM_RATE_LIMITED"),
    (429, error(kind="insufficient_quota", code="insufficient_quota"), "UPSTREAM_QUOTA_EXHAUSTED"),
    (429, error(kind="insufficient_quota"), "UPSTREAM_QUOTA_EXHAUSTED"),
    (429, error("You exceeded your current quota, please check your plan"), "UPSTREAM_QUOTA_EXHAUSTED"),
    # What stands behind a proxy has words of its own.
    (400, error("Your credit balance is too low to access the API"), "UPSTREAM_QUOTA_EXHAUSTED"),
    (400, error("Output blocked by content filtering policy"), "CONTENT_BLOCKED"),
    (498, error(), "UPSTREAM_OVERLOADED"),
    (500, error(kind="server_error"), "UPSTREAM_ERROR"),
    (500, b"\xff", "UPSTREAM_ERROR"),
    (502, b"<html>", "UPSTREAM_ERROR"),
    (503, error("The server is overloaded"), "UPSTREAM_OVERLOADED"),
    (504, b"", "UPSTREAM_TIMEOUT"),
    (529, b"", "UPSTREAM_OVERLOADED"),
    (302, b"", "UPSTREAM_PROTOCOL_ERROR"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "reason"), TABLE)
def test_what_an_error_means(status: int, body: Json | bytes, reason: str) -> None:
    assert reason_of(status, body) == reason


IN_STREAM: list[tuple[Json, str]] = [
    (error(kind="server_error"), "UPSTREAM_ERROR"),
    (error(), "UPSTREAM_ERROR"),
    (error(code="rate_limit_exceeded"), "UPSTREAM_RATE_LIMITED"),
    (error(code=429), "UPSTREAM_RATE_LIMITED"),
    (error(code=502), "UPSTREAM_ERROR"),
    (error(kind="insufficient_quota"), "UPSTREAM_QUOTA_EXHAUSTED"),
    (error(kind="invalid_request_error"), "UPSTREAM_REJECTED_REQUEST"),
    (error(code="content_filter"), "CONTENT_BLOCKED"),
    ({"error": "out of memory"}, "UPSTREAM_ERROR"),
    ({"error": {}}, "UPSTREAM_ERROR"),
    ({"object": "error", "message": "m", "type": "BadRequestError", "code": 400}, "UPSTREAM_REJECTED_REQUEST"),
]


@pytest.mark.parametrize(("body", "reason"), IN_STREAM)
def test_what_an_error_within_a_stream_means(body: Json, reason: str) -> None:
    played = play(frame(body))
    assert played.reason == reason
    assert not played.events
    assert played.failure is not None
    assert played.failure.metadata["upstream_status"] == "200"


def test_the_keys_of_callers() -> None:
    own = dataclasses.replace(TARGET, caller_key=True)
    data = json.dumps(error(code="invalid_api_key")).encode()
    found = PROVIDER.decode_error(401, {}, data, own)
    assert found.reason == error_reason_pb2.ERROR_REASON_CALLER_CREDENTIALS_REJECTED
    found = PROVIDER.decode_error(403, {}, data, own)
    assert found.reason == error_reason_pb2.ERROR_REASON_CALLER_PERMISSION_DENIED


def test_lengths_that_do_not_fit() -> None:
    message = "This model's maximum context length is 4097 tokens. However, your messages resulted in 5360 tokens."
    data = json.dumps(error(message, param="messages", code="context_length_exceeded")).encode()
    found = PROVIDER.decode_error(400, {}, data, TARGET)
    assert (found.metadata["limit"], found.metadata["requested"]) == ("4097", "5360")
    assert [violation.field for violation in found.violations] == ["input.messages"]


@pytest.mark.parametrize(
    ("param", "path"),
    [
        ("messages[3].content[0].image_url", "input.messages"),
        ("tools[2].function.parameters", "input.tools[2]"),
        ("max_completion_tokens", "input.generation.max_output_tokens"),
        ("max_tokens", "input.generation.max_output_tokens"),
        ("reasoning_effort", "input.reasoning.effort"),
        ("reasoning.effort", "input.reasoning"),
        ("response_format", "input.output_format"),
        ("stop", "input.generation.stop_sequences"),
        ("user", "input.end_user_id"),
        ("tools", "input.tools"),
        ("unheard_of", ""),
        ("[0]", ""),
        ("", ""),
    ],
)
def test_the_field_that_an_error_is_about(param: str, path: str) -> None:
    data = json.dumps(error("No such thing.", "invalid_request_error", param)).encode()
    found = PROVIDER.decode_error(400, {}, data, TARGET)
    assert [violation.field for violation in found.violations] == ([path] if path else [])
    assert found.metadata["upstream_message"] == "No such thing."


def test_an_error_tells_no_key() -> None:
    for status in (400, 401, 500):
        found = PROVIDER.decode_error(status, {}, json.dumps(error(f"key {KEY} is wrong", code=KEY)).encode(), TARGET)
        assert KEY not in found.message + repr(found.metadata) + repr(found.violations)


def test_what_the_provider_says_about_trying_again() -> None:
    assert PROVIDER.decode_error(429, {"x-should-retry": "false"}, b"", TARGET).retryable is False
    assert PROVIDER.decode_error(429, {"x-should-retry": "true"}, b"", TARGET).retryable is None
    assert PROVIDER.decode_error(429, {"retry-after": "20"}, b"", TARGET).retry_after == 20
    assert PROVIDER.decode_error(429, {"retry-after": "20", "retry-after-ms": "1500"}, b"", TARGET).retry_after == 1.5
    spent = {
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0.5s",
        "x-ratelimit-remaining-tokens": "7", "x-ratelimit-reset-tokens": "1h",
    }  # fmt: skip
    assert PROVIDER.decode_error(429, spent, b"", TARGET).retry_after == 60.5
    assert PROVIDER.decode_error(429, {}, b"", TARGET).retry_after is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012), ("1s", 1), ("6m0s", 360), ("1h2m3.5s", 3723.5), ("88µs", 88e-6), ("0s", 0), ("20", 20),
        ("1.5", 1.5), ("900h", delays.MAX_RETRY_AFTER), ("-1s", None), ("-1", None), ("soon", None), ("", None),
        (None, None), ("1s ", None), ("9" * 400, None), ("nan", None), ("1" * 39 + "h", delays.MAX_RETRY_AFTER),
    ],
)  # fmt: skip
def test_durations(text: str | None, seconds: float | None) -> None:
    assert headers.duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_limits_count_from_the_date_of_the_response() -> None:
    told = {
        "x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "-1",
        "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "1s", "x-ratelimit-limit-": "1",
    }  # fmt: skip
    [limit, tokens] = PROVIDER.rate_limits(told | {"date": "Fri, 03 Apr 2026 17:00:00 GMT"})
    assert (limit.name, limit.limit, limit.HasField("remaining")) == ("requests", 100, False)
    assert limit.reset_time.ToJsonString() == "2026-04-03T17:06:00Z"
    assert tokens.reset_time.ToJsonString() == "2026-04-03T17:00:01Z"
    # Without a date, nobody knows when it is.
    [limit] = PROVIDER.rate_limits(told)
    assert not limit.HasField("reset_time")
    assert len(PROVIDER.rate_limits({f"x-ratelimit-limit-{n}": "1" for n in range(1000)})) == headers.MAX_LIMITS
    [limit, _] = PROVIDER.rate_limits(told | {"date": "Fri, 31 Dec 9999 23:59:59 GMT"})
    assert not limit.HasField("reset_time")


@bounded(200)
@given(st.integers(300, 599), st.binary(max_size=60) | st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["error", "code", "type", "message", "param", "innererror"]), inner, max_size=4),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_gives_an_error(status: int, body: bytes) -> None:
    found = failures.decode_error(status, {}, body, TARGET)
    assert found.reason
    assert found.metadata["upstream_status"] == str(status)
    assert all(isinstance(value, str) for value in found.metadata.values())
    failures.decode_stream_error(body, TARGET)
