"""What stays of many calls: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from faults import processes
from faults.rig import Stub, connected, until
from support import calls

pytestmark = pytest.mark.slow

STREAMS = 1000
CALLS = 10_000
WARM_UP = 1000
AT_ONCE = 20
GROWTH = 1.10


@dataclass
class Service:
    """A gateway and a simulator in processes of their own."""

    stub: Stub
    gateway: psutil.Process
    upstream_port: int

    @property
    def megabytes(self) -> float:
        return float(self.gateway.memory_info().rss) / 2**20

    def upstream_sockets(self) -> int:
        found = self.gateway.net_connections("tcp")
        return sum(1 for each in found if each.raddr and each.raddr.port == self.upstream_port)

    async def many(self, number: int) -> None:
        """So many calls in a row, a few of them at a time, of both kinds."""

        async def some(share: int) -> None:
            for place in range(share):
                if place % 2:
                    await self.stub.Chat(calls.request("up/long-n15"), timeout=20)
                else:
                    await calls.events_of(self.stub, calls.stream_request("up/long-n15"))

        await asyncio.gather(*(some(number // AT_ONCE) for _ in range(AT_ONCE)))

    async def idle(self, model: str) -> None:
        """So many streams at once, which are all left when they have begun."""
        streams = [self.stub.StreamChat(calls.stream_request(f"up/{model}"), timeout=300) for _ in range(STREAMS)]
        if model == "stall":
            await asyncio.gather(*(stream.read() for stream in streams))
        await until(lambda: self.upstream_sockets() == STREAMS, 60)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*(stream.code() for stream in streams))
        await until(lambda: self.upstream_sockets() == 0, 20)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with (
        processes.trunkline("simulate", "--port", "0") as upstream,
        processes.gateway(tmp_path, f"http://{upstream.address}") as served,
        connected(served.address) as (_, stub),
    ):
        port = int(upstream.address.rpartition(":")[2])
        yield Service(stub, psutil.Process(served.pid), port)


def report(capsys: pytest.CaptureFixture[str], what: str, before: float, after: float) -> None:
    with capsys.disabled():
        print(f" [{what}: {before:.1f} MiB before, {after:.1f} MiB after] ", end="")


@pytest.mark.timeout(180)
async def test_of_many_idle_streams(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    # Once for what the process keeps of its largest size: allocators give back only what is free in whole pieces.
    await service.idle("stall")
    await service.idle("silence")
    before, files = service.megabytes, service.gateway.num_fds()
    for model in ("stall", "silence", "stall"):
        await service.idle(model)
    report(capsys, f"{STREAMS} idle streams", before, service.megabytes)
    assert service.megabytes < before * GROWTH
    assert service.gateway.num_fds() <= files
    await service.many(AT_ONCE)


@pytest.mark.timeout(180)
async def test_of_many_calls(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    await service.many(WARM_UP)
    before, files = service.megabytes, service.gateway.num_fds()
    await service.many(CALLS)
    report(capsys, f"{CALLS} calls", before, service.megabytes)
    assert service.megabytes < before * GROWTH
    assert service.gateway.num_fds() <= files + AT_ONCE
    # The end of an answer's body may come when the next call has begun, and taken another connection.
    assert service.upstream_sockets() <= 2 * AT_ONCE
