"""Gemini's embeddings, at the developer API."""

from __future__ import annotations

import msgspec

from trunkline.v1 import embedding_service_pb2
from trunkline_service import json_text
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.gemini import places
from trunkline_service.providers.gemini.members import Json
from trunkline_service.providers.gemini.parts_out import PROVIDER_TYPE, origin
from trunkline_service.providers.gemini.usage import UsageMeter
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.vectors import embeddings
from trunkline_service.upstream.request import UpstreamRequest


class _Vector(msgspec.Struct):
    values: list[float]


class _Answer(msgspec.Struct):
    embeddings: list[_Vector]


_decoder = msgspec.json.Decoder(_Answer)


class GeminiEmbeddings:
    """The `Embedder` half of the provider."""

    def encode_embed(self, request: embedding_service_pb2.EmbedRequest, target: Target) -> UpstreamRequest:
        """The request for the vectors of all inputs at once."""
        report = EncodeReport(drop_unsupported=target.drop_unsupported)
        shared: Json = {"model": places.model_name(target, vertex=False)}
        if request.task_type:
            shared["taskType"] = request.task_type
        if request.HasField("dimensions"):
            shared["outputDimensionality"] = request.dimensions
        if request.end_user_id:
            report.unsupported("end_user_id", "Gemini is told of no end users", capability="end_user_id")
        if any(each.WhichOneof("kind") == "tokens" for each in request.inputs):
            # Without them there would be nothing to embed, so that there is nothing to leave out.
            report.invalid("inputs", "are tokens: Gemini embeds texts only")
        body: Json = {"requests": [{**shared, "content": {"parts": [{"text": each.text}]}} for each in request.inputs]}
        for key in dict.fromkeys((PROVIDER_TYPE, target.provider)):
            if text := request.provider_options_json.get(key):
                options = json_text.parse_object(text.encode())
                json_text.merge(body, options, f'provider_options_json["{key}"]')
        if (error := report.error()) is not None:
            raise error
        return UpstreamRequest(
            method="POST",
            url=places.url(target, ":batchEmbedContents", vertex=False),
            headers=places.headers(target),
            body=msgspec.json.encode(body),
            warnings=report.warnings,
        )

    def decode_embed(
        self, body: bytes, request: embedding_service_pb2.EmbedRequest, target: Target
    ) -> embedding_service_pb2.EmbedResponse:
        """The vectors, which come in the order of the inputs."""
        try:
            vectors = _decoder.decode(body).embeddings
            fields = Fields(body)
            fields.raw("embeddings")
            meter = UsageMeter()
            if (usage := fields.object("usageMetadata")) is not None:
                meter.update(usage)
            response = embedding_service_pb2.EmbedResponse(
                embeddings=embeddings([vector.values for vector in vectors], request),
                origin=origin(target, target.model),
                usage=meter.usage(),
                provider_fields_json=fields.rest(),
            )
        except (ValueError, RecursionError) as error:
            msg = "the embeddings are not what the API's format says"
            raise ProtocolViolation(msg) from error
        return response
