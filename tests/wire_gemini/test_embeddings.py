"""Gemini's embeddings and its list of models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from trunkline.v1 import embedding_service_pb2, model_service_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import Embedder, ModelLister, ProtocolViolation
from wire_gemini.decoding import PROVIDER, TARGET, VERTEX


def asked(*texts: str, **fields: Any) -> embedding_service_pb2.EmbedRequest:
    inputs = [embedding_service_pb2.EmbedInput(text=each) for each in texts]
    return embedding_service_pb2.EmbedRequest(model="gemini/e", inputs=inputs, **fields)


def test_what_is_asked() -> None:
    request = PROVIDER.encode_embed(asked("a", "b", dimensions=256, task_type="CLUSTERING"), TARGET)
    assert request.url == "https://gemini.invalid/v1beta/models/gemini-3.8-flash:batchEmbedContents"
    assert request.headers["x-goog-api-key"] == TARGET.api_key
    shared = {"model": "models/gemini-3.8-flash", "taskType": "CLUSTERING", "outputDimensionality": 256}
    assert json.loads(request.body) == {
        "requests": [{**shared, "content": {"parts": [{"text": each}]}} for each in ("a", "b")]
    }
    request = PROVIDER.encode_embed(asked("a", provider_options_json={"gemini": '{"x":1.0}'}), TARGET)
    assert b'"x":1.0' in request.body


def test_what_it_cannot_have() -> None:
    with pytest.raises(GatewayError, match="end_user_id"):
        PROVIDER.encode_embed(asked("a", end_user_id="u"), TARGET)
    request = PROVIDER.encode_embed(asked("a", end_user_id="u"), replace(TARGET, drop_unsupported=True))
    assert [each.field for each in request.warnings] == ["end_user_id"]
    tokens = embedding_service_pb2.EmbedInput(tokens=embedding_service_pb2.TokenIds(ids=[1]))
    with pytest.raises(GatewayError, match="texts only"):
        PROVIDER.encode_embed(embedding_service_pb2.EmbedRequest(inputs=[tokens]), TARGET)


def test_vectors_come_in_the_order_of_the_inputs() -> None:
    body = b'{"embeddings":[{"values":[0.5,-1]},{"values":[2,0]}],"usageMetadata":{"promptTokenCount":3},"x": 1.0}'
    response = PROVIDER.decode_embed(body, asked("a", "b"), TARGET)
    assert [list(each.values) for each in response.embeddings] == [[0.5, -1], [2, 0]]
    assert response.usage.input_total == 3
    assert response.origin.provider_type == "gemini"
    assert response.provider_fields_json == '{"x":1.0}'


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"embeddings":[]}', b'{"embeddings":[{"values":["a"]}]}', b'{"embeddings":[{}]}',
             b'{"embeddings":[{"values":[1]}],"usageMetadata":{"a":"\xff"}}', b'{"embeddings":[{"values":[1e999]}]}',
             b'{"embeddings":[{"values":[1]},{"values":[1]}]}']
)  # fmt: skip
def test_anything_else_is_not_the_format(body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        PROVIDER.decode_embed(body, asked("a"), TARGET)


def test_models_are_listed_page_by_page() -> None:
    request = PROVIDER.encode_models(TARGET, "")
    assert request is not None
    assert request.url == "https://gemini.invalid/v1beta/models?pageSize=1000"
    request = PROVIDER.encode_models(TARGET, "a b")
    assert request is not None
    assert request.url.endswith("&pageToken=a+b")
    told = {
        "name": "models/gemini-x",
        "displayName": "X",
        "inputTokenLimit": 1000,
        "outputTokenLimit": 50,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    }
    page = PROVIDER.decode_models(json.dumps({"models": [told], "nextPageToken": "t"}).encode())
    assert page.cursor == "t"
    (model,) = page.models
    assert (model.id, model.display_name, model.context_window, model.max_output_tokens) == ("gemini-x", "X", 1000, 50)
    assert list(model.capabilities) == [
        model_service_pb2.MODEL_CAPABILITY_CHAT,
        model_service_pb2.MODEL_CAPABILITY_REASONING,
    ]
    assert model_service_pb2.MODEL_CAPABILITY_EMBEDDINGS in model.missing_capabilities
    assert json.loads(model.provider_model_json) == told
    with pytest.raises(ProtocolViolation):
        PROVIDER.decode_models(b"{}")


def test_only_the_developer_api_has_them() -> None:
    assert isinstance(PROVIDER, Embedder)
    assert isinstance(PROVIDER, ModelLister)
    assert not isinstance(VERTEX, Embedder | ModelLister)
