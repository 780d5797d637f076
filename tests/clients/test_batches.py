"""Batches through both clients, at a gateway and a provider that is simulated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from trunkline import (
    AsyncTrunkline,
    Batch,
    BatchResult,
    CallCancelledError,
    ChatInput,
    InvalidRequestError,
    NotFoundError,
    Trunkline,
    UpstreamOverloadedError,
    batch_item,
    user,
)
from trunkline.batches import MESSAGE_BYTES, NewBatch
from trunkline.v1 import Batch as BatchMessage
from trunkline.v1 import BatchItem, BatchState, GenerationParams
from trunkline.v1 import BatchResult as ResultMessage
from trunkline_service.app import Gateway

PROVIDER = "simulator"


class BlockingBatches:
    """`Trunkline.batches` in asyncio's clothes."""

    def __init__(self, client: Trunkline) -> None:
        self._batches = client.batches

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._batches, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(method, *arguments, **options)

        async def every(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
            for each in await asyncio.to_thread(lambda: list(method(*arguments, **options))):
                yield each

        return every if name in ("at", "results") else call


@pytest.fixture(params=["blocking", "asyncio"])
async def batches(request: pytest.FixtureRequest, gateway: Gateway) -> AsyncIterator[Any]:
    if request.param == "asyncio":
        async with AsyncTrunkline(gateway.address, timeout=20) as client:
            yield client.batches
    else:
        with Trunkline(gateway.address, timeout=20) as blocking:
            yield BlockingBatches(blocking)


async def ended(batches: Any, batch: Batch) -> Batch:
    for _ in range(200):
        if batch.ended:
            return batch
        await asyncio.sleep(0.05)
        batch = await batches.get(batch.id)
    raise AssertionError(batch)


async def test_from_items_to_results(batches: Any) -> None:
    items = [
        batch_item("good", "Hello", model="text", max_output_tokens=9),
        batch_item("bad", "Hello", model="error-529", max_output_tokens=9),
    ]
    batch = await batches.create(PROVIDER, items)
    assert batch.id.startswith(f"{PROVIDER}/")
    assert batch.request_id
    assert list(batch.warnings) == []
    batch = await ended(batches, batch)
    assert (batch.state, batch.counts.succeeded, batch.counts.failed) == ("ended", 1, 1)
    assert repr(batch) == f"<Batch {batch.id} ended>"
    results = {result.custom_id: result async for result in batches.results(batch.id)}
    good, bad = results["good"], results["bad"]
    assert good.reply.text == "You said: Hello"
    assert good.error is None
    assert bad.reply is None
    assert isinstance(bad.error, UpstreamOverloadedError)
    assert bad.error.retryable
    assert batch.id in [each.id async for each in batches.at(PROVIDER)]
    await batches.delete(batch.id)
    with pytest.raises(NotFoundError):
        await batches.get(batch.id)


async def test_many_items_take_many_messages(batches: Any) -> None:
    texts = {f"i{number}": f"{number} " * 2000 for number in range(200)}
    made = (batch_item(name, text, model="text", max_output_tokens=9) for name, text in texts.items())
    batch = await ended(batches, await batches.create(PROVIDER, made))
    assert batch.counts.succeeded == len(texts)
    async for result in batches.results(batch.id):
        assert result.reply.text == f"You said: {texts.pop(result.custom_id)}"
    assert not texts


async def test_what_the_caller_raises_is_what_comes(batches: Any) -> None:
    before = [each.id async for each in batches.at(PROVIDER)]

    def items() -> Iterator[BatchItem]:
        yield batch_item("a", "Hello", model="text", max_output_tokens=9)
        raise KeyError("b")

    with pytest.raises(KeyError, match="b"):
        await batches.create(PROVIDER, items())
    assert [each.id async for each in batches.at(PROVIDER)] == before


async def test_items_that_come_by_themselves(gateway: Gateway) -> None:
    async def items() -> AsyncIterator[BatchItem]:
        for name in "ab":
            await asyncio.sleep(0)
            yield batch_item(name, "Hello", model="text", max_output_tokens=9)

    async def broken() -> AsyncIterator[BatchItem]:
        async for item in items():
            yield item
        raise KeyError("c")

    async with AsyncTrunkline(gateway.address, timeout=20) as client:
        batch = await ended(client.batches, await client.batches.create(PROVIDER, items()))
        assert sorted([result.custom_id async for result in client.batches.results(batch.id)]) == ["a", "b"]
        with pytest.raises(KeyError, match="c"):
            await client.batches.create(PROVIDER, broken())


async def test_an_item_that_cannot_be(batches: Any) -> None:
    items = [batch_item("a", "Hi", model="text"), batch_item("a b", "Hi", model="text")]
    with pytest.raises(InvalidRequestError) as caught:
        await batches.create(PROVIDER, items)
    assert [violation.field for violation in caught.value.violations] == ["items[1].custom_id"]


async def test_fields_that_are_dropped(batches: Any) -> None:
    items = [batch_item("a", "Hi", model="text", max_output_tokens=9, seed=7)]
    batch = await batches.create(PROVIDER, items, unsupported_fields="drop")
    assert [warning.field for warning in batch.warnings] == ["items[0].input.generation.seed"]


async def test_cancelling(batches: Any) -> None:
    items = [batch_item(f"i{n}", "Hello", model="slow-t60000", max_output_tokens=9) for n in range(3)]
    batch = await batches.create(PROVIDER, items)
    assert (await batches.cancel(batch.id)).state in ("cancelling", "ended")
    batch = await ended(batches, batch)
    errors = [result.error async for result in batches.results(batch.id)]
    assert errors
    assert all(isinstance(error, CallCancelledError) for error in errors)


@pytest.mark.parametrize("method", ["get", "cancel", "delete"])
async def test_arguments_that_are_none(batches: Any, method: str) -> None:
    with pytest.raises(TypeError, match="unexpected arguments: keys"):
        await getattr(batches, method)("simulator/x", keys="k")


def test_items() -> None:
    asked = ChatInput(model="m", generation=GenerationParams(top_k=3), messages=[user("Hi")])
    assert batch_item("a", "Hi", model="m", top_k=3) == BatchItem(custom_id="a", input=asked)
    assert batch_item("a", input=asked).input == asked
    with pytest.raises(TypeError, match="input stands for all"):
        batch_item("a", "Hi", input=asked)
    with pytest.raises(TypeError, match="unexpected arguments: timeout"):
        batch_item("a", "Hi", timeout=3)  # type: ignore[call-arg]


def test_messages_are_of_a_size() -> None:
    items = [BatchItem(custom_id=str(n), input=ChatInput(model="m" * 100_000)) for n in range(7)]
    header, *between, end = NewBatch("p", {"api_key": "k"}).messages(items)
    assert (header.header.provider, header.header.api_key) == ("p", "k")
    assert end.HasField("end")
    assert [item for message in between for item in message.items.items] == items
    assert all(message.ByteSize() <= MESSAGE_BYTES for message in between)
    assert len(between) == 4


def test_what_a_newer_gateway_says() -> None:
    assert Batch(BatchMessage(state=77)).state == "other"  # type: ignore[arg-type]
    assert Batch(BatchMessage()).state == ""
    failed = Batch(BatchMessage(state=BatchState.BATCH_STATE_FAILED))
    assert (failed.state, failed.ended) == ("failed", True)
    unknown = BatchResult(ResultMessage(custom_id="a"))
    assert unknown.reply is None
    assert unknown.error is not None
