"""Embeddings whose vectors cannot be: an error, and no success with them."""

from __future__ import annotations

import array
import base64
import json
from typing import Any

import pytest

from trunkline.v1 import embedding_service_pb2
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.openai.embeddings import OpenAiEmbeddings
from wire_gemini import decoding as gemini
from wire_openai import decoding as openai

IMPOSSIBLE: list[tuple[list[list[float]], int | None]] = [
    ([[], []], None),
    ([[1.0], [1.0, 2.0]], None),
    ([[1.0], []], None),
    ([[1.0, 2.0], [1.0, 2.0]], 3),
    ([[1.0, 1e300], [1.0, 1.0]], None),
    ([[1.0, 1.0], [-3.5e38, 1.0]], None),
    ([[1.0]], None),
    ([[1.0]] * 3, None),
]
NOT_NUMBERS = [float("nan"), float("inf"), float("-inf")]


def asked(dimensions: int | None = None) -> embedding_service_pb2.EmbedRequest:
    inputs = [embedding_service_pb2.EmbedInput(text=each) for each in "ab"]
    return embedding_service_pb2.EmbedRequest(model="p/e", inputs=inputs, dimensions=dimensions)


def of_gemini(vectors: list[list[float]], dimensions: int | None = None) -> list[list[float]]:
    body = json.dumps({"embeddings": [{"values": each} for each in vectors]}).encode()
    found = gemini.PROVIDER.decode_embed(body, asked(dimensions), gemini.TARGET)
    return [list(each.values) for each in found.embeddings]


def of_openai(vectors: list[Any], dimensions: int | None = None) -> list[list[float]]:
    data = [{"index": index, "embedding": each} for index, each in enumerate(vectors)]
    found = OpenAiEmbeddings().decode_embed(json.dumps({"data": data}).encode(), asked(dimensions), openai.TARGET)
    return [list(each.values) for each in found.embeddings]


def packed(vector: list[float]) -> str:
    return base64.b64encode(array.array("f", vector).tobytes()).decode()


@pytest.mark.parametrize(("vectors", "dimensions"), IMPOSSIBLE)
def test_vectors_that_cannot_be(vectors: list[list[float]], dimensions: int | None) -> None:
    for decode in (of_gemini, of_openai):
        with pytest.raises(ProtocolViolation):
            decode(vectors, dimensions)


@pytest.mark.parametrize("number", NOT_NUMBERS)
def test_what_is_no_number(number: float) -> None:
    with pytest.raises(ProtocolViolation):
        of_openai([packed([1.0, number]), packed([1.0, 1.0])])
    # Not JSON either.
    for decode in (of_gemini, of_openai):
        with pytest.raises(ProtocolViolation):
            decode([[1.0, number], [1.0, 1.0]])


def test_the_largest_numbers() -> None:
    largest = [3.4e38, 3.4e38, -3.4e38]
    assert len(of_openai([packed(largest)] * 2, 3)) == 2
    assert len(of_gemini([largest] * 2, 3)) == 2
