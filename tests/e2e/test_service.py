"""The service around the calls: health, limits, ids, TLS, logs, deadlines, and what its settings do."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from aiohttp import web
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from e2e.gateways import KEY, Lines, Running, call_lines, posts, provider, running, until
from support.calls import (
    Failure,
    chat_failure,
    chat_input,
    events_of,
    failure,
    request,
    stream_failure,
    stream_request,
    text_block,
    to_target,
    user,
)
from trunkline.accumulate import Accumulator
from trunkline.v1 import (
    chat_input_pb2,
    chat_service_pb2,
    chat_service_pb2_grpc,
    error_reason_pb2,
    message_pb2,
    route_pb2,
    warning_pb2,
)
from trunkline_service.app import Gateway
from trunkline_service.config import Limits, Secret, Settings, Timeouts, Tls
from trunkline_service.errors import StartupError
from trunkline_service.rpc import server
from trunkline_service.simulator import Simulator

Stub: TypeAlias = "chat_service_pb2_grpc.ChatServiceAsyncStub"

MIB = 2**20
SERVICE = "trunkline.v1.ChatService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NO_MAXIMUM = chat_input_pb2.GenerationParams()


def said(answer: chat_service_pb2.ChatResponse) -> str:
    return "".join(block.text.text for block in answer.message.content)


# Health and reflection.


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_check(service: str, channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert (await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)).status == SERVING


async def test_health_check_of_what_is_not_there(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="other"), timeout=5)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_health_watch_sees_the_end() -> None:
    """A watcher is told at once when the service begins to stop, and does not hold it up."""
    gateway = Gateway(Settings(listen="127.0.0.1:0", simulator=True))
    async with gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=20)
        assert (await watch.read()).status == SERVING
        began = time.monotonic()
        draining = asyncio.create_task(gateway.drain(delay=0.1, grace=15))
        assert (await watch.read()).status == NOT_SERVING
        await draining
        assert time.monotonic() - began < 3
        watch.cancel()


async def services(channel: grpc.aio.Channel) -> list[str]:
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection.ServerReflectionInfo(iter([asked]), timeout=5)
    answer = await call.read()
    call.cancel()
    return [service.name for service in answer.list_services_response.service]


async def test_reflection(channel: grpc.aio.Channel) -> None:
    assert set(await services(channel)) == {
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_reflection_turned_off() -> None:
    async with running(reflection=False) as own:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await services(own.channel)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        await own.stub.Chat(request(), timeout=5)


async def test_a_method_that_is_not_there(channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary(f"/{SERVICE}/Sing", request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# Admission.


async def test_as_many_calls_as_allowed() -> None:
    """Beyond them: a typed refusal, at once; health is answered all the same; and room again when one ends."""
    async with running(limits=Limits(max_concurrent_calls=2)) as own:
        first = asyncio.ensure_future(own.stub.Chat(request("simulator/silence"), timeout=30))
        second = own.stub.StreamChat(stream_request("simulator/silence"), timeout=30)
        await until(lambda: len(posts(own.simulator)) == 2)

        began = time.monotonic()
        refused = await chat_failure(own.stub, request())
        events, refused_stream = await stream_failure(own.stub, stream_request())
        assert time.monotonic() - began < 1
        assert not events
        for found in (refused, refused_stream):
            assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "GATEWAY_OVERLOADED")
            assert found.retry is not None
            assert found.retry.retry_delay.ToMilliseconds() > 0
            assert found.request_info is not None
            # Another replica may take it, so nothing forbids the client to ask one.
            assert "grpc-retry-pushback-ms" not in found.trailers
        assert len(posts(own.simulator)) == 2

        health = health_pb2_grpc.HealthStub(own.channel)
        told = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=2)
        assert told.status == SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=5)
        assert (await watch.read()).status == SERVING
        watch.cancel()
        assert SERVICE in await services(own.channel)

        def hung_up() -> int:
            return [call.outcome for call in posts(own.simulator)[:2]].count("hung_up")

        first.cancel()
        await until(lambda: hung_up() == 1)
        assert said(await own.stub.Chat(request(), timeout=5)) == "You said: Hello"
        second.cancel()
        await until(lambda: hung_up() == 2)
        both = await asyncio.gather(own.stub.Chat(request(), timeout=5), own.stub.Chat(request(), timeout=5))
        assert [said(answer) for answer in both] == ["You said: Hello"] * 2


async def test_calls_that_fail_make_room_as_well() -> None:
    async with running(limits=Limits(max_concurrent_calls=1)) as own:
        for model in ("simulator/error-500", "simulator/cut", "nowhere/text", "simulator/text", "simulator/garbage"):
            for _ in range(3):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await own.stub.Chat(request(model), timeout=5)
        call = own.channel.unary_unary(f"/{SERVICE}/Chat", request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.aio.AioRpcError):
            await call(b"\xff", timeout=5)
        assert said(await own.stub.Chat(request(), timeout=5)) == "You said: Hello"


# Ids.


async def trailers_of(stub: Stub, model: str, *ids: str, stream: bool = False) -> dict[str, Any]:
    metadata = tuple(("x-request-id", each) for each in ids)
    call: Any
    if stream:
        call = stub.StreamChat(stream_request(model), timeout=5, metadata=metadata)
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for _ in call:
                pass
    else:
        call = stub.Chat(request(model), timeout=5, metadata=metadata)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await call
    return dict(await call.trailing_metadata())


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("model", ["simulator/text", "simulator/error-500", "simulator/cut", "nowhere/text"])
async def test_an_id_comes_back(model: str, stream: bool, stub: Stub) -> None:
    for kept in ("a", "call 17/b", "~" * 64):
        assert (await trailers_of(stub, model, kept, stream=stream))["x-request-id"] == kept
    made = [(await trailers_of(stub, model, stream=stream))["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    assert all(len(each) == 32 and each.isalnum() for each in made)


# gRPC itself sends and takes nothing but printable ASCII.
@pytest.mark.parametrize("wrong", ["x" * 65, ""], ids=["long", "empty"])
async def test_an_id_that_is_none_is_replaced(wrong: str, stub: Stub) -> None:
    made = (await trailers_of(stub, "simulator/text", wrong))["x-request-id"]
    assert made != wrong
    assert len(made) == 32


async def test_the_first_good_id_counts(stub: Stub) -> None:
    assert (await trailers_of(stub, "simulator/text", "x" * 65, "good", "other"))["x-request-id"] == "good"


async def test_an_id_is_not_sent_to_the_provider(stub: Stub, simulator: Simulator) -> None:
    await trailers_of(stub, "simulator/text", "private-to-us")
    assert "private-to-us" not in str(posts(simulator)[0].headers)


# Where it listens.


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


async def test_a_port_that_is_taken(taken_port: int) -> None:
    with pytest.raises(StartupError, match=f"cannot listen at 127.0.0.1:{taken_port}"):
        await Gateway(Settings(listen=f"127.0.0.1:{taken_port}", simulator=True)).__aenter__()


async def test_a_port_that_another_gateway_has(gateway: Gateway, stub: Stub) -> None:
    """By default gRPC would share the port in silence, and take half of the connections."""
    with pytest.raises(StartupError, match="cannot listen"):
        await Gateway(Settings(listen=gateway.address, simulator=True)).__aenter__()
    await stub.Chat(request(), timeout=5)


async def test_an_address_that_is_not_this_machines() -> None:
    with pytest.raises(StartupError, match=r"cannot listen at 192\.0\.2\.1:1"):
        await Gateway(Settings(listen="192.0.2.1:1", simulator=True)).__aenter__()


async def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with running(listen="[::1]:0") as own:
        assert own.gateway.address.startswith("[::1]:")
        await own.stub.Chat(request(), timeout=5)


# TLS.


class Authority:
    """Signs certificates, with the openssl command."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        self._name = name
        self._count = 0
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, subject: str) -> tuple[Path, Path]:
        """A certificate for this machine, and its key."""
        self._count += 1
        stem = self.directory / f"{self._name}-{self._count}"
        key, certificate, wish = (stem.with_suffix(suffix) for suffix in (".key", ".pem", ".csr"))
        extensions = stem.with_suffix(".ext")
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={subject}", "-keyout", str(key), "-out", str(wish)),
        )
        self._openssl(
            *("x509", "-req", "-in", str(wish), "-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(certificate)),
        )
        return certificate, key

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=20)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command to make certificates with")
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture
def tls(authority: Authority, tmp_path: Path) -> Tls:
    files = Tls(certificate=tmp_path / "server.pem", private_key=tmp_path / "server.key")
    put(authority.issue("first"), files)
    return files


def put(issued: tuple[Path, Path], files: Tls) -> None:
    """Replaces a server's files as tools do: by renaming."""
    for made, place in zip(issued, (files.certificate, files.private_key), strict=True):
        copy = place.with_suffix(".new")
        shutil.copy2(made, copy)
        copy.replace(place)


@contextlib.asynccontextmanager
async def secure(
    gateway: Gateway, authority: Authority, client: tuple[Path, Path] | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of its own: a new handshake."""
    certificate, key = (file.read_bytes() for file in client) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, certificate)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(gateway.address, credentials, options=options) as channel:
        yield channel


async def answer_over(channel: grpc.aio.Channel) -> str:
    stub: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
    return said(await stub.Chat(request(), timeout=5))


async def subject_shown(gateway: Gateway, authority: Authority) -> str:
    """The name in the certificate that a new connection gets to see."""
    command = ["openssl", "s_client", "-connect", gateway.address, "-CAfile", str(authority.certificate)]
    process = await asyncio.create_subprocess_exec(
        *command, "-alpn", "h2", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    (line,) = [line for line in output.decode(errors="replace").splitlines() if line.startswith("subject=")]
    return line.rpartition("CN")[2].strip(" =")


async def test_tls(authority: Authority, tls: Tls) -> None:
    async with Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)) as gateway:
        async with secure(gateway, authority) as channel:
            assert await answer_over(channel) == "You said: Hello"
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await answer_over(channel)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_tls_with_files_that_are_replaced(authority: Authority, tls: Tls) -> None:
    """New connections get the new certificate, old ones live on, and a half-done change does no harm."""
    async with (
        Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)) as gateway,
        secure(gateway, authority) as before,
    ):
        assert await answer_over(before) == "You said: Hello"
        assert await subject_shown(gateway, authority) == "first"
        certificate, key = authority.issue("second")

        shutil.copy(certificate, tls.certificate)  # the key has not come yet
        assert await subject_shown(gateway, authority) == "first"
        tls.private_key.unlink()
        assert await subject_shown(gateway, authority) == "first"
        shutil.copy(key, tls.private_key)
        assert await subject_shown(gateway, authority) == "second"

        # As old as the one before: only that it is another file tells.
        then = tls.certificate.stat().st_mtime_ns, tls.private_key.stat().st_mtime_ns
        third = authority.issue("third")
        for made, time_of_old in zip(third, then, strict=True):
            os.utime(made, ns=(time_of_old, time_of_old))
        put(third, tls)
        assert await subject_shown(gateway, authority) == "third"
        async with secure(gateway, authority) as after:
            assert await answer_over(after) == "You said: Hello"
        assert await answer_over(before) == "You said: Hello"


async def test_mutual_tls(authority: Authority, tls: Tls, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    files = dataclasses.replace(tls, client_ca=authority.certificate)
    async with Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=files)) as gateway:
        async with secure(gateway, authority, authority.issue("caller")) as channel:
            assert await answer_over(channel) == "You said: Hello"
        for client in (None, stranger.issue("caller")):
            async with secure(gateway, authority, client) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await answer_over(channel)
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_tls_without_its_files(tls: Tls) -> None:
    tls.certificate.unlink()
    with pytest.raises(StartupError, match=r"cannot read .*server\.pem"):
        await Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)).__aenter__()


async def test_tls_with_files_that_do_not_belong_together(authority: Authority, tls: Tls) -> None:
    shutil.copy(authority.issue("other")[1], tls.private_key)
    with pytest.raises(StartupError, match="certificate"):
        await Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)).__aenter__()


# Keep-alive.

# A client that pings every second while it waits: no client of gRPC's may do so more often.
PINGING = [
    ("grpc.keepalive_time_ms", 1000),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


@pytest.mark.slow
async def test_pings_while_a_model_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that pings every 30 s through a long silence is welcome, one that does so all the time is not.

    Scaled by 30, with what is allowed: 0.5 s for 15 s, and a ping a second for one in 30 s. By gRPC's own rule, which
    is one in 5 minutes, the third ping of a silence ends the connection.
    """
    assert server.MIN_PING_INTERVAL_MS == 15_000

    async def silent_call(own: Running) -> str:
        return said(await own.stub.Chat(request("simulator/slow-t6000"), timeout=20))

    async with contextlib.AsyncExitStack() as stack:
        strict = await stack.enter_async_context(running(options=PINGING))
        monkeypatch.setattr(server, "MIN_PING_INTERVAL_MS", 500)
        scaled = await stack.enter_async_context(running(options=PINGING))
        began = time.monotonic()
        answer, refused = await asyncio.gather(silent_call(scaled), silent_call(strict), return_exceptions=True)
        assert answer == "You said: Hello"
        assert isinstance(refused, grpc.aio.AioRpcError)
        assert (refused.code(), refused.details()) == (grpc.StatusCode.UNAVAILABLE, "Too many pings")
        assert time.monotonic() - began < 10


# Sizes.


async def test_a_large_picture(stub: Stub, simulator: Simulator) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(20 * MIB)
    block = message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=message_pb2.Media(data=png)))
    asked = chat_service_pb2.ChatRequest(input=chat_input("simulator/text", user(block, text_block("What is it?"))))
    assert said(await stub.Chat(asked, timeout=20)) == "You said: What is it?"
    source = posts(simulator)[0].json["messages"][0]["content"][0]["source"]
    assert source["media_type"] == "image/png"
    assert len(source["data"]) == (len(png) + 2) // 3 * 4


async def test_a_large_answer(stub: Stub) -> None:
    """One event of 20 MiB, in one message."""
    unary, events = await asyncio.gather(
        stub.Chat(request("simulator/big-n20"), timeout=20), events_of(stub, stream_request("simulator/big-n20"))
    )
    fold = Accumulator()
    for event in events:
        fold.add(event)
    for answer in (unary, fold.response):
        result = answer.message.content[1].server_tool_result
        assert len(result.content_json) > 20 * MIB
        assert said(answer) == "That was big."


# Log lines.

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
        assert line["events"] > 5
        assert 0 <= line["first_event_ms"] <= line["duration_ms"]


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
            await client.chat({PROMPT!r}, model="simulator/text", max_output_tokens=5)
            with contextlib.suppress(APIError):
                await client.chat({PROMPT!r}, model="simulator/reset", max_output_tokens=5)

asyncio.run(main())
"""


# Fewer messages.


async def test_max_event_delay(stub: Stub) -> None:
    """Fewer messages with the same events, and the answer is not later by more than the delay."""
    model = "simulator/paced-n20-g10"

    async def messages(delay: float) -> tuple[int, list[chat_service_pb2.ChatEvent], float]:
        asked = stream_request(model)
        asked.max_event_delay.FromNanoseconds(int(delay * 1e9))
        began = time.monotonic()
        found = [message async for message in stub.StreamChat(asked, timeout=10)]
        events = [event for message in found for event in message.events]
        assert all(message.events for message in found)
        return len(found), events, time.monotonic() - began

    (many, each, plain), (few, held, delayed) = await asyncio.gather(messages(0), messages(0.1))
    assert 2 * few < many
    assert [comparable(event) for event in each] == [comparable(event) for event in held]
    assert delayed - plain < 1


def comparable(event: chat_service_pb2.ChatEvent) -> chat_service_pb2.ChatEvent:
    """The event without what differs from call to call."""
    plain = chat_service_pb2.ChatEvent.FromString(event.SerializeToString())
    if plain.HasField("start"):
        plain.start.id = ""
        plain.start.usage.Clear()
    if plain.HasField("completion"):
        plain.completion.route_report.Clear()
        plain.completion.usage.Clear()
    return plain


async def test_max_event_delay_and_a_break(stub: Stub) -> None:
    """What was held back is valid, and comes before the error."""
    asked = stream_request("simulator/cut-n5")
    asked.max_event_delay.FromMilliseconds(900)
    began = time.monotonic()
    events, found = await stream_failure(stub, asked)
    assert found.reason == "STREAM_INTERRUPTED"
    assert "".join(event.block_delta.text for event in events).startswith("The river")
    assert time.monotonic() - began < 0.8


# Deadlines.


async def no_deadline(stub: Stub, model: str) -> tuple[Failure, float]:
    began = time.monotonic()
    found = await chat_failure(stub, request(model), timeout=None)  # type: ignore[arg-type]
    return found, time.monotonic() - began


async def test_the_default_deadline() -> None:
    async with running(limits=Limits(default_deadline=0.5)) as own:
        # A caller that asks for more gets it.
        patient = asyncio.ensure_future(own.stub.Chat(request("simulator/slow-t700"), timeout=5))
        ended = await asyncio.gather(*(no_deadline(own.stub, f"simulator/{model}") for model in ("silence", "stall")))
        for stage, (found, took) in zip(("first_event", "idle"), ended, strict=True):
            assert (found.code, found.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
            assert found.info.metadata["stage"] == stage
            assert found.retry is None
            assert 0.35 < took < 3
        assert said(await patient) == "You said: Hello"


async def test_the_ceiling() -> None:
    async with running(limits=Limits(default_deadline=0.5, max_deadline=0.5)) as own:
        began = time.monotonic()
        events, found = await stream_failure(own.stub, stream_request("simulator/paced-n500-g20"), timeout=60)
        assert (found.code, found.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert time.monotonic() - began < 3
        assert len(events) > 5
        assert events[-1].WhichOneof("kind") == "block_delta"


async def test_the_callers_deadline_is_answered_in_time(stub: Stub, simulator: Simulator) -> None:
    """By the gateway, with its details, before the caller's own clock says the same without any."""

    async def one(model: str, timeout: float) -> Failure:
        return await chat_failure(stub, request(model), timeout=timeout)

    found = await asyncio.gather(*(one(f"simulator/{model}", 0.6) for model in ("silence", "silence-headers", "stall")))
    for each in found:
        assert (each.code, each.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert each.info.metadata["provider"] == "simulator"
    assert [each.info.metadata["stage"] for each in found] == ["first_event", "first_event", "idle"]
    await until(lambda: all(call.outcome == "hung_up" for call in posts(simulator)), 1)


async def test_the_deadline_of_a_count(stub: Stub) -> None:
    async with running(limits=Limits(default_deadline=0.3), providers=nobody()) as own:
        asked = chat_service_pb2.CountTokensRequest(input=chat_input("nobody/text"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await own.stub.CountTokens(asked)
        found = failure(caught.value)
        assert found.reason == "DEADLINE_EXCEEDED"


_silent = socket.socket()
_silent.bind(("127.0.0.1", 0))
_silent.listen()


def nobody() -> dict[str, Any]:
    """A provider that takes connections and says nothing."""
    return {"nobody": provider(f"http://127.0.0.1:{_silent.getsockname()[1]}", "nobody")}


# The model's own maximum.


async def test_the_maximum_of_a_known_model(stub: Stub, simulator: Simulator) -> None:
    answer = await stub.Chat(request("simulator/claude-sonnet-4-5", generation=NO_MAXIMUM), timeout=5)
    assert posts(simulator)[0].json["max_tokens"] == 64_000
    assert len(simulator.calls) == 1
    (warning,) = answer.completion.warnings
    assert warning.code == warning_pb2.WARNING_CODE_DEFAULT_APPLIED
    assert (warning.field, warning.value) == ("input.generation.max_output_tokens", "64000")


async def test_the_maximum_that_the_provider_tells() -> None:
    async with running() as own:
        for _ in range(3):
            answer = await own.stub.Chat(request("simulator/text-n2", generation=NO_MAXIMUM), timeout=5)
            assert answer.completion.warnings[0].value == "64000"
        asked = [(call.method, call.path) for call in own.simulator.calls]
        # Asked once, and known from then on.
        assert asked == [("GET", "/v1/models/text-n2"), *[("POST", "/v1/messages")] * 3]
        assert posts(own.simulator)[0].json["max_tokens"] == 64_000


async def test_the_maximum_of_an_unknown_model(stub: Stub, simulator: Simulator) -> None:
    asked = request("simulator/some-new-model", generation=NO_MAXIMUM)
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    assert not posts(simulator)
    # With a number of the caller's own, nobody asks beforehand.
    asked.input.generation.max_output_tokens = 5
    assert said(await stub.Chat(asked, timeout=5)) == "You said: Hello"


async def test_a_maximum_that_nobody_tells() -> None:
    """A provider without an address for its models: the caller has to name a number."""

    async def reject(asked: web.Request) -> web.Response:
        return web.json_response({"type": "error", "error": {"type": "invalid_request_error"}}, status=400)

    app = web.Application()
    app.router.add_get("/v1/models/{id}", reject)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with running(providers={"anthropic": provider(url)}) as own:
        found = await chat_failure(own.stub, request("anthropic/some-new-model", generation=NO_MAXIMUM))
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert found.fields == ["input.generation.max_output_tokens"]
    await runner.cleanup()


async def test_a_maximum_of_zero_is_one(stub: Stub, simulator: Simulator) -> None:
    answer = await stub.Chat(
        request("simulator/text", generation=chat_input_pb2.GenerationParams(max_output_tokens=0)), timeout=5
    )
    assert posts(simulator)[0].json["max_tokens"] == 0
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_MAX_OUTPUT_TOKENS
    assert not answer.completion.warnings


@pytest.mark.parametrize("key", ["", "bad-key-of-the-caller"], ids=["gateway", "caller"])
async def test_a_provider_that_refuses_to_tell(key: str) -> None:
    """The request is right, so the caller is not told that it is wrong."""
    bad = Secret(env="KEY", environ={"KEY": "bad-key-of-the-gateway"})
    async with Simulator() as upstream, running(providers={"anthropic": provider(upstream.url, api_key=bad)}) as own:
        asked = request("any", generation=NO_MAXIMUM)
        asked.routing.CopyFrom(to_target("anthropic", "text", key))
        found = await chat_failure(own.stub, asked)
        assert found.reason == ("CALLER_CREDENTIALS_REJECTED" if key else "UPSTREAM_CREDENTIALS_REJECTED")


async def test_a_provider_that_is_away_when_it_should_tell() -> None:
    async with running(providers={"anthropic": provider("http://127.0.0.1:9")}) as own:
        found = await chat_failure(own.stub, request("anthropic/some-new-model", generation=NO_MAXIMUM))
        assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNREACHABLE")
        assert found.retry is not None
        assert found.trailers["grpc-retry-pushback-ms"] == "-1"


# Aliases, routes, providers.


@pytest.fixture(scope="module")
async def upstream() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def fresh(upstream: Simulator) -> Simulator:
    upstream.clear()
    return upstream


def target_route(provider_name: str, model: str = "") -> route_pb2.Route:
    return route_pb2.Route(target=route_pb2.Target(provider=provider_name, model=model))


async def test_aliases_and_routes(fresh: Simulator) -> None:
    providers = {name: provider(fresh.url, name) for name in ("anthropic", "second")}
    models = {"fast": "second/text-n1", "slow": "anthropic/text-n2", "claude-sonnet-5": "second/other"}
    routes = {"fixed": target_route("second", "text-n3"), "open": target_route("second")}
    async with running(providers=providers, models=models, routes=routes) as own:

        async def asked(model: str, route: str = "") -> tuple[str, str]:
            """The provider and the model that answered."""
            fresh.clear()
            sent = request(model)
            if route:
                sent.routing.route_name = route
            answer = await own.stub.Chat(sent, timeout=5)
            (call,) = posts(fresh)
            (attempt,) = answer.completion.route_report.attempts
            assert call.model == attempt.model == answer.message.origin.model
            assert attempt.provider == answer.message.origin.provider
            assert attempt.reason == error_reason_pb2.ERROR_REASON_UNSPECIFIED
            assert attempt.duration.ToNanoseconds() >= attempt.time_to_first_event.ToNanoseconds() > 0
            return attempt.provider, attempt.model or ""

        assert await asked("fast") == ("second", "text-n1")
        assert await asked("slow") == ("anthropic", "text-n2")
        # An alias is stronger than what the name would stand for by itself.
        assert await asked("claude-sonnet-5") == ("second", "other")
        # A bare name that several have goes to the one that is called after its maker.
        assert await asked("claude-haiku-4-5") == ("anthropic", "claude-haiku-4-5")
        assert await asked("second/claude-haiku-4-5") == ("second", "claude-haiku-4-5")
        assert await asked("", "fixed") == ("second", "text-n3")
        assert await asked("anthropic/text", "fixed") == ("second", "text-n3")
        assert await asked("text-n4", "open") == ("second", "text-n4")
        assert await asked("slow", "open") == ("second", "text-n2")
        assert await asked("vendor/with/slashes", "open") == ("second", "vendor/with/slashes")

        nameless = request("")
        nameless.routing.route_name = "open"
        found = await chat_failure(own.stub, nameless)
        assert (found.reason, found.fields) == ("INVALID_REQUEST", ["input.model"])


async def test_a_name_that_several_providers_have(fresh: Simulator) -> None:
    providers = {name: provider(fresh.url, name) for name in ("one", "two")}
    async with running(providers=providers) as own:
        found = await chat_failure(own.stub, request("claude-haiku-4-5"))
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND")
        assert "one, " in found.message
        assert "two" in found.message


async def test_headers_and_bearer_tokens(fresh: Simulator) -> None:
    settings = provider(fresh.url, auth="bearer", headers={"X-Team": "blue", "x-trace": "on"})
    async with running(providers={"anthropic": settings}) as own:
        await own.stub.Chat(request("anthropic/text"), timeout=5)
        await own.stub.CountTokens(chat_service_pb2.CountTokensRequest(input=chat_input("anthropic/text")), timeout=5)
        for call in posts(fresh):
            assert call.auth_scheme == "bearer"
            assert call.headers["authorization"] == f"Bearer ***{KEY[-4:]}"
            assert "x-api-key" not in call.headers
            assert (call.headers["x-team"], call.headers["x-trace"]) == ("blue", "on")
        fresh.clear()
        asked = request("any")
        asked.routing.CopyFrom(to_target("anthropic", "text", "sk-key-of-the-caller"))
        await own.stub.Chat(asked, timeout=5)
        assert posts(fresh)[0].headers["authorization"] == "Bearer ***ller"


async def test_a_base_url_with_a_path() -> None:
    """Gateways in front of Anthropic's API often have one."""
    async with Simulator() as simulator, running(providers={"anthropic": provider(f"{simulator.url}/prefix")}) as own:
        await chat_failure(own.stub, request("anthropic/text"))
        assert [call.path for call in simulator.calls] == ["/prefix/v1/messages"]


async def test_a_key_in_a_file(fresh: Simulator, tmp_path: Path) -> None:
    """Replaced under a running service; what is there for a moment only does no harm."""
    file = tmp_path / "key"
    file.write_text("sk-first-one\n")
    settings = provider(fresh.url, api_key=Secret(file=file))
    async with running(providers={"anthropic": settings}) as own:

        async def tail() -> str:
            fresh.clear()
            await own.stub.Chat(request("anthropic/text"), timeout=5)
            return posts(fresh)[0].headers["x-api-key"]

        assert await tail() == "***-one"
        file.write_text("sk-second-two\n")
        assert await tail() == "***-two"
        file.write_text("")
        assert await tail() == "***-two"
        file.unlink()
        assert await tail() == "***-two"
        replacement = tmp_path / "new"
        replacement.write_text("sk-third-tri\n")
        replacement.replace(file)
        assert await tail() == "***-tri"


async def test_no_key_at_all(fresh: Simulator) -> None:
    async with running(providers={"anthropic": provider(fresh.url, api_key=None)}) as own:
        found = await chat_failure(own.stub, request("anthropic/text"))
        assert (found.reason, found.fields) == ("INVALID_REQUEST", ["routing.route.target.api_key"])
        asked = request("any")
        asked.routing.CopyFrom(to_target("anthropic", "text", "sk-of-the-caller"))
        await own.stub.Chat(asked, timeout=5)


@pytest.mark.parametrize("value", [None, "sk-good\nx-evil: 1", "schlüssel"], ids=["gone", "two_lines", "beyond_ascii"])
async def test_a_key_that_cannot_be_used(value: str | None, fresh: Simulator) -> None:
    """Lost or broken while the service runs: its operator has to act, so the caller is told that, and not a bug."""
    environment = {} if value is None else {"KEY": value}
    settings = provider(fresh.url, api_key=Secret(env="KEY", environ=environment))
    async with running(providers={"anthropic": settings}) as own:
        found = await chat_failure(own.stub, request("anthropic/text"))
        assert (found.code, found.reason) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "UPSTREAM_CREDENTIALS_REJECTED",
        )
        assert not fresh.calls


async def test_timeouts_of_a_provider(fresh: Simulator) -> None:
    waits = Timeouts(first_event=0.2, idle=0.2)
    async with running(providers={"anthropic": provider(fresh.url, timeouts=waits)}) as own:
        # Slow but alive: each word is within the limit, all of them are not.
        alive = asyncio.ensure_future(own.stub.Chat(request("anthropic/paced-n6-g60"), timeout=5))
        late, stalled = await asyncio.gather(
            *(chat_failure(own.stub, request(f"anthropic/{model}")) for model in ("silence", "stall"))
        )
        assert (late.reason, late.info.metadata["stage"]) == ("UPSTREAM_TIMEOUT", "first_event")
        assert (stalled.reason, stalled.info.metadata["stage"]) == ("STREAM_INTERRUPTED", "idle")
        assert len(said(await alive).split()) == 6
