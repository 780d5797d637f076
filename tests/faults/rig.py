"""A gateway with a real channel in front and a real upstream behind, and the proof that nothing of a call is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import grpc
import psutil

from faults.upstream import UPSTREAM_TASK
from support import calls
from support.timing import TRIES, Late
from trunkline.v1 import chat_service_pb2_grpc, message_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import Limits, ProviderSettings, Secret, Settings, Timeouts

PROMPTLY = 0.05
"""Within so many seconds after its caller has gone, an upstream must see that the connection is closed."""

_OPEN = (psutil.CONN_ESTABLISHED, psutil.CONN_SYN_SENT, psutil.CONN_CLOSE_WAIT, psutil.CONN_FIN_WAIT1)
# As text: it is only there for type checkers.
Stub: TypeAlias = "chat_service_pb2_grpc.ChatServiceAsyncStub"
_MESSAGES = 32 * 2**20
OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_receive_message_length", _MESSAGES),
    ("grpc.max_send_message_length", _MESSAGES),
    # Channels of one process share their connections otherwise, and closing one would not be a disconnect.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass
class Rig:
    """The provider is called `up`. `slots` is how many calls, and connections to the upstream, there may be at once."""

    gateway: Gateway
    channel: grpc.aio.Channel
    stub: Stub
    upstream_port: int
    slots: int
    tasks_before: int

    def sockets(self) -> int:
        """The connections to the upstream that are open or opening, used or kept for later."""
        found = psutil.Process().net_connections("tcp")
        return sum(1 for each in found if each.raddr and each.raddr.port == self.upstream_port and each.status in _OPEN)

    def tasks(self) -> int:
        """The tasks there are, but for those of hand-made upstreams."""
        return len(_tasks())

    async def settled(self, *, sockets: int = 0, seconds: float = 2.0) -> None:
        """Waits until no call has left a task or a connection behind, but for `sockets` of them."""
        end = time.monotonic() + seconds
        while True:
            tasks = _tasks()
            if len(tasks) <= self.tasks_before and self.sockets() == sockets:
                return
            assert time.monotonic() < end, (self.sockets(), len(tasks), self.tasks_before, tasks)
            await asyncio.sleep(0.01)

    async def serves(self, model: str = "text") -> None:
        """Fails unless the gateway answers as many good calls at once as it may have: none of its places is lost."""
        asked = calls.request(f"up/{model}")
        async with connected(self.gateway.address) as (_, stub):
            answers = await asyncio.gather(*(stub.Chat(asked, timeout=20) for _ in range(self.slots)))
        assert all(answer.completion.provider_finish_reason == "end_turn" for answer in answers)


@asynccontextmanager
async def rig(
    base_url: str, *, timeouts: Timeouts | None = None, limits: Limits | None = None, slots: int = 1
) -> AsyncIterator[Rig]:
    settings = Settings(
        listen="127.0.0.1:0",
        limits=limits or Limits(max_concurrent_calls=slots),
        providers={
            "up": ProviderSettings(
                name="up",
                type="anthropic",
                base_url=base_url,
                api_key=Secret(env="KEY", environ={"KEY": "sk-of-the-tests"}),
                timeouts=timeouts or Timeouts(),
                max_connections=slots,
            )
        },
    )
    port = urlsplit(base_url).port
    assert port
    async with Gateway(settings) as gateway, connected(gateway.address) as (channel, stub):
        yield Rig(gateway, channel, stub, port, slots, len(_tasks()))


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[tuple[grpc.aio.Channel, Stub]]:
    """A channel with a connection of its own, and that is there."""
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        await asyncio.wait_for(channel.channel_ready(), 10)
        yield channel, chat_service_pb2_grpc.ChatServiceStub(channel)  # type: ignore[misc]


def image(megabytes: int) -> message_pb2.ContentBlock:
    media = message_pb2.Media(data=os.urandom(1024) * (megabytes * 1024), media_type="image/png")
    return message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=media))


def _tasks() -> list[str]:
    return [str(task.get_coro()) for task in asyncio.all_tasks() if task.get_name() != UPSTREAM_TASK]


async def until(condition: Callable[[], object], seconds: float = 5.0, pause: float = 0.001) -> None:
    """Waits until `condition` holds, looking every `pause` seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(pause)


async def promptly(attempt: Callable[[], Awaitable[float]]) -> None:
    """Fails if `attempt`, which returns seconds, is `Late` or takes more than `PROMPTLY` each time that it is tried."""
    taken: list[float] = []
    for _ in range(TRIES):
        with contextlib.suppress(Late):
            taken.append(await attempt())
            if taken[-1] <= PROMPTLY:
                return
    raise AssertionError(f"took {[f'{seconds * 1000:.0f} ms' for seconds in taken]}")
