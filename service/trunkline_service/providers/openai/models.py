"""The list of models of OpenAI and of servers compatible with it: names, and little else."""

from __future__ import annotations

from google.protobuf import timestamp_pb2

from trunkline.v1 import model_service_pb2
from trunkline_service.providers import model_pages
from trunkline_service.providers.base import ModelPage, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.headers import request_headers
from trunkline_service.providers.openai.platform import AZURE, Platform
from trunkline_service.providers.times import timestamp
from trunkline_service.upstream.request import UpstreamRequest


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
    if (stamp := _instant(fields, "shutdown_date")) is not None:
        model.retire_time.CopyFrom(stamp)


def _instant(fields: Fields, name: str) -> timestamp_pb2.Timestamp | None:
    """Seconds since 1970, or a date. Servers that do not know say 0."""
    return timestamp(fields.integer(name) or fields.text(name))
