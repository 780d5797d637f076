"""Judges a cell: what is wrong with what the caller and the upstream saw."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import grpc

from faults.table.ends import End
from faults.table.playing import ARGUMENTS, Seen, is_whole_call
from faults.table.row import ECHO, Cell, Row
from support import calls
from trunkline.v1 import chat_service_pb2, route_pb2

BOUND = 10.0
"""Seconds after which nothing is in time any more: no row takes a third of it on a machine that is not busy."""
# What timers of uvloop, which count in whole milliseconds, may be short of.
TIMER_SECONDS = 0.002

_TEXT = "The river runs past seven quiet mills and under an old stone bridge where children count the boats"
_CODES = {
    "STREAM_INTERRUPTED": grpc.StatusCode.ABORTED,
    "CONTEXT_LENGTH_EXCEEDED": grpc.StatusCode.INVALID_ARGUMENT,
    "CONTENT_BLOCKED": grpc.StatusCode.INVALID_ARGUMENT,
    "UPSTREAM_REJECTED_REQUEST": grpc.StatusCode.INVALID_ARGUMENT,
    "UPSTREAM_CREDENTIALS_REJECTED": grpc.StatusCode.FAILED_PRECONDITION,
    "MODEL_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "UPSTREAM_QUOTA_EXHAUSTED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "UPSTREAM_RATE_LIMITED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
    "CANCELLED": grpc.StatusCode.CANCELLED,
}
_PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


def is_late(row: Row, cell: Cell, seen: Seen) -> bool:
    """Whether a limit of the row had passed before its fault was there: the machine was too busy for it."""
    end = row.end(cell)
    if len(seen.first) < end.first:
        return bool(row.limits) or row.timeout < 1
    report = seen.answer.completion.route_report if seen.answer else seen.failure.report if seen.failure else None
    begun = end.begun or end.restarts > 0
    return bool(row.limits and begun and report and not all(_has_begun(each) for each in report.attempts))


def _has_begun(attempt: route_pb2.Attempt) -> bool:
    return attempt.HasField("time_to_first_event")


def complaints(row: Row, cell: Cell, seen: Seen) -> list[str]:
    """All that is wrong; nothing if the cell is as it should be."""
    end = row.end(cell)
    found = [*seen.wrong, *_upstream(row, cell, end, seen)]
    if seen.seconds > BOUND:
        found.append(f"took {seen.seconds:.1f} s")
    if end.reason:
        found += _failed(row, end, seen)
    else:
        found += _answered(row, cell, end, seen)
    return found


def _answered(row: Row, cell: Cell, end: End, seen: Seen) -> Iterator[str]:
    answer = seen.answer
    if answer is None:
        yield f"failed: {seen.failure}"
        return
    expected, finish = ECHO, chat_service_pb2.FINISH_REASON_STOP
    if not end.second:
        expected, finish = row.says, row.finish
    if finish == chat_service_pb2.FINISH_REASON_CONTENT_FILTER and cell.wire.name == "anthropic":
        finish = chat_service_pb2.FINISH_REASON_REFUSAL
    if row.has_tool:
        expected, finish = "", chat_service_pb2.FINISH_REASON_TOOL_USE
        if [is_whole_call(block) for block in answer.message.content] != [True]:
            yield f"not the whole tool call: {answer.message}"
    if calls.said(answer) != expected:
        yield f"said {calls.said(answer)!r}"
    if answer.completion.finish_reason != finish:
        yield f"ended with {chat_service_pb2.FinishReason.Name(answer.completion.finish_reason)}"
    if not answer.completion.usage.output_total:
        yield "no usage"
    if row.has_thought and not answer.message.content[0].thinking.text:
        yield "the thought is lost"
    yield from _report(end, answer.completion.route_report)
    if cell.call == "stream":
        yield from _stream(end, seen.events)


def _stream(end: End, events: list[chat_service_pb2.ChatEvent]) -> Iterator[str]:
    kinds = [event.WhichOneof("kind") for event in events]
    if kinds.count("completion") != 1 or kinds[-1] != "completion":
        yield f"completions in {kinds}"
    if kinds.count("restart") != end.restarts:
        yield f"{kinds.count('restart')} restarts in the stream"
    if kinds.count("start") != end.restarts + 1:
        yield f"{kinds.count('start')} starts in the stream"


def _failed(row: Row, end: End, seen: Seen) -> Iterator[str]:
    failure = seen.failure
    if failure is None:
        yield f"answered: {seen.answer}"
        return
    if any(event.HasField("completion") for event in seen.events):
        yield "a completion, and an error"
    reason = "STREAM_INTERRUPTED" if end.begun else end.reason
    if failure.code != _CODES.get(reason, grpc.StatusCode.UNAVAILABLE):
        yield f"ended with {failure.code}"
    yield from _partial(end, seen.events)
    if failure.code in (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED) and failure.status is None:
        # The caller's own clock or wish: nothing that the gateway says reaches it.
        return
    cause = failure.info.metadata.get("cause", "").removeprefix("ERROR_REASON_")
    if failure.reason != reason or cause != (end.reason if end.begun else ""):
        yield f"failed as {failure.reason} {cause}"
    may_pass = failure.code in _PASSING and reason != "UPSTREAM_QUOTA_EXHAUSTED"
    if (failure.retry is not None) != may_pass:
        yield f"says of a retry: {failure.retry}"
    if row.retry_after and failure.retry is not None:
        told = failure.retry.retry_delay.ToNanoseconds() / 1e9
        if abs(told - row.retry_after) > 0.01:
            yield f"tells to wait {told} s"
    if failure.trailers.get("grpc-retry-pushback-ms") != "-1":
        yield "invites the client's own retries"
    yield from _report(end, failure.report)


def _partial(end: End, events: list[chat_service_pb2.ChatEvent]) -> Iterator[str]:
    """What came before an error is the beginning of the one answer there was."""
    said = "".join(event.block_delta.text for event in events)
    if not (said.startswith(_TEXT) or _TEXT.startswith(said)):
        yield f"a part that says {said!r}"
    arguments = "".join(event.block_delta.input_json for event in events)
    if not ARGUMENTS.startswith(arguments) or arguments.endswith("}"):
        yield f"arguments {arguments!r}"
    if any(event.HasField("restart") for event in events):
        yield "a restart, and no answer"
    if events and not end.begun and end.reason not in ("DEADLINE_EXCEEDED", "CANCELLED"):
        yield "a part of an answer before an error that has none"


def _report(end: End, report: route_pb2.RouteReport) -> Iterator[str]:
    attempts = list(report.attempts)
    ordinals = [each.provider.rstrip("0123456789") for each in attempts]
    if ordinals != ["first"] * end.first + ["second"] * end.second:
        yield f"the report tells of {ordinals}"
    if report.restarts != end.restarts:
        yield f"the report tells of {report.restarts} restarts"
    answered = [each.outcome == route_pb2.ATTEMPT_OUTCOME_ANSWERED for each in attempts]
    if answered != [False] * (end.attempts - 1) + [not end.reason]:
        yield f"the report tells of outcomes {answered}"
    for earlier, later in pairwise(attempts):
        if later.begun_after.ToNanoseconds() < earlier.begun_after.ToNanoseconds() + earlier.duration.ToNanoseconds():
            yield "an attempt began before the one before it had ended"
    for each in attempts:
        broken = calls.reason_name(each.reason) == "STREAM_INTERRUPTED"
        if broken and not (each.usage_is_estimate and each.usage.input_total and each.usage.output_total):
            yield f"what a broken answer took is not told: {each}"


def _upstream(row: Row, cell: Cell, end: End, seen: Seen) -> Iterator[str]:
    if (len(seen.first), len(seen.second)) != (end.first, end.second):
        yield f"the upstream was asked {len(seen.first)} and {len(seen.second)} times"
    if len({call.body for call in seen.first}) > 1:
        yield "a retry asked something else"
    for call in (*seen.first, *seen.second):
        if b'"assistant"' in call.body:
            yield "a part of an answer was sent to be gone on with"
    for earlier, later in pairwise(seen.first):
        if later.started - earlier.started < row.retry_after - TIMER_SECONDS:
            yield f"asked again after {later.started - earlier.started:.3f} s"
    if row.between and seen.second and {call.model for call in seen.second} & {"o3", "claude-haiku-4-5"}:
        yield "a target was asked into whose window the call does not fit"
    if row.leaves not in ("", "waiting"):
        left = (*seen.first, *seen.second)
        if any(call.outcome != "hung_up" for call in (left if row.hedge else left[-1:])):
            yield "the upstream was not hung up on"
