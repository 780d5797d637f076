"""The base URLs of `trunkline simulate --help`: the matrix has all but that of Azure's older addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matrix.homes import HOMES, Home
from matrix.rig import rig
from matrix.test_services import asked
from support.calls import request, said
from trunkline.v1 import batch_service_pb2, chat_service_pb2
from trunkline.v1 import embedding_service_pb2 as embeddings
from trunkline_service.config import KINDS
from trunkline_service.simulator import AZURE_OLD, BASES, describe

AZURE = [home for home in HOMES if home.type == "azure_openai"]


def test_the_help_has_every_type() -> None:
    assert {key.partition("/")[0] for key in BASES} == set(KINDS)
    assert all((home.key in BASES) != (home.type in BASES) or not home.api for home in HOMES)
    lines = describe().splitlines()
    for key, base in BASES.items():
        (line,) = [line for line in lines if line.startswith(f"  {key.replace('/', ', api ')} ")]
        assert (base or "nothing") in line.replace(",", " ").replace(";", " ").split()


@pytest.mark.parametrize("home", AZURE, ids=lambda home: home.name)
async def test_azure_with_a_dated_version(home: Home) -> None:
    old = replace(home, base=AZURE_OLD, more={"version": "2025-04-01-preview"})
    async with rig(homes=[old]) as running:
        assert said(await running.stub.Chat(request(f"{old.name}/text"), timeout=5)) == "You said: Hello"
        count = chat_service_pb2.CountTokensRequest(input=request(f"{old.name}/text").input)
        assert (await running.stub.CountTokens(count, timeout=5)).input_tokens
        inputs = [embeddings.EmbedInput(text="one")]
        wanted = embeddings.EmbedRequest(model=f"{old.name}/text", inputs=inputs, dimensions=16)
        assert (await running.embeddings.Embed(wanted, timeout=5)).embeddings
        made = (await running.batches.CreateBatch(asked(old), timeout=5)).batch
        got = await running.batches.GetBatch(batch_service_pb2.GetBatchRequest(id=made.id), timeout=5)
        assert got.batch.counts.succeeded == 3
        for call in running.simulator.calls:
            assert call.path.startswith("/openai/")
            assert "api-version=2025-04-01-preview" in call.path
            assert not call.path.startswith("/openai/v1")
