"""A new configuration without a restart, and what operators see of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2

from e2e.gateways import posts, until
from routing.asking import asked, asked_stream, folded
from support import calls
from support.command_line import running as process
from support.command_line import trunkline
from trunkline.admin.v1 import admin_service_pb2 as pb
from trunkline.admin.v1 import admin_service_pb2_grpc
from trunkline.v1 import chat_service_pb2_grpc
from trunkline_service import config
from trunkline_service.app import Gateway
from trunkline_service.simulator import Simulator

ECHO = "You said: Hello"
PROVIDER = "type: anthropic, api_key: {env: KEY}, base_url"


@dataclass
class Reloadable:
    """A gateway with a file of its own, and a simulator that is not its own."""

    file: Path
    simulator: Simulator
    gateway: Gateway
    stub: Any
    admin: Any

    def write(self, text: str) -> None:
        self.file.write_text(text.replace("URL", self.simulator.url))

    async def reload(self) -> pb.ReloadResponse:
        response: pb.ReloadResponse = await self.admin.Reload(pb.ReloadRequest(), timeout=10)
        return response

    async def status(self) -> pb.GetStatusResponse:
        response: pb.GetStatusResponse = await self.admin.GetStatus(pb.GetStatusRequest(), timeout=10)
        return response

    async def target(self, model: str) -> pb.TargetStatus:
        return next(each for each in (await self.status()).targets if each.model == model)


BEFORE = f"""\
listen: 127.0.0.1:0
admin_listen: 127.0.0.1:0
metrics_listen: 127.0.0.1:0
providers:
  kept: {{{PROVIDER}: URL}}
  gone: {{{PROVIDER}: URL}}
routes:
  a: {{target: {{provider: kept, model: text-n1}}}}
  b: {{target: {{provider: gone, model: paced-n20-g40}}}}
  c:
    circuit_breaker: {{consecutive_failures: 2, ejection: 1m}}
    fallback:
      routes: [{{target: {{provider: kept, model: error-503}}}}, {{target: {{provider: kept, model: text}}}}]
"""
AFTER = (
    BEFORE.replace("text-n1", "text-n2")
    .replace(f"  gone: {{{PROVIDER}: URL}}\n", "")
    .replace("  b: {target: {provider: gone, model: paced-n20-g40}}\n", "")
)


@pytest.fixture
async def r(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reloadable]:
    monkeypatch.setenv("KEY", "sk-ant-test")
    async with started(tmp_path / "gateway.yaml") as reloadable:
        yield reloadable


@asynccontextmanager
async def started(file: Path) -> AsyncIterator[Reloadable]:
    async with Simulator() as simulator:
        file.write_text(BEFORE.replace("URL", simulator.url))  # noqa: ASYNC240 - nothing else runs yet
        async with (
            Gateway(config.load(file), lambda: config.load(file)) as gateway,
            grpc.aio.insecure_channel(gateway.address) as channel,
            grpc.aio.insecure_channel(gateway.admin_address) as admin,
        ):
            stub = chat_service_pb2_grpc.ChatServiceStub(channel)
            yield Reloadable(file, simulator, gateway, stub, admin_service_pb2_grpc.AdminServiceStub(admin))


async def test_new_calls_go_by_the_new_one(r: Reloadable) -> None:
    await r.stub.Chat(asked("a"), timeout=10)
    r.write(AFTER)
    assert (await r.reload()).generation == 2
    await r.stub.Chat(asked("a"), timeout=10)
    assert [each.model for each in posts(r.simulator)] == ["text-n1", "text-n2"]
    assert (await calls.chat_failure(r.stub, asked("b"))).reason == "ROUTE_NOT_FOUND"


async def test_a_call_in_flight_ends_as_it_began(r: Reloadable) -> None:
    stream = asyncio.create_task(calls.events_of(r.stub, asked_stream("b")))
    await until(lambda: posts(r.simulator))
    r.write(AFTER)
    await r.reload()
    assert len(calls.said(folded(await stream)).split()) == 20


async def test_a_call_in_flight_ends_as_it_began_though_several_reloads_follow(r: Reloadable) -> None:
    stream = asyncio.create_task(calls.events_of(r.stub, asked_stream("b")))
    await until(lambda: posts(r.simulator))
    # The first one keeps the call's provider, and no call is left between the two.
    r.write(BEFORE.replace("text-n1", "text-n2"))
    await r.reload()
    r.write(AFTER)
    await r.reload()
    assert len(calls.said(folded(await stream)).split()) == 20
    await until(lambda: not r.gateway._generations._leaving)


async def test_a_mistake_changes_nothing_and_is_told(r: Reloadable) -> None:
    r.write(AFTER.replace("provider: kept, model: text-n2", "provider: kpet, model: text-n2") + "frob: 1\n")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await r.reload()
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    trailers = dict(caught.value.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    mistakes = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(mistakes)
    assert [each.field for each in mistakes.field_violations] == ["routes.a.target.provider", "frob"]
    assert mistakes.field_violations[0].description.startswith("line 7: unknown provider 'kpet'; did you mean 'kept'?")
    found = await r.status()
    assert found.generation == 1
    assert "kpet" in found.last_reload_error
    assert await r.stub.Chat(asked("b"), timeout=10)
    r.write(AFTER)
    await r.reload()
    assert (await r.status()).last_reload_error == ""


async def test_unchanged_targets_are_remembered(r: Reloadable) -> None:
    for _ in range(2):
        await r.stub.Chat(asked("c"), timeout=10)
    assert (await r.target("error-503")).breaker == pb.BREAKER_STATE_OPEN
    r.write(AFTER)
    await r.reload()
    target = await r.target("error-503")
    assert (target.breaker, target.failed) == (pb.BREAKER_STATE_OPEN, 2)
    assert target.last_error == "ERROR_REASON_UPSTREAM_OVERLOADED"
    await r.stub.Chat(asked("c"), timeout=10)
    assert [each.model for each in posts(r.simulator)].count("error-503") == 2
    # With other settings it is another one.
    r.write(AFTER.replace("api_key: {env: KEY}", "api_key: {env: KEY}, timeouts: {idle: 1s}"))
    await r.reload()
    assert (await r.target("error-503")).breaker == pb.BREAKER_STATE_CLOSED


async def test_connections_of_what_is_gone_are_closed(r: Reloadable) -> None:
    await r.stub.Chat(asked("b"), timeout=10)
    gone = r.gateway._generations.current.endpoint("gone")
    r.write(AFTER)
    await r.reload()
    await until(lambda: gone.upstream._connector.closed)
    assert not r.gateway._generations.current.endpoint("kept").upstream._connector.closed


async def test_what_takes_a_restart_is_named(r: Reloadable) -> None:
    r.write(AFTER.replace("listen: 127.0.0.1:0", "listen: 127.0.0.1:1", 1) + "limits: {max_message_bytes: 1MiB}\n")
    assert list((await r.reload()).needs_restart) == ["listen", "limits.max_message_bytes"]
    assert await r.stub.Chat(asked("a"), timeout=10)


async def test_many_reloads_while_calls_go_on(r: Reloadable) -> None:
    async def call() -> None:
        for _ in range(10):
            await r.stub.Chat(asked("a"), timeout=20)

    callers = [asyncio.create_task(call()) for _ in range(5)]
    for number in range(10):
        r.write(AFTER if number % 2 else BEFORE)
        await r.reload()
    await asyncio.gather(*callers)
    assert (await r.status()).generation == 11


async def test_limits_are_those_in_force(r: Reloadable) -> None:
    r.write(AFTER + "limits: {max_concurrent_calls: 1}\nallow_inline_routes: false\n")
    await r.reload()
    held = r.stub.Chat(calls.request("kept/silence"), timeout=10)
    await until(lambda: posts(r.simulator))
    assert (await calls.chat_failure(r.stub, asked("a"))).reason == "GATEWAY_OVERLOADED"
    assert (await r.status()).calls_in_flight == 1
    held.cancel()


async def test_routes_are_counted(r: Reloadable) -> None:
    for name in ("a", "c"):
        await r.stub.Chat(asked(name), timeout=10)
    r.write(AFTER)
    await r.reload()
    found = {each.name: each for each in (await r.status()).routes}
    assert [(found[name].answered, found[name].failed) for name in ("a", "c")] == [(1, 0), (1, 0)]
    assert [(each.path, each.provider, each.model) for each in found["c"].targets] == [
        ("fallback.routes[0].target", "kept", "error-503"), ("fallback.routes[1].target", "kept", "text"),
    ]  # fmt: skip
    target = await r.target("text")
    assert (target.answered, target.failed, target.in_flight) == (1, 0, 0)
    assert target.HasField("first_event_p50")


async def test_metrics_tell_the_same(r: Reloadable) -> None:
    for _ in range(2):
        await r.stub.Chat(asked("c"), timeout=10)
    r.write(AFTER)
    await r.reload()
    async with httpx.AsyncClient(base_url=f"http://{r.gateway.metrics_address}") as http:
        lines = (await http.get("/metrics")).text.splitlines()
    for line in (
        "trunkline_configuration_generation 2.0",
        "trunkline_configuration_reload_failed 0.0",
        "trunkline_calls_in_flight 0.0",
        'trunkline_route_calls_total{outcome="answered",route="c"} 2.0',
        'trunkline_target_attempts_total{model="error-503",outcome="failed",provider="kept"} 2.0',
        'trunkline_target_ejected{model="error-503",provider="kept"} 1.0',
        'trunkline_target_ejected{model="text",provider="kept"} 0.0',
    ):
        assert line in lines


def test_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    text = f"listen: 127.0.0.1:0\nadmin_listen: unix:{tmp_path / 'admin.sock'}\n"
    text += "simulator: true\nroutes: {r: {target: {provider: simulator}}}\n"
    file.write_text(text)
    admin = ("--admin", f"unix:{tmp_path / 'admin.sock'}")
    with process("serve", "--config", str(file)) as server:
        trunkline("chat", "Hello", "--route", "r", "--model", "text", "--address", server.address)
        shown = trunkline("status", *admin)
        assert shown.returncode == 0
        assert "configuration 1" in shown.stdout
        assert any(line.split()[:3] == ["r", "1", "0"] for line in shown.stdout.splitlines())
        assert any(line.startswith("simulator/text  closed") for line in shown.stdout.splitlines())
        file.write_text(text + "models: {fast: simulator/text}\n")
        done = trunkline("reload", *admin)
        assert (done.returncode, done.stdout) == (0, "configuration 2 is in force\n")
        file.write_text(text + "modls: {}\n")
        wrong = trunkline("reload", *admin)
        assert wrong.returncode == 2
        assert "modls: line 5: unknown key 'modls'; did you mean 'models'?" in wrong.stderr
        file.unlink()
        missing = trunkline("reload", *admin)
        assert f"a mistake\n{file}: cannot read it" in missing.stderr
        assert '"generation": "2"' in trunkline("status", "--json", *admin).stdout
    gone = trunkline("status", *admin)
    assert (gone.returncode, "admin_listen" in gone.stderr) == (1, True)
