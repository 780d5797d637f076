"""Anthropic's list of its models."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator

from trunkline.v1 import model_service_pb2
from trunkline.v1.model_service_pb2 import ModelCapability
from trunkline_service import json_text
from trunkline_service.providers import model_pages
from trunkline_service.providers.anthropic.envelope import headers
from trunkline_service.providers.anthropic.platform import LEGACY_VERSION
from trunkline_service.providers.base import ModelPage, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.times import timestamp
from trunkline_service.upstream.request import UpstreamRequest

PAGE_SIZE = 1000

_LIFECYCLES = {
    "active": model_service_pb2.MODEL_LIFECYCLE_ACTIVE,
    "deprecated": model_service_pb2.MODEL_LIFECYCLE_DEPRECATED,
    "retired": model_service_pb2.MODEL_LIFECYCLE_RETIRED,
}
_CAPABILITIES = {
    "batch": model_service_pb2.MODEL_CAPABILITY_BATCH,
    "citations": model_service_pb2.MODEL_CAPABILITY_CITATIONS,
    "code_execution": model_service_pb2.MODEL_CAPABILITY_CODE_EXECUTION,
    "image_input": model_service_pb2.MODEL_CAPABILITY_IMAGE_INPUT,
    "pdf_input": model_service_pb2.MODEL_CAPABILITY_DOCUMENT_INPUT,
    "structured_outputs": model_service_pb2.MODEL_CAPABILITY_STRUCTURED_OUTPUT,
    "thinking": model_service_pb2.MODEL_CAPABILITY_REASONING,
}


class AnthropicModels:
    """The `ModelLister` half of the provider."""

    def encode_models(self, target: Target, cursor: str) -> UpstreamRequest | None:
        """The request for a page of the list, retired models included."""
        query = [("limit", str(PAGE_SIZE)), *(("lifecycle[]", word) for word in _LIFECYCLES)]
        if cursor:
            query.append(("after_id", cursor))
        return UpstreamRequest(
            method="GET",
            url=f"{target.base_url}/v1/models?{urllib.parse.urlencode(query)}",
            headers=headers(target, target.version or LEGACY_VERSION, (), accept="application/json"),
            body=b"",
        )

    def encode_probe(self, target: Target) -> None:
        """None: the list is there."""

    def decode_models(self, body: bytes) -> ModelPage:
        """The models of a page. Raises `ProtocolViolation`."""
        models, rest = model_pages.read(body, "data", _describe)
        return ModelPage(models=models, cursor=(rest.text("last_id") or "") if rest.boolean("has_more") else "")


def _describe(fields: Fields, model: model_service_pb2.Model) -> None:
    model.id = fields.text("id") or ""
    model.display_name = fields.text("display_name") or ""
    model.lifecycle = _LIFECYCLES.get(fields.text("lifecycle") or "", model_service_pb2.MODEL_LIFECYCLE_UNSPECIFIED)
    # The prompt may fill the whole window.
    if (window := model_pages.tokens(fields.integer("max_input_tokens"))) is not None:
        model.context_window = window
    if (maximum := model_pages.tokens(fields.integer("max_tokens"))) is not None:
        model.max_output_tokens = maximum
    for name, stamp in (
        ("created_at", model.create_time),
        ("deprecated_at", model.deprecate_time),
        ("retires_at", model.retire_time),
    ):
        if (instant := timestamp(fields.text(name))) is not None:
            stamp.CopyFrom(instant)
    if (capabilities := fields.object("capabilities")) is not None:
        model_pages.set_capabilities(model, _capabilities(Fields(capabilities)))


def _capabilities(told: Fields) -> Iterator[tuple[ModelCapability.ValueType, bool]]:
    for name, capability in _CAPABILITIES.items():
        if (supported := _supported(told, name)) is not None:
            yield capability, supported
    if (tools := told.object("server_tools")) is not None:
        supported = _supported(Fields(tools), "web_search")
        if supported is not None:
            yield model_service_pb2.MODEL_CAPABILITY_WEB_SEARCH, supported


def _supported(told: Fields, name: str) -> bool | None:
    """What `{"supported": …}`, or a plain boolean, says; None if it is neither."""
    value = told.raw(name)
    if value is None:
        return None
    if bytes(value) in (b"true", b"false"):
        return bytes(value) == b"true"
    try:
        return Fields(value).boolean("supported")
    except json_text.JsonTextError:
        return None
