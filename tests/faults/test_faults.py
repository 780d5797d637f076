"""Every fault of the simulator: the caller learns what happened, in types, in time, and keeps what came before."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import grpc
import pytest
import pytest_asyncio

from faults.rig import Rig, rig
from support import calls
from support.timing import in_time, ours, timely
from trunkline.accumulate import Accumulator
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import Timeouts
from trunkline_service.simulator import Simulator
from trunkline_service.simulator.behaviours import FAULTS

LIMIT = 0.3


@pytest_asyncio.fixture(scope="module")
async def shared(running: Simulator) -> AsyncIterator[Rig]:
    async with rig(running.url, timeouts=Timeouts(first_event=LIMIT, idle=LIMIT)) as r:
        yield r


class Fails(NamedTuple):
    """How a call fails; with `deltas`, after so many of them, as STREAM_INTERRUPTED for this `reason`."""

    reason: str
    stage: str = ""
    deltas: int | None = None
    code: str = ""
    status: int | None = 200


def refused(reason: str, status: int, code: str) -> Fails:
    return Fails(reason, status=status, code=code)


EXPECTED: dict[str, Fails | None] = {
    "error": refused("UPSTREAM_ERROR", 500, "api_error"),
    "error-s502": refused("UPSTREAM_ERROR", 502, "api_error"),
    "error-400": refused("UPSTREAM_REJECTED_REQUEST", 400, "invalid_request_error"),
    "error-401": refused("UPSTREAM_CREDENTIALS_REJECTED", 401, "authentication_error"),
    "error-402": refused("UPSTREAM_QUOTA_EXHAUSTED", 402, "billing_error"),
    "error-403": refused("UPSTREAM_CREDENTIALS_REJECTED", 403, "permission_error"),
    "error-404": refused("MODEL_NOT_FOUND", 404, "not_found_error"),
    "error-408": Fails("UPSTREAM_TIMEOUT", status=408, code="timeout_error", stage="first_event"),
    "error-409": refused("UPSTREAM_CONFLICT", 409, "conflict_error"),
    "error-413": refused("REQUEST_TOO_LARGE", 413, ""),
    "error-422": refused("UPSTREAM_REJECTED_REQUEST", 422, "invalid_request_error"),
    "error-429": refused("UPSTREAM_RATE_LIMITED", 429, "rate_limit_error"),
    "error-429-bare": refused("UPSTREAM_RATE_LIMITED", 429, "rate_limit_error"),
    "error-429-date": refused("UPSTREAM_RATE_LIMITED", 429, "rate_limit_error"),
    "error-429-ms": refused("UPSTREAM_RATE_LIMITED", 429, "rate_limit_error"),
    "error-429-spend": refused("UPSTREAM_QUOTA_EXHAUSTED", 429, "enforced_spend_limit_reached"),
    "error-500": refused("UPSTREAM_ERROR", 500, "api_error"),
    "error-503": refused("UPSTREAM_OVERLOADED", 503, "api_error"),
    "error-504": Fails("UPSTREAM_TIMEOUT", status=504, code="timeout_error", stage="first_event"),
    "error-529": refused("UPSTREAM_OVERLOADED", 529, "overloaded_error"),
    "error-context": refused("CONTEXT_LENGTH_EXCEEDED", 400, "invalid_request_error"),
    "error-content": refused("CONTENT_BLOCKED", 400, "invalid_request_error"),
    "html": Fails("UPSTREAM_PROTOCOL_ERROR"),
    "html-s502": refused("UPSTREAM_ERROR", 502, ""),
    "json": None,
    "garbage": Fails("UPSTREAM_PROTOCOL_ERROR"),
    "reset": Fails("UPSTREAM_UNREACHABLE", stage="headers", status=None),
    "silence": Fails("UPSTREAM_TIMEOUT", stage="first_event", status=None),
    "silence-headers": Fails("UPSTREAM_TIMEOUT", stage="first_event"),
    "pings-only": Fails("UPSTREAM_TIMEOUT", stage="first_event"),
    "stall-n0": Fails("UPSTREAM_TIMEOUT", stage="idle"),
    "stall": Fails("UPSTREAM_TIMEOUT", stage="idle", deltas=3),
    # Pings are signs of life: only the deadline ends such an answer.
    "stall-pings-n0": Fails("DEADLINE_EXCEEDED", stage="idle"),
    "stall-pings": Fails("DEADLINE_EXCEEDED", stage="idle", deltas=3),
    "cut-n0": Fails("UPSTREAM_UNREACHABLE", stage="idle"),
    "cut": Fails("UPSTREAM_UNREACHABLE", stage="idle", deltas=3),
    "cut-clean-n0": Fails("UPSTREAM_UNREACHABLE", stage="idle"),
    "cut-clean": Fails("UPSTREAM_UNREACHABLE", stage="idle", deltas=3),
    "cut-tool": Fails("UPSTREAM_UNREACHABLE", stage="idle", deltas=2),
    "malformed-n0": Fails("UPSTREAM_PROTOCOL_ERROR"),
    "malformed": Fails("UPSTREAM_PROTOCOL_ERROR", deltas=3),
    "error-event-n0": refused("UPSTREAM_OVERLOADED", 200, "overloaded_error"),
    "error-event": Fails("UPSTREAM_OVERLOADED", code="overloaded_error", deltas=3),
    "error-event-api-n0": refused("UPSTREAM_ERROR", 200, "api_error"),
    "error-event-api": Fails("UPSTREAM_ERROR", code="api_error", deltas=3),
    "error-event-rate-limit-n0": refused("UPSTREAM_RATE_LIMITED", 200, "rate_limit_error"),
    "error-event-rate-limit": Fails("UPSTREAM_RATE_LIMITED", code="rate_limit_error", deltas=3),
    "error-event-invalid-n0": refused("UPSTREAM_REJECTED_REQUEST", 200, "invalid_request_error"),
    "error-event-invalid": Fails("UPSTREAM_REJECTED_REQUEST", code="invalid_request_error", deltas=3),
    "no-stop": Fails("UPSTREAM_UNREACHABLE", stage="idle", deltas=3),
    "no-delta": Fails("UPSTREAM_PROTOCOL_ERROR", deltas=3),
    "no-reason": Fails("UPSTREAM_PROTOCOL_ERROR", deltas=3),
}

RETRYABLE = {
    "UPSTREAM_ERROR",
    "UPSTREAM_OVERLOADED",
    "UPSTREAM_TIMEOUT",
    "UPSTREAM_UNREACHABLE",
    "UPSTREAM_PROTOCOL_ERROR",
    "UPSTREAM_RATE_LIMITED",
}
FAILING = [(model, fails) for model, fails in EXPECTED.items() if fails is not None]


def test_no_fault_is_left_out() -> None:
    assert {fault.name for fault in FAULTS} <= set(EXPECTED)


def check(failure: calls.Failure, fails: Fails) -> None:
    said = failure.info.metadata
    interrupted = fails.deltas is not None and fails.reason != "DEADLINE_EXCEEDED"
    if interrupted:
        assert failure.code == grpc.StatusCode.ABORTED
        assert failure.reason == "STREAM_INTERRUPTED"
        assert said["cause"] == f"ERROR_REASON_{fails.reason}"
        # Three tokens at most came: what the provider counted of them until then.
        assert int(said["input_tokens"]) > 0
        assert said.get("output_tokens", "3") == "3"
    else:
        assert failure.reason == fails.reason
        assert "cause" not in said
    assert (failure.retry is not None) == (fails.reason in RETRYABLE and not interrupted)
    assert said["provider"] == "up"
    assert said.get("stage", "") == fails.stage
    assert said.get("upstream_code", "") == fails.code
    assert said.get("upstream_status") == (str(fails.status) if fails.status else None)
    assert failure.trailers["grpc-retry-pushback-ms"] == "-1"


@pytest.mark.parametrize(("model", "fails"), FAILING)
@timely
async def test_of_a_stream(shared: Rig, model: str, fails: Fails) -> None:
    began = time.monotonic()
    events, failure = await calls.stream_failure(shared.stub, calls.stream_request(f"up/{model}"), timeout=1.0)
    if ours(failure).reason != "DEADLINE_EXCEEDED":
        in_time(began, 3 * LIMIT)
    check(failure, fails)
    # There is place for one call, and one connection: the fault gave back both.
    await shared.serves()
    kinds = [event.WhichOneof("kind") for event in events]
    if fails.deltas is None:
        assert kinds == []
        return
    assert kinds[:2] == ["start", "block_start"]
    assert "completion" not in kinds
    if model == "cut-tool":
        text = "".join(event.block_delta.input_json for event in events)
        assert text
        assert text[-1] != "}"
    else:
        assert kinds.count("block_delta") == fails.deltas
        text = "".join(event.block_delta.text for event in events)
        whole = await calls.events_of(shared.stub, calls.stream_request(f"up/text-n{fails.deltas}"))
        assert text == "".join(event.block_delta.text for event in whole)
    if fails.reason != "DEADLINE_EXCEEDED":
        assert failure.info.metadata["events_sent"] == str(len(events))


@pytest.mark.parametrize(("model", "fails"), FAILING)
@timely
async def test_of_an_answer_in_one_piece(shared: Rig, sim: Simulator, model: str, fails: Fails) -> None:
    sim.clear()
    failure = await calls.chat_failure(shared.stub, calls.request(f"up/{model}"), timeout=1.0)
    check(ours(failure), fails)
    assert len(sim.calls) == 1


async def test_a_message_although_events_were_asked_for(shared: Rig) -> None:
    events = await calls.events_of(shared.stub, calls.stream_request("up/json"))
    folded = Accumulator()
    for event in events:
        folded.add(event)
    answer = await shared.stub.Chat(calls.request("up/json"), timeout=5)
    assert folded.response.message.content == answer.message.content
    assert answer.message.content[0].text.text
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_STOP
