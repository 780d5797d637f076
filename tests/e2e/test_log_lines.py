"""The log: one line a call, and nothing of what was said in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from e2e.gateways import KEY, Lines, call_lines, posts, running, until
from support.calls import SERVICE, Stub, chat_input, stream_request, to_target, user
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import Limits
from trunkline_service.simulator import Simulator

PROMPT = "the caller's own words"


@pytest.fixture
def lines() -> Iterator[Lines]:
    with call_lines() as found:
        yield found
    ids = [json.loads(line)["request_id"] for line in found.texts]
    assert len(ids) == len(set(ids)), "one line a call"
    for line in found.texts:
        assert "\n" not in line
        for secret in (KEY, "key-of-the-caller", PROMPT, "You said"):
            assert secret not in line


COMMON_FACTS = {"time", "level", "logger", "message", "request_id", "method", "code", "reason", "duration_ms", "peer"}


async def logged(lines: Lines, stub: Stub, asked: Any) -> dict[str, Any]:
    """The only line of a call, however it ends."""
    request_id = f"test-{time.monotonic_ns()}"
    metadata = (("x-request-id", request_id),)
    call: Any
    match asked:
        case chat_service_pb2.ChatRequest():
            call = stub.Chat(asked, timeout=5, metadata=metadata)
        case chat_service_pb2.CountTokensRequest():
            call = stub.CountTokens(asked, timeout=5, metadata=metadata)
        case _:
            call = stub.StreamChat(asked, timeout=5, metadata=metadata)
    with contextlib.suppress(grpc.aio.AioRpcError):
        if isinstance(asked, chat_service_pb2.StreamChatRequest):
            async for _ in call:
                pass
        else:
            await call
    line = await lines.one(request_id)
    assert line.keys() >= COMMON_FACTS
    assert line["peer"].startswith("ipv4:127.0.0.1:")
    assert 0 <= line["duration_ms"] < 5000
    return line


def asking(model: str) -> list[Any]:
    """The same question by each method."""
    given = chat_input(model, user(PROMPT))
    return [
        chat_service_pb2.ChatRequest(input=given),
        chat_service_pb2.StreamChatRequest(input=given),
        chat_service_pb2.StreamChatRequest(input=given, max_event_delay=Duration(nanos=20_000_000)),
    ]


async def test_the_line_of_a_call_that_succeeds(lines: Lines, stub: Stub) -> None:
    for asked in asking("simulator/text"):
        line = await logged(lines, stub, asked)
        assert (line["code"], line["reason"], line["message"], line["level"]) == ("OK", "", "call", "info")
        assert line["method"].startswith(f"/{SERVICE}/")
        assert (line["provider"], line["model"], line["upstream_status"]) == ("simulator", "text", 200)
        assert line["upstream_request_id"].startswith("req_")
        assert line["finish_reason"] == "end_turn"
        assert line["input_tokens"] > 0
        assert line["output_tokens"] > 0
        # Nobody knows what a simulated model costs.
        assert "cost_nano_usd" not in line
        assert line["events"] > 5
        assert 0 <= line["first_event_ms"] <= line["duration_ms"]


async def test_the_line_of_a_call_that_has_a_price(lines: Lines, stub: Stub) -> None:
    for asked in asking("simulator/claude-haiku-5-5"):
        line = await logged(lines, stub, asked)
        assert line["cost_nano_usd"] == line["input_tokens"] * 100 + line["output_tokens"] * 500


async def test_the_line_of_a_count(lines: Lines, stub: Stub) -> None:
    line = await logged(
        lines, stub, chat_service_pb2.CountTokensRequest(input=chat_input("simulator/text", user(PROMPT)))
    )
    assert (line["code"], line["provider"], line["upstream_status"]) == ("OK", "simulator", 200)


@pytest.mark.parametrize(
    ("model", "code", "reason", "status"),
    [
        ("simulator/error-429", "RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED", 429),
        ("simulator/error-400", "INVALID_ARGUMENT", "UPSTREAM_REJECTED_REQUEST", 400),
        ("simulator/cut", "ABORTED", "STREAM_INTERRUPTED", 200),
        ("simulator/reset", "UNAVAILABLE", "UPSTREAM_UNREACHABLE", 0),
        ("nowhere/text", "NOT_FOUND", "ROUTE_NOT_FOUND", None),
        ("", "INVALID_ARGUMENT", "INVALID_REQUEST", None),
    ],
)
async def test_the_line_of_a_call_that_fails(
    model: str, code: str, reason: str, status: int | None, lines: Lines, stub: Stub
) -> None:
    for asked in asking(model):
        line = await logged(lines, stub, asked)
        assert (line["code"], line["reason"]) == (code, f"ERROR_REASON_{reason}")
        assert line.get("upstream_status") == status


async def test_the_line_of_a_call_with_a_key(lines: Lines, stub: Stub) -> None:
    asked = chat_service_pb2.ChatRequest(
        input=chat_input("any", user(PROMPT)), routing=to_target("simulator", "text", "bad-key-of-the-caller")
    )
    line = await logged(lines, stub, asked)
    assert line["reason"] == "ERROR_REASON_CALLER_CREDENTIALS_REJECTED"


async def test_the_line_of_bytes_that_are_no_request(lines: Lines, channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary(f"/{SERVICE}/Chat", request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError):
        await call(PROMPT.encode(), timeout=5, metadata=(("x-request-id", "broken"),))
    line = await lines.one("broken")
    assert (line["code"], line["reason"]) == ("INVALID_ARGUMENT", "ERROR_REASON_INVALID_REQUEST")


@pytest.mark.parametrize("model", ["simulator/silence", "simulator/stall", "simulator/paced-g50"])
async def test_the_line_of_a_call_that_is_cancelled(model: str, lines: Lines, stub: Stub, simulator: Simulator) -> None:
    one, two = f"one-{model}", f"two-{model}"
    unary = stub.Chat(asking(model)[0], metadata=(("x-request-id", one),))
    stream = stub.StreamChat(asking(model)[1], metadata=(("x-request-id", two),))
    waiting = [asyncio.ensure_future(unary), asyncio.ensure_future(stream.read())]
    await until(lambda: len(posts(simulator)) == 2)
    unary.cancel()
    stream.cancel()
    for request_id in (one, two):
        line = await lines.one(request_id)
        assert (line["code"], line["reason"], line["provider"]) == ("CANCELLED", "", "simulator")
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_line_of_a_call_whose_caller_gave_up(lines: Lines, stub: Stub, simulator: Simulator) -> None:
    """A deadline so short that the gateway's own answer may or may not be first."""

    async def short(number: int) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Chat(asking("simulator/silence")[0], timeout=0.3, metadata=(("x-request-id", str(number)),))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    await asyncio.gather(*map(short, range(10)))
    # As many as came through in time, on a busy machine.
    await until(lambda: len(lines.texts) >= len(posts(simulator)))
    for line in map(json.loads, lines.texts):
        # To the gateway it may look as if its caller had hung up a moment before the deadline.
        assert line["code"] in ("DEADLINE_EXCEEDED", "CANCELLED")


async def test_the_line_of_a_refused_call(lines: Lines) -> None:
    async with running(limits=Limits(max_concurrent_calls=1)) as own:
        held = own.stub.StreamChat(stream_request("simulator/silence"))
        await until(lambda: posts(own.simulator))
        line = await logged(lines, own.stub, asking("simulator/text")[0])
        assert (line["code"], line["reason"]) == ("UNAVAILABLE", "ERROR_REASON_GATEWAY_OVERLOADED")
        held.cancel()


async def test_health_leaves_no_lines(lines: Lines, channel: grpc.aio.Channel) -> None:
    await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert not lines.texts


async def test_lines_on_standard_error(tmp_path: Path) -> None:
    """As the command line sets it up: every line is JSON, and none comes from a library."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOGGING_PROGRAM), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    found = [json.loads(line) for line in errors.decode().splitlines()]
    assert [line["logger"] for line in found] == ["trunkline.call"] * 2
    assert [line["code"] for line in found] == ["OK", "UNAVAILABLE"]
    assert PROMPT not in errors.decode()


@pytest.mark.parametrize("output", ["2>&-", "2>/dev/full"])
async def test_a_log_that_cannot_be_written_is_no_harm(output: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'exec "$0" -c "$1" {output}', sys.executable, LOGGING_PROGRAM), stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert (process.returncode, said) == (0, b"answered\n")


LOGGING_PROGRAM = f"""\
import asyncio, contextlib
from trunkline import APIError, AsyncTrunkline
from trunkline_service.app import Gateway
from trunkline_service.config import Settings
from trunkline_service.telemetry import log

async def main():
    log.configure()
    async with Gateway(Settings(listen="127.0.0.1:0", simulator=True)) as gateway:
        async with AsyncTrunkline(gateway.address) as client:
            if await client.chat({PROMPT!r}, model="simulator/text", max_output_tokens=5):
                print("answered")
            with contextlib.suppress(APIError):
                await client.chat({PROMPT!r}, model="simulator/reset", max_output_tokens=5)

asyncio.run(main())
"""
