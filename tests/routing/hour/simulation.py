"""Runs the traffic of a scene through a route."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from routing.asking import by
from routing.hour.profiles import PROFILES
from routing.hour.providers import Bill, Provider
from routing.hour.traffic import ATTEMPTS, Call
from routing.hour.trouble import Scene
from routing.virtual import run
from support import calls
from trunkline.v1 import chat_input_pb2, route_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.app import make_endpoint
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.errors import GatewayError
from trunkline_service.routing.attempt import Attempt, Sink
from trunkline_service.routing.execution import Execution
from trunkline_service.routing.generations import Generations
from trunkline_service.routing.plan import Plan
from trunkline_service.routing.router import Router

DEADLINE_SECONDS = 60.0


@dataclass(slots=True)
class Record:
    """What became of a call.

    `first` is how long the answer that stood took to begin, in seconds from the call's beginning, None if none did;
    `best` is how soon it would have begun at the provider that was the quickest then.
    """

    call: Call
    best: float
    answered: bool = False
    first: float | None = None
    attempts: int = 0
    bills: list[Bill] = field(default_factory=list)


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What became of all of them, and when each provider was asked. `left` is what still goes on, which is a leak."""

    scene: Scene
    records: Sequence[Record]
    asked: dict[str, list[float]]
    left: int


def simulate(route: dict[str, Any], scene: Scene, traffic: Sequence[Call]) -> Result:
    """The traffic of a scene, by a route in its JSON form. Takes virtual time alone."""
    return run(_simulate(by(route), scene, traffic))


async def _simulate(routing: route_pb2.RoutingOptions, scene: Scene, traffic: Sequence[Call]) -> Result:
    settings = Settings(
        providers={
            name: ProviderSettings(
                name=name,
                type=each.type,
                api=each.api,
                base_url="http://127.0.0.1:1",
                api_key=Secret(env="K", environ={"K": "k"}),
            )
            for name, each in PROFILES.items()
        }
    )
    generations = await Generations.begin(settings, make_endpoint)
    router = generations.current
    router.random.seed(0)
    hour = _Hour(router, router.plan("", routing), routing, {n: Provider(p, scene) for n, p in PROFILES.items()})
    try:
        records = await hour.pass_with(traffic)
        left = sum(health.in_flight for each in router.endpoints.values() for health in each.health.values())
        left += sum(each.in_flight for each in hour.providers.values()) + len(asyncio.all_tasks()) - 1
    finally:
        await generations.close()
    return Result(scene, records, {name: each.asked for name, each in hour.providers.items()}, left)


@dataclass(frozen=True, slots=True)
class _Hour:
    router: Router
    plan: Plan
    routing: route_pb2.RoutingOptions
    providers: dict[str, Provider]

    async def pass_with(self, traffic: Sequence[Call]) -> list[Record]:
        loop = asyncio.get_running_loop()
        records = []
        async with asyncio.TaskGroup() as group:
            for call in traffic:
                await asyncio.sleep(call.at - loop.time())
                record = Record(call, self._best(call))
                records.append(record)
                group.create_task(self._ask(call, record))
        return records

    def _best(self, call: Call) -> float:
        return min(each.best(call, luck[0]) for each, luck in zip(self.providers.values(), call.luck, strict=True))

    async def _ask(self, call: Call, record: Record) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        asked: Counter[str] = Counter()

        async def work(attempt: Attempt, _: chat_input_pb2.ChatInput, deadline: float, sink: Sink) -> None:
            name = attempt.leg.target.provider
            number = min(asked[name], ATTEMPTS - 1)
            asked[name] += 1
            luck = call.luck[_PLACES[name]][number]
            await self.providers[name].answer(attempt, call, luck, deadline, sink, record.bills)

        async def sink(events: Sequence[ChatEvent]) -> None:
            if record.first is None or events[0].HasField("restart"):
                record.first = loop.time() - began

        execution = Execution(
            self.router, self.plan, _input(call), self.routing, began + DEADLINE_SECONDS, work, sink,
            stream=True, may_restart=True,
        )  # fmt: skip
        try:
            await execution.run()
            record.answered = True
        except GatewayError:
            record.first = None
        record.attempts = len(execution.attempts)


_PLACES = {name: place for place, name in enumerate(PROFILES)}


def _input(call: Call) -> chat_input_pb2.ChatInput:
    system = [calls.text_block(call.prefix)] if call.prefix else []
    return calls.chat_input("", calls.user(f"What was at {call.at}?"), system=system)
