"""What an attempt that did not answer has cost, as far as anybody can know."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.v1 import error_reason_pb2, usage_pb2
from trunkline_service.routing.attempt import Attempt


def note_spending(attempt: Attempt, estimated_input: Callable[[], int], *, superseded: bool = False) -> None:
    """Puts usage and cost into the report of an attempt that did not answer.

    An answer that broke off was paid for as far as it came. A request that was left alone before its answer began has
    most likely been read. One that failed with a status, or never arrived, has cost nothing.
    """
    report = attempt.report
    told = attempt.usage
    if told is None:
        waited = superseded or report.reason in _LEFT_ALONE
        if not waited or report.upstream_status not in (0, 200):
            return
        told = usage_pb2.Usage()
    usage = report.usage
    usage.CopyFrom(told)
    if not usage.HasField("input_total"):
        usage.input_total = usage.input_uncached = estimated_input()
    # Behind its start and that of its first block, each event has a token at least; what the provider told at the
    # beginning is not the whole.
    begun = min(1, attempt.events_sent)
    usage.output_total = max(usage.output_total, begun, attempt.events_sent - 2)
    report.usage_is_estimate = True
    if (known := attempt.cost(usage, "")) is not None:
        report.cost.CopyFrom(known)


def total(costs: list[usage_pb2.Cost]) -> usage_pb2.Cost:
    """The sum."""
    result = usage_pb2.Cost()
    for each in costs:
        for field, value in each.ListFields():
            setattr(result, field.name, getattr(result, field.name) + value)
    return result


_LEFT_ALONE = (
    error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT,
    error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED,
)
