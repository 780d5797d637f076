"""Instants of providers, also those that no clock can hold."""

from __future__ import annotations

import json

import pytest

from trunkline.v1 import batch_service_pb2
from trunkline_service.providers.anthropic.api import AnthropicApi
from trunkline_service.providers.batches import Batcher
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.providers.openai.platform import OPENAI
from trunkline_service.providers.times import timestamp
from wire.decoding import TARGET


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        (1.5, 1),
        (0, 0),
        ("0001-01-01T00:00:00Z", -62135596800),
        ("9999-12-31T23:59:59Z", 253402300799),
    ],
)
def test_instants(said: str | float, seconds: int) -> None:
    found = timestamp(said)
    assert found is not None
    assert found.seconds == seconds


@pytest.mark.parametrize(
    "said",
    [None, "", "soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", 10**30, -(10**12), float("nan"),
     float("inf")],
)  # fmt: skip
def test_what_is_no_instant(said: str | float | None) -> None:
    assert timestamp(said) is None


@pytest.mark.parametrize(
    ("provider", "batch", "is_known"),
    [
        (AnthropicApi(), {"processing_status": "ended", "created_at": "2026-11-23T10:00:00.5Z"}, True),
        (AnthropicApi(), {"processing_status": "ended", "created_at": "soon"}, False),
        (AnthropicApi(), {"processing_status": "ended", "created_at": "9999-12-31T23:59:59-01:00"}, False),
        (ChatProvider(OPENAI), {"status": "completed", "created_at": 1_795_400_000}, True),
        (ChatProvider(OPENAI), {"status": "completed", "created_at": 10**30}, False),
        (ChatProvider(OPENAI), {"status": "completed", "created_at": "soon"}, False),
    ],
)
def test_a_batch_with_an_odd_time_is_still_a_batch(provider: Batcher, batch: dict[str, object], is_known: bool) -> None:
    body = json.dumps({"id": "b", **batch}).encode()
    read = provider.decode_batch(body, TARGET)
    assert (read.id, read.state) == ("b", batch_service_pb2.BATCH_STATE_ENDED)
    assert read.HasField("create_time") is is_known
    assert read.provider_batch_json.encode() == body
