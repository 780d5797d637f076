"""Embeddings and batches over every provider that has them; the others say so."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc import code_pb2

from matrix.homes import HOMES, Home
from matrix.rig import Rig
from support.calls import chat_input, said
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


MODELS = ("text", "error-400", "stall")


async def asked(home: Home) -> AsyncIterator[batches.CreateBatchRequest]:
    yield batches.CreateBatchRequest(header=batches.BatchHeader(provider=home.name))
    items = [batches.BatchItem(custom_id=name, input=chat_input(name)) for name in MODELS]
    yield batches.CreateBatchRequest(items=batches.BatchItems(items=items))
    yield batches.CreateBatchRequest(end=batches.BatchEnd())


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
async def test_batch(running: Rig, home: Home) -> None:
    if not home.batches:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.batches.CreateBatch(asked(home), timeout=5)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        return
    made = (await running.batches.CreateBatch(asked(home), timeout=5)).batch
    batch = (await running.batches.GetBatch(batches.GetBatchRequest(id=made.id), timeout=5)).batch
    assert batch.state == batches.BATCH_STATE_ENDED
    assert batch.counts.total == 3
    page = await running.batches.ListBatches(batches.ListBatchesRequest(provider=home.name), timeout=5)
    assert made.id in [each.id for each in page.batches]
    wanted = batches.StreamBatchResultsRequest(id=made.id)
    results = {
        result.custom_id: result
        async for message in running.batches.StreamBatchResults(wanted, timeout=5)
        for result in message.results
    }
    assert results.keys() == set(MODELS)
    assert said(results["text"].response) == "You said: Hello"
    assert results["error-400"].error.code == code_pb2.INVALID_ARGUMENT
    assert results["stall"].WhichOneof("outcome") == "error"
