"""OpenAI's embeddings, at all its homes."""

from __future__ import annotations

import array
import binascii
import sys
from collections.abc import Sequence

import msgspec

from trunkline.v1 import embedding_service_pb2, message_pb2
from trunkline_service import json_text
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.headers import request_headers
from trunkline_service.providers.openai.platform import PROVIDER_TYPE, Platform
from trunkline_service.providers.openai.usage import decode_usage
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.vectors import embeddings
from trunkline_service.upstream.request import UpstreamRequest


class _Vector(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Answer(msgspec.Struct):
    data: list[_Vector]


_decoder = msgspec.json.Decoder(_Answer)


class OpenAiEmbeddings:
    """An `Embedder`, for providers that have a `platform`."""

    platform: Platform

    def encode_embed(self, request: embedding_service_pb2.EmbedRequest, target: Target) -> UpstreamRequest:
        """The request for the vectors: as base64 where that is known to be taken, which is a third of the size."""
        report = EncodeReport(drop_unsupported=target.drop_unsupported)
        texts = request.inputs[0].WhichOneof("kind") == "text"
        body: dict[str, object] = {
            "model": target.model,
            "input": [each.text if texts else list(each.tokens.ids) for each in request.inputs],
        }
        if self.platform.strict:
            body["encoding_format"] = "base64"
        if request.HasField("dimensions"):
            body[self.platform.dimensions_member] = request.dimensions
        if request.end_user_id and "user" in self.platform.lacks:
            report.unsupported("end_user_id", f"{self.platform.name} takes no user", capability="end_user_id")
        elif request.end_user_id:
            body["user"] = request.end_user_id
        if request.task_type:
            report.unsupported("task_type", f"{self.platform.name} has no task types", capability="task_type")
        for key in dict.fromkeys((PROVIDER_TYPE, target.provider)):
            if text := request.provider_options_json.get(key):
                options = json_text.parse_object(text.encode())
                json_text.merge(body, options, f'provider_options_json["{key}"]')
        if (error := report.error()) is not None:
            raise error
        return UpstreamRequest(
            method="POST",
            url=self.platform.url("/embeddings", target),
            headers=request_headers(target, accept="application/json"),
            body=msgspec.json.encode(body),
            warnings=report.warnings,
        )

    def decode_embed(
        self, body: bytes, request: embedding_service_pb2.EmbedRequest, target: Target
    ) -> embedding_service_pb2.EmbedResponse:
        """The vectors, put into the order of the inputs."""
        try:
            vectors = _decoder.decode(body).data
            fields = Fields(body)
            fields.raw("data")
            response = embedding_service_pb2.EmbedResponse(
                embeddings=embeddings(_in_order(vectors, len(request.inputs)), request),
                origin=message_pb2.Origin(
                    provider=target.provider, provider_type=PROVIDER_TYPE, model=fields.text("model") or target.model
                ),
            )
            if (usage := fields.object("usage")) is not None:
                response.usage.CopyFrom(decode_usage(usage))
            response.provider_fields_json = fields.rest()
        except (ValueError, UnicodeDecodeError) as error:
            msg = "the embeddings are not what the API's format says"
            raise ProtocolViolation(msg) from error
        return response


def _in_order(vectors: Sequence[_Vector], count: int) -> list[Sequence[float]]:
    by_index = {vector.index: vector.embedding for vector in vectors}
    if len(vectors) != count or by_index.keys() != set(range(count)):
        msg = f"{len(vectors)} vectors came for {count} inputs"
        raise ProtocolViolation(msg)
    return [_values(by_index[index]) for index in range(count)]


def _values(vector: str | list[float]) -> Sequence[float]:
    if isinstance(vector, list):
        return vector
    # Little-endian floats of 32 bits.
    values = array.array("f", binascii.a2b_base64(vector.encode(), strict_mode=True))
    if sys.byteorder == "big":
        values.byteswap()
    return values
