"""Bedrock's counter, CountTokens: a body of InvokeModel's, whole, within another.

It is for models themselves, wherever they are to run, and does not know all that can be asked.
"""

from __future__ import annotations

import dataclasses

import msgspec

from trunkline.v1 import chat_input_pb2, chat_service_pb2, warning_pb2
from trunkline_service.providers.anthropic import envelope, requests
from trunkline_service.providers.anthropic.blocks_out import origin
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.bedrock import models
from trunkline_service.providers.bedrock.platforms import INVOKE
from trunkline_service.providers.fields import Fields
from trunkline_service.upstream.request import UpstreamRequest


def encode_count(chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
    """The request that counts the input's tokens."""
    # A body without a maximum would be refused; it makes no difference to the count.
    base = dataclasses.replace(
        target,
        model=models.base(target.model),
        max_output_tokens=target.max_output_tokens or chat_input.reasoning.budget_tokens + 1,
    )
    chat = requests.encode_chat(chat_input, base, INVOKE)
    return UpstreamRequest(
        method="POST",
        url=INVOKE.url(INVOKE.count_path, base),
        headers={**envelope.key_headers(target, accept="application/json"), **target.headers},
        # Bytes become base64.
        body=msgspec.json.encode({"input": {"invokeModel": {"body": chat.body}}}),
        warnings=[each for each in chat.warnings if each.code != warning_pb2.WARNING_CODE_DEFAULT_APPLIED],
        model=base.model,
    )


def decode_count(body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
    """The count. Raises `ProtocolViolation`."""
    try:
        fields = Fields(body)
        count = fields.integer("inputTokens")
        rest = fields.rest()
    except ValueError:
        count = None
    if count is None or count < 0:
        msg = "the count has no inputTokens"
        raise ProtocolViolation(msg)
    return chat_service_pb2.CountTokensResponse(
        input_tokens=count,
        method=chat_service_pb2.COUNT_METHOD_PROVIDER,
        origin=origin(target, target.model),
        provider_fields_json=rest,
    )
