"""Items that take long to check and to encode, and results that take long to read: other calls go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

import grpc
import pytest

from e2e.gateways import provider
from e2e.test_batches import END, Anthropic, header, items, results_of, upstream
from faults.test_heavy import WAIT, least, many_fields, slowest_probe
from trunkline.v1 import batch_service_pb2 as pb
from trunkline.v1 import batch_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import Settings

__all__ = ["upstream"]


@pytest.mark.slow
async def test_others_do_not_wait(upstream: Anthropic) -> None:
    heavy = pb.BatchItem(custom_id="a", input=many_fields(90_000))
    heavy.input.model = "m"
    heavy.input.generation.max_output_tokens = 5
    blocks = [{"type": "text", "text": "x", "own": number} for number in range(30_000)]
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": blocks}
    message |= {"stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    upstream.results_of = lambda _: [{"custom_id": "a", "result": {"type": "succeeded", "message": message}}]  # type: ignore[method-assign, assignment]
    settings = Settings(listen="127.0.0.1:0", providers={"anthropic": provider(upstream.url)})
    async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        stub = batch_service_pb2_grpc.BatchServiceStub(channel)
        created: list[str] = []

        async def create() -> None:
            created.append((await stub.CreateBatch(iter([header(), items(heavy), END]), timeout=30)).batch.id)

        async def read() -> None:
            assert len((await results_of(stub, created[-1]))["a"].response.message.content) == 30_000

        async def probed(work: Callable[[], Coroutine[None, None, None]]) -> float:
            task = asyncio.create_task(work())
            slowest = await slowest_probe(channel, task)
            await task
            return slowest

        assert await least(partial(probed, create)) < WAIT
        upstream.end(created[-1].removeprefix("anthropic/"))
        assert await least(partial(probed, read)) < WAIT
