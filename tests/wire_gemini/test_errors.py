"""Google's errors, in the contract's reasons."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from trunkline.v1 import error_reason_pb2
from trunkline_service.errors import GatewayError
from wire.decoding import Json
from wire_gemini.decoding import KEY, PROVIDER, TARGET, detail, error, play


def read(status: int, body: Json | bytes, headers: dict[str, str] | None = None) -> GatewayError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROVIDER.decode_error(status, headers or {}, data, TARGET)


def reason(of: GatewayError) -> str:
    return error_reason_pb2.ErrorReason.Name(of.reason).removeprefix("ERROR_REASON_")


def info(cause: str) -> Json:
    return detail("ErrorInfo", reason=cause, domain="googleapis.com")


def quota(quota_id: str) -> Json:
    return detail("QuotaFailure", violations=[{"quotaId": quota_id, "quotaMetric": "requests"}])


DAY = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")
MINUTE = quota("GenerateRequestsPerMinutePerProjectPerModel")
WAIT = detail("RetryInfo", retryDelay="12.5s")

TOO_LONG = "The input token count (12) exceeds the maximum number of tokens allowed (10)."
TOO_LARGE = "Request payload size exceeds the limit: 20971520 bytes."

TABLE: list[tuple[str, Json, str]] = [
    (
        "no key",
        error(400, "INVALID_ARGUMENT", "API key not valid.", info("API_KEY_INVALID")),
        "UPSTREAM_CREDENTIALS_REJECTED",
    ),
    ("key by its text", error(400, "INVALID_ARGUMENT", "API key expired. Renew it."), "UPSTREAM_CREDENTIALS_REJECTED"),
    ("bad request", error(400, "INVALID_ARGUMENT", "Nonsense."), "UPSTREAM_REJECTED_REQUEST"),
    ("precondition", error(400, "FAILED_PRECONDITION", "User location is not supported."), "UPSTREAM_REJECTED_REQUEST"),
    ("token", error(401, "UNAUTHENTICATED"), "UPSTREAM_CREDENTIALS_REJECTED"),
    ("forbidden", error(403, "PERMISSION_DENIED"), "UPSTREAM_CREDENTIALS_REJECTED"),
    ("model", error(404, "NOT_FOUND", "models/x is not found for API version v1beta."), "MODEL_NOT_FOUND"),
    ("publisher model", error(404, "NOT_FOUND", "Publisher Model `projects/…` was not found."), "MODEL_NOT_FOUND"),
    ("file", error(404, "NOT_FOUND", "CachedContent not found."), "UPSTREAM_REJECTED_REQUEST"),
    ("conflict", error(409, "ABORTED"), "UPSTREAM_CONFLICT"),
    ("rate", error(429, "RESOURCE_EXHAUSTED", "m", MINUTE, WAIT), "UPSTREAM_RATE_LIMITED"),
    ("shared capacity", error(429, "RESOURCE_EXHAUSTED", "Resource exhausted."), "UPSTREAM_RATE_LIMITED"),
    ("day", error(429, "RESOURCE_EXHAUSTED", "m", MINUTE, DAY, WAIT), "UPSTREAM_QUOTA_EXHAUSTED"),
    ("money", error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), "UPSTREAM_QUOTA_EXHAUSTED"),
    ("no quota", error(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0, model: x"), "UPSTREAM_QUOTA_EXHAUSTED"),
    ("cancelled", error(499, "CANCELLED"), "UPSTREAM_ERROR"),
    ("internal", error(500, "INTERNAL"), "UPSTREAM_ERROR"),
    ("overloaded", error(503, "UNAVAILABLE", "The model is overloaded."), "UPSTREAM_OVERLOADED"),
    ("deadline", error(504, "DEADLINE_EXCEEDED"), "UPSTREAM_TIMEOUT"),
    ("context", error(400, "INVALID_ARGUMENT", TOO_LONG), "CONTEXT_LENGTH_EXCEEDED"),
    (
        "bytes",
        error(400, "INVALID_ARGUMENT", TOO_LARGE),
        "REQUEST_TOO_LARGE",
    ),
]


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_error_has_its_reason_before_and_within_the_stream(body: Json, expected: str) -> None:
    code = body["error"]["code"]
    before = read(code, body)
    assert reason(before) == expected
    assert before.metadata["upstream_status"] == str(code)
    assert before.metadata["provider"] == "gemini"
    within = play(b"data: " + json.dumps(body).encode() + b"\n\n").failure
    assert within is not None
    assert reason(within) == expected
    assert within.metadata["upstream_status"] == "200"
    assert reason(read(code, json.dumps([body]).encode())) == expected


def test_the_name_stands_for_a_code_that_is_missing() -> None:
    played = play(b'data: {"error": {"status": "RESOURCE_EXHAUSTED"}}\n\n')
    assert played.reason == "UPSTREAM_RATE_LIMITED"
    assert play(b'data: {"error": "x"}\n\n').reason == "UPSTREAM_ERROR"


def test_how_long_to_wait() -> None:
    assert read(429, error(429, "RESOURCE_EXHAUSTED", "m", MINUTE, WAIT)).retry_after == 12.5
    assert read(503, b"", {"retry-after": "7"}).retry_after == 7
    assert read(503, b"", {"retry-after": "nan"}).retry_after is None
    date = {"date": "Sun, 22 Nov 2026 10:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}
    assert read(503, b"", date).retry_after == 30
    assert read(429, error(429, "RESOURCE_EXHAUSTED", "m", DAY, WAIT)).retry_after is None
    endless = detail("RetryInfo", retryDelay="999999999s")
    assert read(429, error(429, "RESOURCE_EXHAUSTED", "m", endless)).retry_after == 86_400


def test_the_callers_own_key() -> None:
    target = replace(TARGET, caller_key=True)
    bad = json.dumps(error(400, "INVALID_ARGUMENT", "m", info("API_KEY_INVALID"))).encode()
    assert reason(PROVIDER.decode_error(400, {}, bad, target)) == "CALLER_CREDENTIALS_REJECTED"
    assert reason(PROVIDER.decode_error(403, {}, b"", target)) == "CALLER_PERMISSION_DENIED"


def test_fields_are_named_as_the_contract_names_them() -> None:
    fields = {
        "contents[1].parts[0].inline_data": "input.messages[1]",
        "GenerateContentRequest.contents[2].role": "input.messages[2]",
        "generationConfig.topP": "input.generation.top_p",
        "generation_config.thinking_config.thinking_budget": "input.reasoning",
        "tools[0].function_declarations[0].name": "input.tools",
        "systemInstruction": "input.system",
        "brand_new": "",
        "": "",
        "[3]": "",
    }
    violations = [{"field": field, "description": f"about {field}"} for field in fields]
    found = read(400, error(400, "INVALID_ARGUMENT", "Bad.", detail("BadRequest", fieldViolations=violations)))
    assert [each.field for each in found.violations] == [path for path in fields.values() if path]
    assert found.violations[0].description == "about contents[1].parts[0].inline_data"


def test_numbers_that_callers_can_use() -> None:
    context = read(400, TABLE[-2][1])
    assert (context.metadata["requested"], context.metadata["limit"]) == ("12", "10")
    assert read(400, TABLE[-1][1]).metadata["limit"] == "20971520"
    assert read(404, TABLE[6][1]).resource == "models/gemini-3.8-flash"


def test_the_key_and_the_account_stay_secret() -> None:
    shown = read(400, error(400, "INVALID_ARGUMENT", f"key {KEY} is\x1b[31m bad"))
    assert KEY not in shown.message + str(shown.metadata)
    assert shown.message.isprintable()
    hidden = read(403, error(403, "PERMISSION_DENIED", "project 12345 of acme"))
    assert "acme" not in hidden.message + str(hidden.metadata)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"[7]", b"7", b"{}", b'{"error": []}', b'{"error": {"details": [7, {"@type": 1}]}}',
     b'{"error": {"code": true, "message": "\\ud800", "details": [{"@type": "x.QuotaFailure", "violations": 1}]}}',
     b"\xff", b"[" * 5000],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 400, 404, 418, 429, 500, 529])
def test_a_body_may_be_anything(status: int, body: bytes) -> None:
    found = read(status, body)
    assert found.reason
    assert found.message
