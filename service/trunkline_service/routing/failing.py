"""Failures of attempts that no codec knows of."""

from __future__ import annotations

from trunkline.v1 import error_reason_pb2
from trunkline_service import json_text
from trunkline_service.errors import GatewayError

# Objects, lists and items, in one piece of an answer. The longest answer there is has about as many in the log
# probabilities of its tokens, and nothing else comes near. Taking more apart would hold up every other call.
MAX_PARTS = 2_000_000

# Those that say what was being waited for.
STAGED = (error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT, error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE)
# What is the provider's doing. The caller's own deadline and its own slowness keep their names at any time.
INTERRUPTIONS = frozenset(
    reason
    for reason in error_reason_pb2.ErrorReason.values()
    if reason
    not in (
        error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED,
        error_reason_pb2.ERROR_REASON_SLOW_CONSUMER,
        error_reason_pb2.ERROR_REASON_ANSWER_TOO_LARGE,
        error_reason_pb2.ERROR_REASON_INTERNAL,
    )
)


def too_large(limit: int) -> GatewayError:
    """The answer does not fit in a message of `limit` bytes."""
    return GatewayError(
        error_reason_pb2.ERROR_REASON_ANSWER_TOO_LARGE,
        f"the answer is larger than a message may be, which is {limit} bytes",
        metadata={"limit": str(limit)},
    )


def protocol_error(how: str) -> GatewayError:
    """The provider answered, but not in its own format."""
    return GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, f"the provider answered {how}")


def check_parts(data: bytes) -> None:
    """Raises what `protocol_error` makes if a piece of an answer, in JSON, has more than `MAX_PARTS` parts."""
    if len(data) > MAX_PARTS and json_text.outnumber(data, b"{[,", MAX_PARTS):
        raise protocol_error(f"with more than {MAX_PARTS} parts in one piece")
