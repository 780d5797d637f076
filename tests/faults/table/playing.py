"""Plays a row: all of its cells at once, through a gateway of its own, each with providers of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from faults.rig import connected, until
from faults.table.ends import ATTEMPTS
from faults.table.row import ECHO, Cell, Row
from faults.table.wires import is_of, other
from routing.asking import asked, asked_stream, fallback, folded, target
from support import calls
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import Settings
from trunkline_service.simulator import ReceivedCall, Simulator

RETRY = {"max_attempts": ATTEMPTS, "initial_backoff": "0.02s", "max_backoff": "0.05s"}
# Longer than a retry that was left would have waited.
_AFTERMATH = 0.5
ARGUMENTS = r'{"location": "Z\u00fcrich"}'
_SCHEMA = '{"type": "object", "properties": {"location": {"type": "string"}}}'
_WEATHER = chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="get_weather", input_schema_json=_SCHEMA))


@dataclass(slots=True)
class Seen:
    """What became of a call: at its caller, and in the upstream's log of either target.

    `wrong` is what the service could not do afterwards.
    """

    events: list[chat_service_pb2.ChatEvent] = field(default_factory=list)
    answer: chat_service_pb2.ChatResponse | None = None
    failure: calls.Failure | None = None
    seconds: float = 0.0
    first: list[ReceivedCall] = field(default_factory=list)
    second: list[ReceivedCall] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


async def play(row: Row) -> dict[Cell, Seen]:
    """Everything that there is to see of the row."""
    cells = list(row.cells())
    async with Simulator() as simulator:
        places = [_Place(simulator, row, cell, number) for number, cell in enumerate(cells)]
        providers = {each.name: each for place in places for each in place.providers}
        settings = Settings(listen="127.0.0.1:0", providers=providers)
        async with Gateway(settings) as gateway, connected(gateway.address) as (channel, stub):
            before = _tasks()
            await asyncio.gather(*(place.ask(stub) for place in places))
            if row.leaves:
                await asyncio.sleep(_AFTERMATH)
            await asyncio.gather(*(place.look() for place in places))
            await asyncio.gather(*(place.ask_again(stub) for place in places))
            await _settled(before, places)
            health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
            if health.status != health_pb2.HealthCheckResponse.SERVING:
                places[0].seen.wrong.append(f"the service says that it is {health.status}")
    return {place.cell: place.seen for place in places}


class _Place:
    """A cell with its providers."""

    def __init__(self, simulator: Simulator, row: Row, cell: Cell, number: int) -> None:
        self.cell = cell
        self.seen = Seen()
        self._simulator = simulator
        self._row = row
        self._accounts = (2 * number, 2 * number + 1)
        first, second = cell.wire, other(cell.wire)
        self.providers = [
            wire.provider(simulator.url, f"{name}{number}", account)
            for wire, name, account in zip((first, second), ("first", "second"), self._accounts, strict=True)
        ]

    def _log(self, account: int) -> list[ReceivedCall]:
        return [call for call in self._simulator.calls if is_of(call, account)]

    def _route(self) -> dict[str, Any]:
        row, (first, second) = self._row, self.providers
        model = row.on(self.cell.wire)[0]
        limits: dict[str, Any] = {"timeouts": dict(row.limits)} if row.limits else {}
        faulty = target(model, first.name, **limits)
        if self.cell.setup == "alone":
            return faulty
        if self.cell.setup == "retried":
            return faulty | {"retry": RETRY}
        models = [row.second]
        if row.between:
            elsewhere = other(self.cell.wire)
            models = [elsewhere.small, elsewhere.large]
        others = (target(each, second.name) for each in models)
        policies: dict[str, Any] = {"failover": dict(row.failover), "hedge": dict(row.hedge)}
        return fallback(faulty, *others, retry=RETRY, **{name: each for name, each in policies.items() if each})

    async def ask(self, stub: calls.Stub) -> None:
        """Makes the call."""
        route = self._route()
        fields: dict[str, Any] = {"tools": [_WEATHER]} if self._row.has_tool else {}
        began = time.monotonic()
        reading: asyncio.Task[None]
        call: Any
        if self.cell.call == "whole":
            call = stub.Chat(asked(route, **fields), timeout=self._row.timeout)
            reading = asyncio.create_task(self._read_whole(call))
        else:
            may_restart = self.cell.setup == "restart"
            call = stub.StreamChat(asked_stream(route, allow_restart=may_restart, **fields), timeout=self._row.timeout)
            reading = asyncio.create_task(self._read_stream(call))
        if self._row.leaves:
            await until(self._has_come_to(self._row.leaves), seconds=10, pause=0.005)
            call.cancel()
        await reading
        self.seen.seconds = time.monotonic() - began

    async def _read_whole(self, call: Any) -> None:
        try:
            self.seen.answer = await call
        except asyncio.CancelledError:
            self.seen.failure = calls.Failure(await call.code(), "", None, {})
        except grpc.aio.AioRpcError as error:
            self.seen.failure = calls.failure(error)

    async def _read_stream(self, call: Any) -> None:
        try:
            async for message in call:
                self.seen.events.extend(message.events)
            self.seen.answer = folded(self.seen.events)
        except asyncio.CancelledError:
            self.seen.failure = calls.Failure(await call.code(), "", None, {})
        except grpc.aio.AioRpcError as error:
            self.seen.failure = calls.failure(error)

    def _has_come_to(self, leaves: str) -> Callable[[], object]:
        first, second = self._accounts

        def reached() -> object:
            log = self._log(first)
            match leaves:
                case "no headers":
                    return log
                case "no event":
                    return log and log[0].first_byte
                case "answering":
                    return self.seen.events or (self.cell.call == "whole" and log and log[0].frames_sent > 5)
                case "waiting":
                    return log and log[0].outcome == "answered"
            return self._log(second)

        return reached

    async def look(self) -> None:
        """Reads the upstream's log, once nothing runs any more."""
        first, second = self._accounts
        for _ in range(400):
            if not any(call.outcome == "running" for account in self._accounts for call in self._log(account)):
                break
            await asyncio.sleep(0.005)
        else:
            self.seen.wrong.append("a request to the upstream goes on")
        self.seen.first, self.seen.second = self._log(first), self._log(second)

    async def ask_again(self, stub: calls.Stub) -> None:
        """The next call, with whatever the caller has by then, at the same providers."""
        answer = self.seen.answer
        for provider in self.providers:
            request = calls.request(f"{provider.name}/text")
            if self._row.has_thought and answer is not None:
                request.input.messages.extend([answer.message, calls.user("Hello")])
            try:
                again = await stub.Chat(request, timeout=10)
            except grpc.aio.AioRpcError as error:
                self.seen.wrong.append(f"the next call fails at {provider.name}: {calls.failure(error).reason}")
                continue
            if calls.said(again) != ECHO:
                self.seen.wrong.append(f"the next call says {calls.said(again)!r}")
            if self._row.has_thought and not any("thinking" in each.field for each in again.completion.warnings):
                self.seen.wrong.append("nothing is said of the thought that was left behind")


def is_whole_call(block: message_pb2.ContentBlock) -> bool:
    """Whether a block is the tool call that the simulator makes."""
    return block.tool_use.name == "get_weather" and block.tool_use.input_json == ARGUMENTS


def _tasks() -> list[str]:
    """The tasks there are, but for those of the simulator's connections, which are kept."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return sorted(name for name in names if not name.startswith("RequestHandler"))


async def _settled(before: list[str], places: list[_Place]) -> None:
    """Notes at each cell what is left of any call: they share a gateway."""
    for _ in range(400):
        after = _tasks()
        if len(after) <= len(before):
            return
        await asyncio.sleep(0.005)
    for place in places:
        place.seen.wrong.append(f"tasks are left: {after}")
