"""What `error_reason.proto` says about each reason, and the form that every error has by it.

The comments of the proto are the table: they are parsed here, and nothing of them is repeated.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2

from e2e.gateways import KEY, Running
from support.calls import Failure, chat_failure, chat_input, stream_failure, user
from trunkline.v1 import chat_service_pb2

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
