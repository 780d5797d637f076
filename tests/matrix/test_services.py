"""Embeddings and batches over every provider that has them; the others say so."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2

from matrix.homes import HOMES, Home
from matrix.rig import Rig
from support.calls import chat_input, said, user
from trunkline.v1 import batch_service_pb2 as batches
from trunkline.v1 import embedding_service_pb2 as embeddings


def embed(home: Home, *texts: str) -> embeddings.EmbedRequest:
    inputs = [embeddings.EmbedInput(text=text) for text in texts]
    return embeddings.EmbedRequest(model=f"{home.name}/text", inputs=inputs, dimensions=16)


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
async def test_embedding(running: Rig, home: Home) -> None:
    if not home.embeds:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.embeddings.Embed(embed(home, "one"), timeout=5)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        return
    answer = await running.embeddings.Embed(embed(home, "one", "two", "one"), timeout=5)
    one, two, again = (list(vector.values) for vector in answer.embeddings)
    assert one == again != two
    assert len(one) == 16
    assert answer.origin.provider == home.name


GOOD = ("One", "Two", "Three")
# What the models of bad items do, and the gRPC code and reason that the items fail with; the last is not begun in time.
BAD = {
    "error-400": (code_pb2.INVALID_ARGUMENT, "UPSTREAM_REJECTED_REQUEST"),
    "error-429": (code_pb2.RESOURCE_EXHAUSTED, "UPSTREAM_RATE_LIMITED"),
    "stall": (code_pb2.DEADLINE_EXCEEDED, ""),
}


async def asked(home: Home) -> AsyncIterator[batches.CreateBatchRequest]:
    yield batches.CreateBatchRequest(header=batches.BatchHeader(provider=home.name))
    good = [batches.BatchItem(custom_id=text, input=chat_input("text", user(text))) for text in GOOD]
    bad = [batches.BatchItem(custom_id=name, input=chat_input(name)) for name in BAD]
    mixed = [item for pair in zip(good, bad, strict=True) for item in pair]
    yield batches.CreateBatchRequest(items=batches.BatchItems(items=mixed))
    yield batches.CreateBatchRequest(end=batches.BatchEnd())


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
async def test_a_batch_with_bad_items_among_good_ones(running: Rig, home: Home) -> None:
    if not home.batches:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.batches.CreateBatch(asked(home), timeout=5)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        return
    made = (await running.batches.CreateBatch(asked(home), timeout=5)).batch
    batch = (await running.batches.GetBatch(batches.GetBatchRequest(id=made.id), timeout=5)).batch
    assert batch.state == batches.BATCH_STATE_ENDED
    # Not all tell which of the others failed, and which were not begun in time.
    counts = batch.counts
    assert (counts.total, counts.succeeded, counts.failed + counts.expired) == (6, 3, 3)
    page = await running.batches.ListBatches(batches.ListBatchesRequest(provider=home.name), timeout=5)
    assert made.id in [each.id for each in page.batches]
    wanted = batches.StreamBatchResultsRequest(id=made.id)
    streamed = running.batches.StreamBatchResults(wanted, timeout=5)
    results = [result async for message in streamed for result in message.results]
    assert len(results) == 6
    for result in results:
        if result.custom_id in GOOD:
            assert said(result.response) == f"You said: {result.custom_id}"
            assert result.response.message.origin.provider == home.name
        else:
            info = error_details_pb2.ErrorInfo()
            unpacked = any(detail.Unpack(info) for detail in result.error.details)
            assert unpacked == (result.custom_id != "stall")
            reason = info.reason.removeprefix("ERROR_REASON_")
            assert (result.error.code, reason) == BAD[result.custom_id]
    assert {result.custom_id for result in results} == {*GOOD, *BAD}
