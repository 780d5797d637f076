"""Turning texts into vectors: what is sent, and what comes back."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from clients.both import AnyClient
from clients.scripted import ScriptedServer, failure
from trunkline import CapabilityNotSupportedError
from trunkline.v1 import (
    Cost,
    Embedding,
    EmbedInput,
    EmbedRequest,
    EmbedResponse,
    Origin,
    RoutingOptions,
    TokenIds,
    UnsupportedFieldPolicy,
    Usage,
)

DROP = UnsupportedFieldPolicy.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING
ANSWER = EmbedResponse(
    embeddings=[Embedding(values=[0.5, -1]), Embedding(values=[0.25])],
    origin=Origin(provider="openai", provider_type="openai", model="m"),
    usage=Usage(input_total=7),
)


@pytest.mark.parametrize(
    ("inputs", "options", "asked"),
    [
        ("a", {"model": "m"}, EmbedRequest(model="m", inputs=[EmbedInput(text="a")])),
        (["a", "b"], {"model": "m"}, EmbedRequest(model="m", inputs=[EmbedInput(text="a"), EmbedInput(text="b")])),
        (
            [[1, 2], [3]],
            {"model": "m"},
            EmbedRequest(model="m", inputs=[EmbedInput(tokens=TokenIds(ids=ids)) for ids in ([1, 2], [3])]),
        ),
        (
            ("a",),
            {
                "model": "m",
                "dimensions": 2,
                "task_type": "t",
                "end_user_id": "u",
                "provider_options": {"openai": {"a": 1}},
                "unsupported_fields": "drop",
            },
            EmbedRequest(
                model="m",
                inputs=[EmbedInput(text="a")],
                dimensions=2,
                task_type="t",
                end_user_id="u",
                provider_options_json={"openai": '{"a":1}'},
                routing=RoutingOptions(unsupported_fields=DROP),
            ),
        ),
    ],
)
async def test_request(client: AnyClient, server: ScriptedServer, inputs: Any, options: Any, asked: Any) -> None:
    server.script(ANSWER)
    vectors = await client.embed(inputs, **options)
    assert server.seen.request == asked
    assert [list(vector) for vector in vectors] == [[0.5, -1], [0.25]]
    assert (list(vectors[1]), len(vectors), vectors.origin.model, vectors.usage.input_total) == ([0.25], 2, "m", 7)
    assert vectors.cost is None
    assert list(vectors.warnings) == []
    assert repr(vectors) == "<Embeddings of 2 inputs>"


async def test_cost_and_id(client: AnyClient, server: ScriptedServer) -> None:
    server.script(EmbedResponse(cost=Cost(total_nano_usd=5)))
    vectors = await client.embed("a", request_id="r-1")
    assert vectors.cost is not None
    assert (vectors.cost.total_nano_usd, vectors.request_id) == (5, "r-1")
    assert server.seen.metadata["x-request-id"] == "r-1"


async def test_a_provider_without(client: AnyClient, server: ScriptedServer) -> None:
    server.script(failure("ERROR_REASON_CAPABILITY_NOT_SUPPORTED", grpc.StatusCode.UNIMPLEMENTED))
    with pytest.raises(CapabilityNotSupportedError):
        await client.embed("a")


@pytest.mark.parametrize(
    ("inputs", "options", "error"),
    [("a", {"size": 3}, TypeError), ([1], {}, TypeError), ("a", {"unsupported_fields": "x"}, ValueError)],
)
async def test_mistakes(client: AnyClient, inputs: Any, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await client.embed(inputs, **options)
