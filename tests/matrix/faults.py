"""What goes wrong at every provider, and what callers learn of it: the same whichever provider it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A `model` of the simulator that fails, and the `reason` that the caller is told.

    With `begun`, part of the answer came before, so that the stream ends with STREAM_INTERRUPTED and the reason is
    its cause. `instead` holds other reasons by family, or key, where a provider's own words say less; None where what
    would be a fault elsewhere is none there. `at_once` are those that send in one piece what others have begun with.
    """

    title: str
    model: str
    reason: str
    begun: bool = False
    instead: Mapping[str, str | None] = field(default_factory=dict)
    at_once: Sequence[str] = ()


FAULTS = (
    Fault(title="400", model="error-400", reason="UPSTREAM_REJECTED_REQUEST"),
    Fault(title="400, prompt too long", model="error-context", reason="CONTEXT_LENGTH_EXCEEDED"),
    Fault(title="401", model="error-401", reason="UPSTREAM_CREDENTIALS_REJECTED"),
    Fault(title="403", model="error-403", reason="UPSTREAM_CREDENTIALS_REJECTED"),
    Fault(title="404", model="error-404", reason="MODEL_NOT_FOUND"),
    Fault(title="413 as a web page", model="error-413", reason="REQUEST_TOO_LARGE"),
    Fault(title="429", model="error-429", reason="UPSTREAM_RATE_LIMITED"),
    Fault(
        title="429, quota spent",
        model="error-429-spend",
        reason="UPSTREAM_QUOTA_EXHAUSTED",
        # Google says no more than that resources are exhausted.
        instead={"vertex_anthropic": "UPSTREAM_RATE_LIMITED"},
    ),
    Fault(title="500", model="error-500", reason="UPSTREAM_ERROR"),
    Fault(title="503", model="error-503", reason="UPSTREAM_OVERLOADED"),
    Fault(title="529", model="error-529", reason="UPSTREAM_OVERLOADED"),
    Fault(title="a web page with status 200", model="html", reason="UPSTREAM_PROTOCOL_ERROR"),
    Fault(title="no answer, connection reset", model="reset", reason="UPSTREAM_UNREACHABLE"),
    Fault(title="no answer, silence", model="silence", reason="UPSTREAM_TIMEOUT"),
    Fault(title="headers, then silence", model="silence-headers", reason="UPSTREAM_TIMEOUT"),
    Fault(title="a body that is no stream", model="garbage", reason="UPSTREAM_PROTOCOL_ERROR"),
    Fault(title="an error as the first event", model="error-event-n0", reason="UPSTREAM_OVERLOADED"),
    Fault(title="stream stalls", model="stall", reason="UPSTREAM_TIMEOUT", begun=True),
    Fault(title="stream cut by a reset", model="cut", reason="UPSTREAM_UNREACHABLE", begun=True),
    Fault(title="stream cut without a trace", model="cut-clean", reason="UPSTREAM_UNREACHABLE", begun=True),
    Fault(
        title="stream cut within tool arguments",
        model="cut-tool",
        reason="UPSTREAM_UNREACHABLE",
        begun=True,
        at_once=("gemini",),
    ),
    Fault(
        title="stream without its end mark",
        model="no-stop",
        reason="UPSTREAM_UNREACHABLE",
        begun=True,
        # Many servers have none, Gemini never has one: the reason to end is enough.
        instead={"chat": None, "gemini": None},
    ),
    Fault(
        title="stream without a reason to end",
        model="no-delta",
        reason="UPSTREAM_PROTOCOL_ERROR",
        begun=True,
        # The end mark is enough, or says it itself.
        instead={"responses": None, "chat": None, "gemini": "UPSTREAM_UNREACHABLE"},
    ),
    Fault(title="malformed event in the stream", model="malformed", reason="UPSTREAM_PROTOCOL_ERROR", begun=True),
    Fault(title="error in the stream, overloaded", model="error-event", reason="UPSTREAM_OVERLOADED", begun=True),
    Fault(title="error in the stream, server", model="error-event-api", reason="UPSTREAM_ERROR", begun=True),
    Fault(
        title="error in the stream, rate", model="error-event-rate-limit", reason="UPSTREAM_RATE_LIMITED", begun=True
    ),
    Fault(
        title="error in the stream, request",
        model="error-event-invalid",
        reason="UPSTREAM_REJECTED_REQUEST",
        begun=True,
    ),
)
