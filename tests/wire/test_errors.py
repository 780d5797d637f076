"""Errors: what the provider's statuses, types, codes, headers and words become."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any, NamedTuple

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1 import error_reason_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.failures import MAX_MESSAGE_CHARACTERS
from trunkline_service.rpc.status import to_status
from wire.bounded import bounded
from wire.decoding import KEY, PROVIDER, TARGET, Json, play, sse, start, text_block

CALLERS = dataclasses.replace(TARGET, caller_key=True)


def body(kind: str, message: str = "m", **details: Any) -> bytes:
    error = {"type": kind, "message": message} | ({"details": details} if details else {})
    return json.dumps({"type": "error", "error": error, "request_id": "req_body"}).encode()


def reason(error: GatewayError) -> str:
    return error.reason_name.removeprefix("ERROR_REASON_")


def is_retryable(error: GatewayError) -> bool:
    """Whether the caller gets a RetryInfo."""
    [packed] = [value for key, value in to_status(error, "call").trailing_metadata if key == "grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    assert len(packed) <= 4096
    details: list[AnyMessage] = list(status_pb2.Status.FromString(packed).details)
    return any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in details)


class Row(NamedTuple):
    """A response of this type, machine code and message, and what it is."""

    status: int
    kind: str
    reason: str
    retry: bool = False
    code: str = ""
    message: str = "m"
    body: bytes | None = None

    @property
    def sent(self) -> bytes:
        if self.body is not None:
            return self.body
        return body(self.kind, self.message, **({"error_code": self.code} if self.code else {}))


HTML = b"<html><head><title>413 Request Entity Too Large</title></head><body>cloudflare</body></html>"
SPENT = "You have reached your specified API usage limits. You will regain access on 2026-12-01."
POOR = "Your credit balance is too low to access the API."
LONG = "prompt is too long: 215000 tokens > 200000 maximum"
BOTH = "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"
BLOCKED = "Output blocked by content filtering policy"
INVALID = "invalid_request_error"
ROWS: dict[str, Row] = {
    "400": Row(400, INVALID, "UPSTREAM_REJECTED_REQUEST"),
    "400 without words": Row(400, "", "UPSTREAM_REJECTED_REQUEST", body=b""),
    "400 spent": Row(400, INVALID, "UPSTREAM_QUOTA_EXHAUSTED", code="enforced_spend_limit_reached"),
    "400 spent, by its words": Row(400, INVALID, "UPSTREAM_QUOTA_EXHAUSTED", message=SPENT),
    "400 no credit": Row(400, INVALID, "UPSTREAM_QUOTA_EXHAUSTED", message=POOR),
    "400 too long": Row(400, INVALID, "CONTEXT_LENGTH_EXCEEDED", message=LONG),
    "400 too long with the answer": Row(400, INVALID, "CONTEXT_LENGTH_EXCEEDED", message=BOTH),
    "400 blocked": Row(400, INVALID, "CONTENT_BLOCKED", message=BLOCKED),
    "400 an image": Row(400, INVALID, "UPSTREAM_REJECTED_REQUEST", code="image_dimensions_too_large"),
    "401": Row(401, "authentication_error", "UPSTREAM_CREDENTIALS_REJECTED"),
    "402": Row(402, "billing_error", "UPSTREAM_QUOTA_EXHAUSTED"),
    "403": Row(403, "permission_error", "UPSTREAM_CREDENTIALS_REJECTED"),
    "404": Row(404, "not_found_error", "MODEL_NOT_FOUND", message="model: claude-1"),
    "408": Row(408, "x", "UPSTREAM_TIMEOUT", retry=True),
    "409": Row(409, "conflict_error", "UPSTREAM_CONFLICT"),
    "412": Row(412, "x", "UPSTREAM_REJECTED_REQUEST"),
    "413": Row(413, "request_too_large", "REQUEST_TOO_LARGE"),
    "413 from the edge": Row(413, "", "REQUEST_TOO_LARGE", body=HTML),
    "413 decoded": Row(413, "request_too_large", "REQUEST_TOO_LARGE", code="request_body_too_large_after_decoding"),
    "422": Row(422, "x", "UPSTREAM_REJECTED_REQUEST"),
    "431": Row(431, "", "UPSTREAM_REJECTED_REQUEST", body=b""),
    "499": Row(499, "", "UPSTREAM_REJECTED_REQUEST", body=b""),
    "429": Row(429, "rate_limit_error", "UPSTREAM_RATE_LIMITED", retry=True),
    "429 ramp": Row(429, "rate_limit_error", "UPSTREAM_RATE_LIMITED", retry=True, code="ramp_limit_exceeded"),
    "429 spent": Row(429, "rate_limit_error", "UPSTREAM_QUOTA_EXHAUSTED", code="enforced_spend_limit_reached"),
    "429 contract": Row(429, "rate_limit_error", "UPSTREAM_QUOTA_EXHAUSTED", code="contract_spend_limit_reached"),
    "500": Row(500, "api_error", "UPSTREAM_ERROR", retry=True),
    "502": Row(502, "", "UPSTREAM_ERROR", retry=True, body=HTML),
    "503": Row(503, "api_error", "UPSTREAM_OVERLOADED", retry=True, code="cmek_key_unreachable"),
    "504": Row(504, "timeout_error", "UPSTREAM_TIMEOUT", retry=True),
    "529": Row(529, "overloaded_error", "UPSTREAM_OVERLOADED", retry=True),
    "529 compaction": Row(529, "overloaded_error", "UPSTREAM_OVERLOADED", retry=True, code="compaction_unavailable"),
    "599": Row(599, "", "UPSTREAM_ERROR", retry=True, body=b""),
    "a new type": Row(418, "memory_path_conflict_error", "UPSTREAM_REJECTED_REQUEST"),
    "not an error": Row(204, "", "UPSTREAM_PROTOCOL_ERROR", retry=True, body=b""),
    "elsewhere": Row(302, "", "UPSTREAM_PROTOCOL_ERROR", retry=True, body=b""),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_statuses(row: Row) -> None:
    error = PROVIDER.decode_error(row.status, {"request-id": "req_1"}, row.sent, TARGET)
    assert (reason(error), is_retryable(error)) == (row.reason, row.retry)
    expected = {"provider": "anthropic", "model": TARGET.model, "upstream_status": str(row.status)}
    assert expected.items() <= error.metadata.items()
    assert error.metadata["upstream_request_id"] == "req_1"
    assert error.metadata.get("upstream_code", "") == (row.code or row.kind)
    assert "html" not in error.message + "".join(error.metadata.values())


METADATA = {
    "limit and requested": (400, body("x", LONG), {"limit": "200000", "requested": "215000"}),
    "limit": (413, HTML, {"limit": str(32 * 2**20)}),
    "id of the body": (500, body("api_error"), {"upstream_request_id": "req_body"}),
}


@pytest.mark.parametrize(("status", "said", "expected"), METADATA.values(), ids=METADATA)
def test_metadata(status: int, said: bytes, expected: Json) -> None:
    assert expected.items() <= PROVIDER.decode_error(status, {}, said, TARGET).metadata.items()


@pytest.mark.parametrize(
    ("status", "gateways", "callers"),
    [
        (401, "UPSTREAM_CREDENTIALS_REJECTED", "CALLER_CREDENTIALS_REJECTED"),
        (403, "UPSTREAM_CREDENTIALS_REJECTED", "CALLER_PERMISSION_DENIED"),
        (404, "MODEL_NOT_FOUND", "MODEL_NOT_FOUND"),
    ],
)
def test_whose_key_it_is(status: int, gateways: str, callers: str) -> None:
    said = body("not_found_error" if status == 404 else "x")
    assert reason(PROVIDER.decode_error(status, {}, said, TARGET)) == gateways
    assert reason(PROVIDER.decode_error(status, {}, said, CALLERS)) == callers


@pytest.mark.parametrize(
    "said",
    [
        b"<html>no such page</html>",
        b'{"type":"error","error":{"type":"not_found_error","message":"File not found: f1"}}',
    ],
)
def test_other_things_that_are_not_found(said: bytes) -> None:
    error = PROVIDER.decode_error(404, {}, said, TARGET)
    assert (reason(error), error.resource) == ("UPSTREAM_REJECTED_REQUEST", "")


def test_a_model_that_is_not_found_is_named() -> None:
    assert PROVIDER.decode_error(404, {}, body("not_found_error"), TARGET).resource == f"models/{TARGET.model}"


SATURDAY = "Sat, 21 Nov 2026 12:00:00 GMT"
DELAYS: dict[str, tuple[dict[str, str], float | None]] = {
    "none": ({}, None),
    "seconds": ({"retry-after": "7"}, 7.0),
    "half seconds": ({"retry-after": " 1.5 "}, 1.5),
    "no time": ({"retry-after": "0"}, 0.0),
    "milliseconds": ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
    "milliseconds that are none": ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
    "a date": ({"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT", "date": SATURDAY}, 90.0),
    "a date in the past": ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT", "date": SATURDAY}, 0.0),
    "a date without a zone": ({"retry-after": "Sat, 21 Nov 2026 12:01:30 -0000", "date": SATURDAY}, 90.0),
    "a date long gone, by our clock": ({"retry-after": "Sat, 21 Nov 1998 12:00:00 GMT"}, 0.0),
    "resets": (
        {
            "date": SATURDAY,
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:20Z",
            "anthropic-fast-input-tokens-remaining": "0",
            "anthropic-fast-input-tokens-reset": "2026-11-21T12:00:30+00:00",
            "anthropic-ratelimit-tokens-remaining": "5",
            "anthropic-ratelimit-tokens-reset": "2026-11-21T13:00:00Z",
        },
        30.0,
    ),
    "a word of the provider's before resets": (
        {
            "date": SATURDAY,
            "retry-after": "3",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:20Z",
        },
        3.0,
    ),
    "negative": ({"retry-after": "-5"}, None),
    "NaN": ({"retry-after": "nan"}, None),
    "infinite": ({"retry-after": "inf", "retry-after-ms": "-inf"}, None),
    "huge": ({"retry-after": "1e300"}, 86_400.0),
    "a quarter of an hour in milliseconds": ({"retry-after-ms": "900000"}, 900.0),
    "huge in milliseconds": ({"retry-after-ms": "9" * 300}, 86_400.0),
    "a date far off": ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": SATURDAY}, 86_400.0),
    "a date beyond all dates": ({"retry-after": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
    "a zone beyond all zones": ({"retry-after": "Sat, 21 Nov 2026 12:01:30 +999999999999"}, None),
    "a reset beyond all dates": (
        {
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "9999-12-31T23:59:59-23:59",
        },
        None,
    ),
    "empty": ({"retry-after": "", "retry-after-ms": ""}, None),
    "words": ({"retry-after": "6m0s", "date": "now"}, None),
}


@pytest.mark.parametrize(("headers", "expected"), DELAYS.values(), ids=DELAYS)
@pytest.mark.parametrize("status", [429, 529])
def test_delays(status: int, headers: dict[str, str], expected: float | None) -> None:
    error = PROVIDER.decode_error(status, headers, b"", TARGET)
    assert error.retry_after == expected
    assert is_retryable(error)


@pytest.mark.parametrize("status", [400, 409, 429, 500, 529])
def test_the_provider_may_forbid_another_try(status: int) -> None:
    """The other way round it changes nothing: whether another try may work is the reason's to say."""
    plain = PROVIDER.decode_error(status, {}, b"", TARGET)
    forbidden = PROVIDER.decode_error(status, {"x-should-retry": "false", "retry-after": "1"}, b"", TARGET)
    allowed = PROVIDER.decode_error(status, {"x-should-retry": "true"}, b"", TARGET)
    assert [is_retryable(error) for error in (forbidden, allowed)] == [False, is_retryable(plain)]


FIELDS = {
    "messages.0.content.1.text: Field required": "input.messages[0].content[1].text",
    "messages.2: roles must alternate": "input.messages[2]",
    "max_tokens: 200000 > 128000, which is the maximum": "input.generation.max_output_tokens",
    "temperature: range: 0..1": "input.generation.temperature",
    "tools.0.custom.input_schema: x": "input.tools[0]",
    "system.0.cache_control.ttl: x": "input.system[0].cache_control.ttl",
    "thinking.budget_tokens: x": "input.reasoning.budget_tokens",
    "metadata.user_id: x": "input.end_user_id",
    "container: x": "",
    "`tool_use` ids were found without `tool_result`": "",
    "": "",
}  # fmt: skip


@pytest.mark.parametrize(("message", "path"), FIELDS.items())
def test_the_field_is_named_if_the_provider_names_it(message: str, path: str) -> None:
    error = PROVIDER.decode_error(400, {}, body("invalid_request_error", message), TARGET)
    assert [each.field for each in error.violations] == ([path] if path else [])
    assert all(message == each.description for each in error.violations)


STREAMED = {
    "invalid_request_error": ("UPSTREAM_REJECTED_REQUEST", False),
    "authentication_error": ("UPSTREAM_CREDENTIALS_REJECTED", False),
    "billing_error": ("UPSTREAM_QUOTA_EXHAUSTED", False),
    "permission_error": ("UPSTREAM_CREDENTIALS_REJECTED", False),
    "not_found_error": ("MODEL_NOT_FOUND", False),
    "conflict_error": ("UPSTREAM_CONFLICT", False),
    "request_too_large": ("REQUEST_TOO_LARGE", False),
    "rate_limit_error": ("UPSTREAM_RATE_LIMITED", True),
    "api_error": ("UPSTREAM_ERROR", True),
    "timeout_error": ("UPSTREAM_TIMEOUT", True),
    "overloaded_error": ("UPSTREAM_OVERLOADED", True),
    "something_new_error": ("UPSTREAM_ERROR", True),
}


@pytest.mark.parametrize(("kind", "expected"), STREAMED.items())
@pytest.mark.parametrize("before", [[], [start()], [start(), *text_block("a")]])
def test_errors_in_a_stream(kind: str, expected: tuple[str, bool], before: list[Json | bytes]) -> None:
    """By their type: the status was 200."""
    played = play(sse(*before, b"event: error\ndata: " + body(kind) + b"\n\n"))
    assert played.failure is not None
    assert not played.complete
    assert (played.reason, is_retryable(played.failure)) == expected
    metadata = {"upstream_status": "200", "upstream_code": kind, "upstream_request_id": "req_body"}
    assert metadata.items() <= played.failure.metadata.items()


# Bodies that are nearly errors: type, message and code as far as they are there.
NEARLY: dict[str, tuple[Any, str]] = {
    "a word": ({"error": "bad gateway"}, ""),
    "a list": ([{"error": {"type": "x"}}], ""),
    "a number": (5, ""),
    "null": (None, ""),
    "details that are a list": ({"error": {"type": "overloaded_error", "details": [1]}}, "overloaded_error"),
    "details that are a word": ({"error": {"type": "overloaded_error", "details": "x"}}, "overloaded_error"),
    "a code that is a number": ({"error": {"type": "t", "details": {"error_code": 5}}}, "t"),
    "a message that is none": ({"error": {"type": "t", "message": {"a": 1}}, "request_id": 7}, "t"),
    "half a pair": ({"error": {"type": "t", "message": "a\ud83d"}}, "t"),
}


@pytest.mark.parametrize(("said", "code"), NEARLY.values(), ids=NEARLY)
def test_bodies_that_are_nearly_errors(said: Any, code: str) -> None:
    data = json.dumps(said).encode()
    for error in (PROVIDER.decode_error(400, {}, data, TARGET), play(b"event: error\ndata: " + data + b"\n\n").failure):
        assert error is not None
        assert error.metadata.get("upstream_code", "") == code
        is_retryable(error)


def test_a_long_message_is_cut() -> None:
    error = PROVIDER.decode_error(400, {}, body("t" * 5000, "é" * 5000), TARGET)
    assert error.metadata["upstream_message"] == "é" * MAX_MESSAGE_CHARACTERS
    assert len(error.metadata["upstream_code"]) <= 100
    is_retryable(error)


@pytest.mark.parametrize(
    "words",
    [
        "exceed context limit ",
        "exceeds the context window 1 ",
        "prompt is too long: 1",
        "exceeds the model's ",
        "a.",
        "1",
    ],
)
def test_a_long_message_takes_no_time(words: str) -> None:
    """Whoever can make a provider quote a text could else hold up every other call."""
    began = time.process_time()
    error = PROVIDER.decode_error(400, {}, body("invalid_request_error", words * (2**17 // len(words))), TARGET)
    assert time.process_time() - began < 1
    is_retryable(error)


@pytest.mark.parametrize("status", sorted({row.status for row in ROWS.values()}))
@pytest.mark.parametrize("target", [TARGET, CALLERS])
def test_no_secret_gets_out(status: int, target: Any) -> None:
    """A proxy may quote the request, its headers included, in whatever place it likes."""
    padding = "x" * (MAX_MESSAGE_CHARACTERS - 5)
    for message in (f"header x-api-key: {KEY} is bad", f"messages.0: {padding}{KEY}", f"{KEY}: Bearer {KEY}"):
        said = body(KEY, message, error_code=f"code-{KEY}")
        streamed = play(b"event: error\ndata: " + said + b"\n\n").failure
        assert streamed is not None
        for error in (PROVIDER.decode_error(status, {}, said, target), streamed):
            seen = [
                error.message,
                *error.metadata.values(),
                *(each.description for each in error.violations),
                repr(error),
            ]
            assert not [text for text in seen if KEY in text or KEY[:12] in text]


@bounded(200)
@given(
    st.integers(100, 599),
    st.binary(max_size=60) | st.text(max_size=30).map(lambda text: body(text, text, error_code=text)),
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "date", "request-id", "anthropic-ratelimit-tokens-reset",
                         "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit"]),
        st.text(max_size=40) | st.datetimes().map(str) | st.floats().map(str) | st.integers().map(str),
    ),
)  # fmt: skip
def test_any_response_is_an_error_that_arrives(status: int, said: bytes, headers: dict[str, str]) -> None:
    error = PROVIDER.decode_error(status, headers, said, TARGET)
    assert error.reason in error_reason_pb2.ErrorReason.values()
    assert error.retry_after is None or 0 <= error.retry_after <= 86_400
    is_retryable(error)
    for limit in PROVIDER.rate_limits(headers):
        limit.SerializeToString()
