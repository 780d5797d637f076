"""Every fault of the simulator, and the reason that it has for callers."""

from __future__ import annotations

import pytest

from e2e.error_table import check_form, failures
from e2e.gateways import Running
from support.calls import request
from trunkline.v1 import error_reason_pb2
from trunkline_service.simulator.behaviours import FAULTS

UNREACHABLE_AFTER = ("STREAM_INTERRUPTED", "UPSTREAM_UNREACHABLE")
# Every fault of the simulator: how the unary call fails, and how the stream does; None if it does not.
OUTCOMES: dict[str, tuple[str, str] | str | None] = {
    "error": "UPSTREAM_ERROR",
    "error-400": "UPSTREAM_REJECTED_REQUEST",
    "error-401": "UPSTREAM_CREDENTIALS_REJECTED",
    "error-402": "UPSTREAM_QUOTA_EXHAUSTED",
    "error-403": "UPSTREAM_CREDENTIALS_REJECTED",
    "error-404": "MODEL_NOT_FOUND",
    "error-408": "UPSTREAM_TIMEOUT",
    "error-409": "UPSTREAM_CONFLICT",
    "error-413": "REQUEST_TOO_LARGE",
    "error-422": "UPSTREAM_REJECTED_REQUEST",
    "error-429": "UPSTREAM_RATE_LIMITED",
    "error-429-bare": "UPSTREAM_RATE_LIMITED",
    "error-429-date": "UPSTREAM_RATE_LIMITED",
    "error-429-ms": "UPSTREAM_RATE_LIMITED",
    "error-429-spend": "UPSTREAM_QUOTA_EXHAUSTED",
    "error-500": "UPSTREAM_ERROR",
    "error-503": "UPSTREAM_OVERLOADED",
    "error-504": "UPSTREAM_TIMEOUT",
    "error-529": "UPSTREAM_OVERLOADED",
    "error-context": "CONTEXT_LENGTH_EXCEEDED",
    "html": "UPSTREAM_PROTOCOL_ERROR",
    "garbage": "UPSTREAM_PROTOCOL_ERROR",
    "reset": "UPSTREAM_UNREACHABLE",
    "silence": "UPSTREAM_TIMEOUT",
    "silence-headers": "UPSTREAM_TIMEOUT",
    # Pings are life, so that only the deadline ends it.
    "stall-pings": "DEADLINE_EXCEEDED",
    # After a part of the answer: the reason, and the cause that its metadata names.
    "stall": ("STREAM_INTERRUPTED", "UPSTREAM_TIMEOUT"),
    "cut": UNREACHABLE_AFTER,
    "cut-clean": UNREACHABLE_AFTER,
    "cut-tool": UNREACHABLE_AFTER,
    "no-stop": UNREACHABLE_AFTER,
    "malformed": ("STREAM_INTERRUPTED", "UPSTREAM_PROTOCOL_ERROR"),
    "no-reason": ("STREAM_INTERRUPTED", "UPSTREAM_PROTOCOL_ERROR"),
    "no-delta": ("STREAM_INTERRUPTED", "UPSTREAM_PROTOCOL_ERROR"),
    "error-event": ("STREAM_INTERRUPTED", "UPSTREAM_OVERLOADED"),
    "error-event-api": ("STREAM_INTERRUPTED", "UPSTREAM_ERROR"),
    "error-event-rate-limit": ("STREAM_INTERRUPTED", "UPSTREAM_RATE_LIMITED"),
    "error-event-invalid": ("STREAM_INTERRUPTED", "UPSTREAM_REJECTED_REQUEST"),
    # The same before any part of it: nothing was interrupted.
    "error-event-n0": "UPSTREAM_OVERLOADED",
    "error-event-api-n0": "UPSTREAM_ERROR",
    "error-event-rate-limit-n0": "UPSTREAM_RATE_LIMITED",
    "error-event-invalid-n0": "UPSTREAM_REJECTED_REQUEST",
    "cut-n0": "UPSTREAM_UNREACHABLE",
    "cut-clean-n0": "UPSTREAM_UNREACHABLE",
    "stall-n0": "UPSTREAM_TIMEOUT",
    "malformed-n0": "UPSTREAM_PROTOCOL_ERROR",
    "error-content": "CONTENT_BLOCKED",
    "pings-only": "UPSTREAM_TIMEOUT",
    # Other statuses.
    "error-s418": "UPSTREAM_REJECTED_REQUEST",
    "error-s502": "UPSTREAM_ERROR",
    "html-s403": "UPSTREAM_CREDENTIALS_REJECTED",
    "html-s500": "UPSTREAM_ERROR",
    "html-s502": "UPSTREAM_ERROR",
    "html-s503": "UPSTREAM_OVERLOADED",
    "flaky-9-text": "UPSTREAM_OVERLOADED",
    # Odd, but whole.
    "json": None,
}
# An answer that has begun, though nothing was said.
STAGES = {"stall-n0": "idle"}
DELAYS = {"error-429": 7.0, "error-429-ms": 0.25, "error-429-date": 7.0}


def test_no_fault_is_forgotten() -> None:
    assert {behaviour.name for behaviour in FAULTS} <= OUTCOMES.keys()


@pytest.mark.parametrize("model", [model for model, outcome in OUTCOMES.items() if outcome])
async def test_a_fault(model: str, impatient: Running) -> None:
    outcome = OUTCOMES[model]
    for found in await failures(impatient, model):
        check_form(found)
        metadata = found.info.metadata
        if isinstance(outcome, tuple):
            assert (found.reason, metadata["cause"]) == (outcome[0], f"ERROR_REASON_{outcome[1]}")
            assert int(metadata["events_sent"]) >= 5
            assert int(metadata["input_tokens"]) > 0
        else:
            assert found.reason == outcome
        assert metadata["provider"] == "anthropic"
        assert metadata["model"] == model
        if found.retry is not None:
            assert abs(found.retry.retry_delay.ToNanoseconds() / 1e9 - DELAYS.get(model, 1.0)) <= 1
        if found.reason == "UPSTREAM_TIMEOUT" and "upstream_code" not in metadata:
            assert metadata["stage"] == STAGES.get(model, "first_event")
        if found.quota is not None:
            assert found.quota.violations[0].subject == "provider:anthropic"
        if found.reason == "MODEL_NOT_FOUND":
            assert found.resource is not None
            assert (found.resource.resource_type, found.resource.resource_name) == ("models", model)
        if found.reason == "CONTEXT_LENGTH_EXCEEDED":
            assert (metadata["limit"], metadata["requested"]) == ("200000", "210000")


async def test_a_fault_that_is_none(impatient: Running) -> None:
    for model in [model for model, outcome in OUTCOMES.items() if outcome is None]:
        answer = await impatient.stub.Chat(request(f"anthropic/{model}"), timeout=5)
        assert answer.message.content[0].text.text
        assert answer.completion.route_report.attempts[0].reason == error_reason_pb2.ERROR_REASON_UNSPECIFIED
