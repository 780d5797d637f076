"""A gateway between a faulty target and a good one, for what takes many calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc

from faults.rig import connected
from faults.table.ends import Call, Setup
from faults.table.playing import RETRY
from faults.table.wires import Wire, is_of, other
from routing.asking import asked, asked_stream, fallback, folded, target
from support import calls
from trunkline.v1 import chat_service_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import Settings
from trunkline_service.simulator import ReceivedCall, Simulator

_FIRST, _SECOND = 1, 2
BREAKER = {"consecutive_failures": 3, "ejection": "0.1s", "max_ejection": "0.1s"}
# Of retries, at a target that nobody has asked before.
SAVED, SHARE, A_SECOND = 10, 0.1, 0.1


@dataclass(slots=True)
class Pair:
    """The route is `setup`'s, over `model` at the first target and a good one at the second."""

    simulator: Simulator
    stub: calls.Stub
    setup: Setup
    model: str

    @property
    def first(self) -> list[ReceivedCall]:
        """What the first target was asked."""
        return [call for call in self.simulator.calls if is_of(call, _FIRST)]

    @property
    def second(self) -> list[ReceivedCall]:
        """What the second target was asked."""
        return [call for call in self.simulator.calls if is_of(call, _SECOND)]

    async def ask(self, call: Call) -> chat_service_pb2.ChatResponse | calls.Failure:
        """One call, and what comes of it."""
        faulty = target(self.model, "first", circuit_breaker=BREAKER)
        route: dict[str, Any] = faulty
        if self.setup == "retried":
            route = faulty | {"retry": RETRY}
        elif self.setup != "alone":
            route = fallback(faulty, target("text", "second"), retry=RETRY)
        try:
            if call == "whole":
                return await self.stub.Chat(asked(route), timeout=20)
            request = asked_stream(route, allow_restart=self.setup == "restart")
            return folded(await calls.events_of(self.stub, request))
        except grpc.aio.AioRpcError as error:
            return calls.failure(error)

    async def rests(self) -> None:
        """Waits until nothing of any call goes on at the upstream."""
        async with asyncio.timeout(5):
            while any(call.outcome == "running" for call in self.simulator.calls):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.005)


@asynccontextmanager
async def pair(wire: Wire, setup: Setup, model: str) -> AsyncIterator[Pair]:
    async with Simulator() as simulator:
        providers = {
            name: replace(each.provider(simulator.url, name, account), max_connections=200)
            for name, each, account in (("first", wire, _FIRST), ("second", other(wire), _SECOND))
        }
        settings = Settings(listen="127.0.0.1:0", providers=providers)
        async with Gateway(settings) as gateway, connected(gateway.address) as (_, stub):
            yield Pair(simulator, stub, setup, model)
