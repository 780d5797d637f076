"""The developer API's list of its models."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator

from trunkline.v1 import model_service_pb2
from trunkline.v1.model_service_pb2 import ModelCapability
from trunkline_service.providers import model_pages
from trunkline_service.providers.base import ModelPage, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.gemini import places
from trunkline_service.upstream.request import UpstreamRequest

PAGE_SIZE = 1000

_METHODS = {
    '"generateContent"': model_service_pb2.MODEL_CAPABILITY_CHAT,
    '"embedContent"': model_service_pb2.MODEL_CAPABILITY_EMBEDDINGS,
    '"batchGenerateContent"': model_service_pb2.MODEL_CAPABILITY_BATCH,
    '"createCachedContent"': model_service_pb2.MODEL_CAPABILITY_PROMPT_CACHING,
}


class GeminiModels:
    """The `ModelLister` half of the provider."""

    def encode_models(self, target: Target, cursor: str) -> UpstreamRequest | None:
        """The request for a page of the list."""
        query = {"pageSize": str(PAGE_SIZE)} | ({"pageToken": cursor} if cursor else {})
        return UpstreamRequest(
            method="GET",
            url=f"{target.base_url}/models?{urllib.parse.urlencode(query)}",
            headers=places.headers(target),
            body=b"",
        )

    def encode_probe(self, target: Target) -> None:
        """None: the list is there."""

    def decode_models(self, body: bytes) -> ModelPage:
        """The models of a page. Raises `ProtocolViolation`."""
        models, rest = model_pages.read(body, "models", _describe)
        return ModelPage(models=models, cursor=rest.text("nextPageToken") or "")


def _describe(fields: Fields, model: model_service_pb2.Model) -> None:
    model.id = (fields.text("name") or "").removeprefix("models/")
    model.display_name = fields.text("displayName") or ""
    # The prompt may fill the whole window.
    if (window := model_pages.tokens(fields.integer("inputTokenLimit"))) is not None:
        model.context_window = window
    if (maximum := model_pages.tokens(fields.integer("outputTokenLimit"))) is not None:
        model.max_output_tokens = maximum
    model_pages.set_capabilities(model, _capabilities(fields))


def _capabilities(fields: Fields) -> Iterator[tuple[ModelCapability.ValueType, bool]]:
    methods = fields.items("supportedGenerationMethods")
    if methods is not None:
        told = {bytes(method).decode() for method in methods}
        for method, capability in _METHODS.items():
            yield capability, method in told
    if (thinking := fields.boolean("thinking")) is not None:
        yield model_service_pb2.MODEL_CAPABILITY_REASONING, thinking
