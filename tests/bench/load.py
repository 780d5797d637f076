"""Calls in a closed loop, and what they took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from bench.processes import Server, foreign_cpu
from bench.scenarios import Scenario


@dataclass(slots=True)
class Call:
    """What became of one call. A `failure` says why it was none."""

    frames: int = 0
    first: float = 0.0
    failure: str = ""


class Client(Protocol):
    """Something that can be asked."""

    async def call(self, worker: int, scenario: Scenario, model: str) -> Call:
        """Makes one call; `worker` tells apart those that are made at the same time."""


@dataclass(slots=True)
class Figures:
    """What one measurement found. Times in milliseconds, CPU in microseconds, memory in MiB.

    `utilisation` is how many cores the gateway was using, `others` how many were used by what has no part in this: with
    much of that, caches are cold and figures high.
    """

    calls: int
    rate: float
    p50: float
    p99: float
    first_p50: float
    cpu_per_call: float
    cpu_per_frame: float
    utilisation: float
    others: float
    rss: float
    failures: list[str] = field(default_factory=list)

    def cost(self, scenario: Scenario) -> float:
        """The figure that the scenario is about."""
        return self.cpu_per_frame if scenario.stream else self.cpu_per_call


async def measure(client: Client, server: Server, scenario: Scenario, seconds: float) -> Figures:
    """Runs a scenario for `seconds`, and until the calls that are then in flight have ended."""
    # Node takes a while to compile what is hot.
    await _workers(scenario, seconds / 3, lambda worker: client.call(worker, scenario, scenario.warm_up_model))
    calls: list[Call] = []
    latencies: list[float] = []

    async def one(worker: int) -> Call:
        began = time.perf_counter()
        call = await client.call(worker, scenario, scenario.model)
        ended = time.perf_counter()
        call.first = (call.first or ended) - began
        calls.append(call)
        latencies.append(ended - began)
        return call

    began, cpu, foreign = time.perf_counter(), server.cpu(), foreign_cpu(server)
    await _workers(scenario, seconds, one)
    took, cpu, foreign = time.perf_counter() - began, server.cpu() - cpu, foreign_cpu(server) - foreign
    frames = sum(call.frames for call in calls)
    return Figures(
        calls=len(calls),
        rate=len(calls) / took,
        p50=_quantile(latencies, 0.5),
        p99=_quantile(latencies, 0.99),
        first_p50=_quantile([call.first for call in calls], 0.5),
        cpu_per_call=cpu / len(calls) * 1e6,
        cpu_per_frame=cpu / max(frames, 1) * 1e6,
        utilisation=cpu / took,
        others=max(foreign, 0.0) / took,
        rss=server.rss(),
        failures=[call.failure for call in calls if call.failure],
    )


async def _workers(scenario: Scenario, seconds: float, one: Callable[[int], Awaitable[Call]]) -> None:
    end = time.perf_counter() + seconds

    async def work(worker: int) -> None:
        while time.perf_counter() < end:
            # What fails at once must not spin.
            if (await one(worker)).failure:
                await asyncio.sleep(0.01)

    await asyncio.gather(*(work(worker) for worker in range(scenario.at_once)))


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1e3
