"""Errors as they arrive: what `error_reason.proto` says about each reason, checked against each fault there is.

The comments of the proto are the table: they are parsed here, and nothing of them is repeated.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from aiohttp import web
from google.rpc import error_details_pb2

from e2e.gateways import KEY, Running, provider, running
from support.calls import (
    Failure,
    chat_failure,
    chat_input,
    events_of,
    failure,
    request,
    stream_failure,
    stream_request,
    to_target,
    user,
)
from trunkline.v1 import chat_input_pb2, chat_service_pb2, chat_service_pb2_grpc, error_reason_pb2, message_pb2
from trunkline_service.config import Limits, Timeouts
from trunkline_service.rpc.status import RULES
from trunkline_service.simulator.behaviours import FAULTS

Stub: TypeAlias = "chat_service_pb2_grpc.ChatServiceAsyncStub"

PROTO = Path(__file__).parents[2] / "protos/trunkline/v1/error_reason.proto"
PROMPT = "the caller's own words"
CALLERS_KEY = "sk-ant-key-of-the-caller"
MAX_STATUS_BYTES = 4096
# What gRPC promises to let through: beyond it, an error about the size may come instead.
MAX_TRAILER_BYTES = 8192

# Allowed for every reason once a provider was asked, says the comment at the top of the proto.
COMMON = {"provider", "model", "upstream_status", "upstream_request_id", "upstream_code", "upstream_message"}
DETAILS = {
    "BadRequest": error_details_pb2.BadRequest,
    "QuotaFailure": error_details_pb2.QuotaFailure,
    "ResourceInfo": error_details_pb2.ResourceInfo,
}


@dataclass(frozen=True)
class Documented:
    """What the proto says about a reason."""

    code: grpc.StatusCode
    retry: bool
    metadata: frozenset[str]
    details: frozenset[str]
    # Those that are there only in some cases.
    optional: frozenset[str]


def documented() -> dict[str, Documented]:
    """Every reason, without its prefix, by what its comment says."""
    found = {}
    for comment, name in re.findall(r"((?: +// ?.*\n)+) +ERROR_REASON_(\w+) = [1-9]", PROTO.read_text()):
        text = " ".join(line.strip().removeprefix("//").strip() for line in comment.splitlines())
        facts = re.search(r"Code: (\w+)\. Retry: (yes|no)\.(?: Metadata: ([^.]+)\.)?(?: Details: ([^.;]+)[.;])?", text)
        assert facts is not None, f"{name}: its comment gives no code"
        code, retry, metadata, details = facts.groups()
        kinds = frozenset(re.findall(r"\b[A-Z]\w+(?:Request|Failure|Info)\b", details or ""))
        found[name] = Documented(
            code=grpc.StatusCode[code],
            retry=retry == "yes",
            metadata=frozenset(re.findall(r"`(\w+)`", metadata or "")),
            details=kinds,
            optional=kinds if " if " in (details or "") else frozenset(),
        )
    return found


TABLE = documented()


def test_every_reason_says_what_it_looks_like() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert TABLE.keys() == names - {"UNSPECIFIED"}
    assert {kind for row in TABLE.values() for kind in row.details} == DETAILS.keys()


@pytest.mark.parametrize("name", TABLE)
def test_the_rules_are_those_of_the_proto(name: str) -> None:
    rule = RULES[error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{name}")]
    assert (rule.code, rule.retryable) == (TABLE[name].code, TABLE[name].retry)


def test_no_rule_is_left_over() -> None:
    assert len(RULES) == len(TABLE)


# Every fault of the simulator: how the unary call fails, and how the stream does; None if it does not.
UNREACHABLE_AFTER = ("STREAM_INTERRUPTED", "UPSTREAM_UNREACHABLE")
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


@pytest.fixture(scope="module")
async def impatient() -> AsyncIterator[Running]:
    """A gateway that waits for a provider only so long as a test may take."""
    async with running(limits=Limits(default_deadline=0.7)) as own:
        url = own.simulator.url
        waits = Timeouts(first_event=0.3, idle=0.3)
        providers = {"anthropic": provider(url, timeouts=waits)}
        async with running(providers=providers, limits=Limits(default_deadline=0.7)) as front:
            yield Running(front.gateway, own.simulator, front.channel)


async def failures(own: Running, model: str, **fields: Any) -> list[Failure]:
    """What becomes of the unary call and of the stream, at the same time and without a deadline of the caller's."""
    asked = chat_input(f"anthropic/{model}", user(PROMPT), **fields)
    unary = chat_service_pb2.ChatRequest(input=asked)
    stream = chat_service_pb2.StreamChatRequest(input=asked)
    one, (events, other) = await asyncio.gather(
        chat_failure(own.stub, unary, timeout=None),  # type: ignore[arg-type]
        stream_failure(own.stub, stream, timeout=None),  # type: ignore[arg-type]
    )
    assert all(event.WhichOneof("kind") != "completion" for event in events)
    assert bool(events) == (other.reason in ("STREAM_INTERRUPTED", "DEADLINE_EXCEEDED"))
    return [one, other]


def check_form(found: Failure, *, asked_a_provider: bool = True) -> None:
    """What holds for every error, and what the proto says about its reason."""
    row = TABLE[found.reason]
    assert found.code is row.code
    assert found.status is not None
    assert (found.status.code, found.status.message) == (found.code.value[0], found.message)
    kinds = [detail.type_url.rpartition(".")[2] for detail in found.status.details]
    assert len(kinds) == len(set(kinds)), kinds
    assert kinds.count("ErrorInfo") == 1
    assert found.info.domain == "trunkline"
    assert found.info.reason == f"ERROR_REASON_{found.reason}"
    assert found.request_info is not None
    assert found.request_info.request_id
    assert found.request_info.request_id == found.trailers["x-request-id"]
    # A retry only where the reason lets it; a provider may forbid it with this very answer.
    assert row.retry or found.retry is None
    assert (found.retry is not None) == row.retry
    for kind in DETAILS:
        if kind not in row.details:
            assert kind not in kinds, f"{found.reason} has no {kind}, says the proto"
        elif kind not in row.optional:
            assert kind in kinds
    allowed = row.metadata | (COMMON if asked_a_provider else set())
    if found.reason == "STREAM_INTERRUPTED":
        allowed |= TABLE[found.info.metadata["cause"].removeprefix("ERROR_REASON_")].metadata
    assert set(found.info.metadata) <= allowed, found.reason
    assert ("provider" in found.info.metadata) == asked_a_provider
    assert found.trailers.get("grpc-retry-pushback-ms") == ("-1" if asked_a_provider else None)
    check_size(found)
    packed = found.status.SerializeToString().decode("utf-8", "ignore")
    for secret in (KEY, CALLERS_KEY, PROMPT):
        assert secret not in packed
        assert secret not in found.message


def check_size(found: Failure) -> None:
    assert found.status is not None
    assert found.status.ByteSize() <= MAX_STATUS_BYTES
    message = sum(1 if 0x20 <= byte < 0x7F and byte != 0x25 else 3 for byte in found.message.encode())
    others = sum(len(key) + len(value) + 32 for key, value in found.trailers.items() if not key.endswith("-bin"))
    # Binary metadata is Base64 to whoever counts in between.
    assert found.status.ByteSize() * 4 / 3 + message + others + 200 <= MAX_TRAILER_BYTES


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
            assert int(metadata["output_tokens"]) > 0
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


@pytest.mark.parametrize(
    ("model", "reason"), [("error-401", "CALLER_CREDENTIALS_REJECTED"), ("error-403", "CALLER_PERMISSION_DENIED")]
)
async def test_a_key_of_the_callers_own(model: str, reason: str, impatient: Running) -> None:
    asked = chat_service_pb2.ChatRequest(
        input=chat_input("any", user(PROMPT)), routing=to_target("anthropic", model, CALLERS_KEY)
    )
    found = await chat_failure(impatient.stub, asked)
    assert found.reason == reason
    check_form(found)


async def test_errors_of_the_gateways_own(impatient: Running) -> None:
    """Those that no provider has a part in, each in its form."""
    asked = {
        "INVALID_REQUEST": request("anthropic/text", system=[message_pb2.ContentBlock()]),
        "ROUTE_NOT_FOUND": request("nowhere/text"),
    }
    asked["CAPABILITY_NOT_SUPPORTED"] = request("anthropic/text")
    asked["CAPABILITY_NOT_SUPPORTED"].input.generation.seed = 1
    for reason, each in asked.items():
        found = await chat_failure(impatient.stub, each)
        assert found.reason == reason
        check_form(found, asked_a_provider=False)


async def test_a_provider_that_is_not_there() -> None:
    async with running(providers={"anthropic": provider("http://127.0.0.1:9")}) as own:
        for found in await failures(own, "text"):
            assert found.reason == "UPSTREAM_UNREACHABLE"
            assert found.info.metadata["stage"] == "connect"
            check_form(found)


async def test_an_answer_that_no_message_holds() -> None:
    limit = 2**18
    async with running(limits=Limits(max_message_bytes=limit)) as own:
        events, streamed = await stream_failure(own.stub, stream_request("simulator/big-n1"))
        assert all(event.WhichOneof("kind") != "completion" for event in events)
        for found in (await chat_failure(own.stub, request("simulator/big-n1")), streamed):
            assert found.reason == "ANSWER_TOO_LARGE"
            assert 0 < int(found.info.metadata["limit"]) <= limit
            check_form(found)
        # What is too much in one message is not in many.
        events = await events_of(own.stub, stream_request("simulator/long-n30000"))
        assert sum(event.ByteSize() for event in events) > limit
        found = await chat_failure(own.stub, request("simulator/long-n60000"))
        assert found.reason == "ANSWER_TOO_LARGE"
        check_form(found)


async def test_counting_fails_in_the_same_form(impatient: Running) -> None:
    asked = chat_service_pb2.CountTokensRequest(
        input=chat_input("any", user(PROMPT)), routing=to_target("anthropic", "text", "bad-key-of-the-caller")
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await impatient.stub.CountTokens(asked, timeout=5)
    found = failure(caught.value)
    assert found.reason == "CALLER_CREDENTIALS_REJECTED"
    check_form(found)


# The worst case: everything as long as it can be, and in an alphabet that takes the most room.

LONG = "長い説明。" * 1500


class WordyProvider:
    """A provider whose errors say more than anybody wants to know."""

    def __init__(self) -> None:
        self.status = 400
        self.kind = "invalid_request_error" * 20
        self.prefix = ""
        self.times = 1

    async def answer(self, request: web.Request) -> web.Response:
        error = {"type": self.kind, "message": self.prefix + LONG * self.times, "details": {"error_code": LONG}}
        body = json.dumps({"type": "error", "error": error}, ensure_ascii=False)
        headers = {"request-id": "req_" + "9" * 4000, "retry-after": "1e9"}
        return web.Response(text=body, content_type="application/json", status=self.status, headers=headers)


@pytest.fixture(scope="module")
async def wordy() -> AsyncIterator[tuple[WordyProvider, Running]]:
    behind = WordyProvider()
    app = web.Application()
    app.router.add_post("/v1/messages", behind.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    name = "a" * 128
    async with running(providers={name: provider(url, name)}) as own:
        yield behind, own
    await runner.cleanup()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 418, 422, 429, 500, 503, 504, 529, 302])
@pytest.mark.parametrize(
    ("prefix", "times"),
    [("", 1), (f"messages.{'0.content.' * 300}0: ", 1), ("", 100)],
    ids=["long", "path", "too_long_to_be_read"],
)
async def test_the_longest_errors_arrive(
    status: int, prefix: str, times: int, wordy: tuple[WordyProvider, Running]
) -> None:
    behind, own = wordy
    behind.status, behind.prefix, behind.times = status, prefix, times
    asked = request(f"{'a' * 128}/{'模' * 800}")
    metadata = (("x-request-id", "r" * 64),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await own.stub.Chat(asked, timeout=5, metadata=metadata)
    found = failure(caught.value)
    assert found.reason, found.message
    check_form(found)
    assert len(found.message.encode()) <= 1024
    if found.reason == "UPSTREAM_REJECTED_REQUEST" and times == 1:
        assert len(found.message.encode()) > 400
        assert len(found.fields) == bool(prefix)
    if found.retry is not None:
        assert found.retry.retry_delay.seconds <= 86_400


async def test_a_prompt_that_the_providers_policy_forbids(wordy: tuple[WordyProvider, Running]) -> None:
    behind, own = wordy
    behind.status, behind.times, behind.prefix = 400, 1, "Output blocked by content filtering policy. "
    found = await chat_failure(own.stub, request(f"{'a' * 128}/text"))
    assert found.reason == "CONTENT_BLOCKED"
    check_form(found)


@pytest.mark.parametrize("name", ["ascii", "wide"])
async def test_a_thousand_violations_arrive(name: str, impatient: Running) -> None:
    """As many as there is room for, and how many more there are."""
    asked = request("anthropic/text")
    key = "long" * 100 if name == "ascii" else "長い" * 200
    for number in range(1000):
        asked.input.provider_options_json[f"{number}{key}"] = "{"
    found = await chat_failure(impatient.stub, asked)
    check_form(found, asked_a_provider=False)
    assert found.reason == "INVALID_REQUEST"
    assert found.bad_request is not None
    *named, last = found.bad_request.field_violations
    assert len(named) >= 3
    assert last.field == ""
    assert last.description.startswith("and ")
    assert last.description == f"and {1000 - len(named)} more"


async def test_a_hundred_unsupported_fields_arrive(impatient: Running) -> None:
    """The first with a long text of the caller's own, in the message too; the others fill the room that is left."""
    asked = request("anthropic/text")
    for number in range(100):
        of = "x" if number else "長い" * 1000
        asked.input.tools.add(provider_defined=chat_input_pb2.ProviderTool(provider_type=of, raw_json="{}"))
    found = await chat_failure(impatient.stub, asked)
    assert found.reason == "CAPABILITY_NOT_SUPPORTED"
    assert found.fields[:2] == ["input.tools[0].provider_defined", "input.tools[1].provider_defined"]
    check_form(found, asked_a_provider=False)


async def test_keys_in_the_words_of_a_provider_do_not_pass(impatient: Running) -> None:
    """A provider that quotes what it was sent."""

    async def quote(request: web.Request) -> web.Response:
        key = request.headers["x-api-key"]
        error = {"type": "invalid_request_error", "message": f"messages.0: {key} is no good, says {key}"}
        return web.json_response({"type": "error", "error": error}, status=400)

    app = web.Application()
    app.router.add_post("/v1/messages", quote)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with running(providers={"anthropic": provider(url)}) as own:
        for found in await failures(own, "text"):
            assert found.fields == ["input.messages[0]"]
            check_form(found)
        caller = chat_service_pb2.ChatRequest(
            input=chat_input("any", user(PROMPT)), routing=to_target("anthropic", "text", CALLERS_KEY)
        )
        check_form(await chat_failure(own.stub, caller))
    await runner.cleanup()


async def test_the_first_events_of_a_broken_stream_are_the_answers_own(impatient: Running) -> None:
    events, found = await stream_failure(impatient.stub, stream_request("anthropic/cut-n5"))
    assert found.reason == "STREAM_INTERRUPTED"
    assert int(found.info.metadata["events_sent"]) == len(events)
    assert [event.WhichOneof("kind") for event in events] == ["start", "block_start"] + ["block_delta"] * 5
