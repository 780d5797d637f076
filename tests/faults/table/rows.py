"""The rows. Times are scaled down: what lasts 20 or 30 seconds there lasts longer than the route's limit here."""

from __future__ import annotations

from faults.table.ends import ATTEMPTS, Call, End, Setup, breaking, elsewhere, ends, everywhere, final, lasting, passing
from faults.table.row import SEEDED, Row
from faults.table.wires import ANTHROPIC
from trunkline.v1 import chat_service_pb2

_LIMIT = "0.4s"
_ANSWERED = everywhere(End())
_AGAIN = End(second=1, restarts=1)
_LED_ON = ends(alone=End(), retried=End(), fallback=End(), restart=_AGAIN, whole={"fallback": _AGAIN})

SIXTEEN = (
    Row(
        title="429 with retry-after, once",
        model="flaky-1-text-s429-r200",
        ends=passing("UPSTREAM_RATE_LIMITED", leads_on=True),
        retry_after=0.2,
    ),
    Row(
        title="429 for ever",
        model="error-s429-r200",
        ends=lasting("UPSTREAM_RATE_LIMITED", leads_on=True),
        retry_after=0.2,
    ),
    Row(title="500 once", model="flaky-1-text-s500", ends=passing("UPSTREAM_ERROR")),
    Row(title="503 for ever", model="error-503", ends=lasting("UPSTREAM_OVERLOADED")),
    Row(title="reset before headers", model="reset", ends=lasting("UPSTREAM_UNREACHABLE")),
    Row(
        title="no response at all",
        model="silence",
        ends=lasting("UPSTREAM_TIMEOUT"),
        limits={"first_event": _LIMIT},
    ),
    Row(
        title="first token after 20 s, beyond the limit",
        model="slow-t5000",
        ends=lasting("UPSTREAM_TIMEOUT"),
        limits={"first_event": _LIMIT},
    ),
    Row(title="first token late, within the limit", model="slow-t600", ends=_ANSWERED, limits={"first_event": "20s"}),
    Row(title="cut after 40 of 60 tokens", model="cut-n40", ends=breaking("UPSTREAM_UNREACHABLE")),
    Row(
        title="stall of 30 s in the middle",
        model="stall-n40",
        ends=breaking("UPSTREAM_TIMEOUT"),
        limits={"idle": _LIMIT},
    ),
    Row(title="malformed chunk", model="malformed-n40", ends=breaking("UPSTREAM_PROTOCOL_ERROR")),
    Row(
        title="no end marker",
        model="no-stop-n7",
        ends=breaking("UPSTREAM_UNREACHABLE"),
        instead={"chat": ("no-stop-n7", _ANSWERED)},
        but="Chat Completions: answers, as many servers have no end marker and the reason to end is there",
        says=SEEDED,
    ),
    Row(
        title="context length exceeded",
        model="error-context",
        ends=elsewhere("CONTEXT_LENGTH_EXCEEDED"),
        between=True,
        but="targets between whose windows are too small are not asked",
    ),
    Row(
        title="content filter ends the answer",
        model="content-filter-n7-g20",
        ends=_ANSWERED,
        instead={"anthropic": ("refusal-n7-g20", _ANSWERED)},
        says=SEEDED,
        finish=chat_service_pb2.FINISH_REASON_CONTENT_FILTER,
        but="with its finish reason; Anthropic's is a refusal",
    ),
    Row(
        title="the same, where the route leads on from refusals",
        model="content-filter-n7-g50",
        ends=_LED_ON,
        instead={"anthropic": ("refusal-n7-g50", _LED_ON)},
        says=SEEDED,
        finish=chat_service_pb2.FINISH_REASON_CONTENT_FILTER,
        failover={"on_refusal": True},
    ),
    Row(title="content refused with a 400", model="error-content", ends=final("CONTENT_BLOCKED")),
    Row(
        title="cut, and the second target takes no prefill",
        model="cut-n40",
        ends=breaking("UPSTREAM_UNREACHABLE"),
        second="no-prefill",
    ),
)

OURS = (
    Row(title="error event after 200, as the first", model="error-event-n0", ends=lasting("UPSTREAM_OVERLOADED")),
    Row(title="error event in the middle", model="error-event-n40", ends=breaking("UPSTREAM_OVERLOADED")),
    Row(title="529 once", model="flaky-1-text", ends=passing("UPSTREAM_OVERLOADED")),
    Row(title="529 for ever", model="error-529", ends=lasting("UPSTREAM_OVERLOADED")),
    Row(
        title="pings only",
        model="pings-only-g20",
        ends=lasting("UPSTREAM_TIMEOUT"),
        limits={"first_event": _LIMIT},
    ),
    Row(
        title="pings only, from the middle on",
        model="stall-pings-n40-g20",
        ends=breaking("UPSTREAM_TIMEOUT"),
        limits={"attempt": "0.8s"},
        but="pings are signs of life: what ends it is the limit of the attempt",
    ),
    Row(title="ends in the middle, cleanly", model="cut-clean-n40", ends=breaking("UPSTREAM_UNREACHABLE")),
    Row(
        title="cut inside tool arguments",
        model="cut-tool",
        ends=breaking("UPSTREAM_UNREACHABLE"),
        second="tool",
        has_tool=True,
    ),
    Row(
        title="a thinking block without its signature",
        model="thinking-unsigned",
        ends=_ANSWERED,
        has_thought=True,
        wires=(ANTHROPIC,),
        but="only Anthropic signs; the next turn goes on without the thought, with a warning",
    ),
    Row(title="429, the quota spent", model="error-429-spend", ends=elsewhere("UPSTREAM_QUOTA_EXHAUSTED")),
    Row(title="the gateway's key rejected", model="error-401", ends=elsewhere("UPSTREAM_CREDENTIALS_REJECTED")),
    Row(title="unknown model", model="error-404", ends=elsewhere("MODEL_NOT_FOUND")),
    Row(title="the caller's bad request", model="error-400", ends=final("UPSTREAM_REJECTED_REQUEST")),
    Row(
        title="the deadline in the middle",
        model="paced-n400-g20",
        ends=everywhere(End(reason="DEADLINE_EXCEEDED")),
        timeout=0.8,
    ),
    Row(
        title="the deadline, and no event yet",
        model="silence",
        ends=everywhere(End(reason="DEADLINE_EXCEEDED")),
        timeout=0.8,
    ),
    Row(
        title="a retry-after beyond the deadline",
        model="error-s429-r7000",
        ends=elsewhere("UPSTREAM_RATE_LIMITED"),
        timeout=5.0,
        but="at once: what cannot end in time is not begun",
    ),
)

_CANCELLED = End(reason="CANCELLED")

_AT_THE_SECOND: tuple[tuple[Setup, Call], ...] = (("fallback", "stream"), ("fallback", "whole"), ("restart", "stream"))

CANCELS = (
    Row(title="before the headers", model="silence", ends=everywhere(_CANCELLED), leaves="no headers"),
    Row(title="before the first event", model="silence-headers", ends=everywhere(_CANCELLED), leaves="no event"),
    Row(title="in the middle", model="paced-n500-g20", ends=everywhere(_CANCELLED), leaves="answering"),
    Row(
        title="while a retry waits",
        model="error-s429-r300",
        ends={("retried", "stream"): _CANCELLED, ("retried", "whole"): _CANCELLED},
        leaves="waiting",
    ),
    Row(
        title="while two attempts race",
        model="silence",
        ends=dict.fromkeys(_AT_THE_SECOND, End(reason="CANCELLED", second=1)),
        second="silence",
        hedge={"delay": "0.1s", "max_share": 100},
        leaves="second",
    ),
    Row(
        title="at the second target",
        model="error-503",
        ends=dict.fromkeys(_AT_THE_SECOND, End(reason="CANCELLED", first=ATTEMPTS, second=1)),
        second="silence",
        leaves="second",
    ),
)

ROWS = (*SIXTEEN, *OURS, *CANCELS)
