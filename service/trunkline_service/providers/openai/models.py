"""The list of models of OpenAI, which is names and little else, and of servers compatible with it, which tell more."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf import timestamp_pb2

from trunkline.v1 import model_service_pb2
from trunkline.v1.model_service_pb2 import ModelCapability
from trunkline_service.providers import model_pages
from trunkline_service.providers.base import ModelPage, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.headers import request_headers
from trunkline_service.providers.openai.platform import AZURE, Platform
from trunkline_service.providers.times import timestamp
from trunkline_service.upstream.request import UpstreamRequest

# Groq's, OpenRouter's and Together's, Mistral's, and vLLM's.
_WINDOWS = ("context_window", "context_length", "max_context_length", "max_model_len")
# Mistral's.
_FLAGS = {
    "completion_chat": model_service_pb2.MODEL_CAPABILITY_CHAT,
    "function_calling": model_service_pb2.MODEL_CAPABILITY_TOOLS,
    "vision": model_service_pb2.MODEL_CAPABILITY_IMAGE_INPUT,
    "reasoning": model_service_pb2.MODEL_CAPABILITY_REASONING,
}
# OpenRouter's.
_MODALITIES = {
    "image": model_service_pb2.MODEL_CAPABILITY_IMAGE_INPUT,
    "file": model_service_pb2.MODEL_CAPABILITY_DOCUMENT_INPUT,
    "audio": model_service_pb2.MODEL_CAPABILITY_AUDIO_INPUT,
}
_PARAMETERS = {
    "tools": model_service_pb2.MODEL_CAPABILITY_TOOLS,
    "reasoning": model_service_pb2.MODEL_CAPABILITY_REASONING,
    "structured_outputs": model_service_pb2.MODEL_CAPABILITY_STRUCTURED_OUTPUT,
    "temperature": model_service_pb2.MODEL_CAPABILITY_SAMPLING,
}


class OpenAiModels:
    """The `ModelLister` half of the providers that speak OpenAI's APIs."""

    platform: Platform

    def encode_models(self, target: Target, cursor: str) -> UpstreamRequest | None:
        """The request for the whole list; there are no pages. Azure's tells what could be deployed, not what is."""
        return None if self.platform is AZURE else self._request(target)

    def encode_probe(self, target: Target) -> UpstreamRequest | None:
        """The request for Azure's list, which is good for that."""
        return self._request(target) if self.platform is AZURE else None

    def decode_models(self, body: bytes) -> ModelPage:
        """The models. Raises `ProtocolViolation`."""
        models, _ = model_pages.read(body, "data", _describe)
        return ModelPage(models=models)

    def _request(self, target: Target) -> UpstreamRequest:
        return UpstreamRequest(
            method="GET",
            url=self.platform.url("/models", target),
            headers=request_headers(target, accept="application/json"),
            body=b"",
        )


def _describe(fields: Fields, model: model_service_pb2.Model) -> None:
    model.id = fields.text("id") or ""
    # OpenRouter and others have one.
    model.display_name = fields.text("name") or ""
    if (stamp := _instant(fields, "created")) is not None:
        model.create_time.CopyFrom(stamp)
    # Mistral's.
    if (stamp := _instant(fields, "deprecation")) is not None:
        model.deprecate_time.CopyFrom(stamp)
    if (stamp := _instant(fields, "shutdown_date")) is not None:
        model.retire_time.CopyFrom(stamp)
    serving = _inner(fields, "top_provider")
    for name in _WINDOWS:
        if (window := model_pages.tokens(fields.integer(name))) is not None:
            model.context_window = window
    for answers in (fields, serving):
        if (maximum := model_pages.tokens(answers.integer("max_completion_tokens"))) is not None:
            model.max_output_tokens = maximum
    model_pages.set_capabilities(model, dict(_capabilities(fields)).items())


def _capabilities(fields: Fields) -> Iterator[tuple[ModelCapability.ValueType, bool]]:
    flags = _inner(fields, "capabilities")
    for name, capability in _FLAGS.items():
        if (has := flags.boolean(name)) is not None:
            yield capability, has
    for holder, member, meanings in (
        (_inner(fields, "architecture"), "input_modalities", _MODALITIES),
        (fields, "supported_parameters", _PARAMETERS),
    ):
        if (listed := holder.items(member)) is not None:
            words = {bytes(word).decode() for word in listed}
            for word, capability in meanings.items():
                yield capability, f'"{word}"' in words


def _inner(fields: Fields, name: str) -> Fields:
    return Fields(fields.object(name) or b"{}")


def _instant(fields: Fields, name: str) -> timestamp_pb2.Timestamp | None:
    """Seconds since 1970, or a date. Servers that do not know say 0."""
    return timestamp(fields.integer(name) or fields.text(name))
