"""Claude on AWS Bedrock, by its three ways: the native Messages path and Mantle, whose streams are those of Anthropic's
own API, and InvokeModel, which wraps the same events in AWS's event stream.

`platforms.py` says what differs between their requests, `invoke.py` between their answers; `counting.py` counts,
`failures.py` reads AWS's errors, `models.py` its names of models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from trunkline.v1 import chat_input_pb2, chat_service_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import AnthropicProvider, requests
from trunkline_service.providers.base import Target
from trunkline_service.providers.bedrock import counting, failures, models
from trunkline_service.providers.bedrock.platforms import MESSAGES
from trunkline_service.upstream.request import UpstreamRequest

# What follows the address of the host, where the counter is, too.
_BELOW_THE_HOST = "/anthropic"


class BedrockMessages(AnthropicProvider):
    """A `Provider` for the native Messages path. It keeps no state."""

    platform = MESSAGES

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest | None:
        """The request that counts the input's tokens: not by the path itself, which cannot, but by the counter of
        InvokeModel on the same host. None if the address is one that does not tell where that is.
        """
        if not target.base_url.endswith(_BELOW_THE_HOST):
            return None
        host = dataclasses.replace(target, base_url=target.base_url.removesuffix(_BELOW_THE_HOST))
        return counting.encode_count(chat_input, host)

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """The count."""
        return counting.decode_count(body, target)

    def encode_model(self, target: Target) -> None:
        """Nothing: Bedrock does not tell a model's limits."""

    def decode_error(
        self, status: int, response_headers: Mapping[str, str], body: bytes, target: Target
    ) -> GatewayError:
        """What a response that is not a success means, in Anthropic's form or in AWS's."""
        return failures.decode_error(status, response_headers, body, target)

    def request_id(self, response_headers: Mapping[str, str]) -> str:
        """AWS's id of the request, or Anthropic's; empty if there is none."""
        return failures.request_id(response_headers)


class BedrockMantle(BedrockMessages):
    """A `Provider` for Mantle, which also counts. It keeps no state."""

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """The request that counts the input's tokens. It is for the model itself, wherever it is to run."""
        base = dataclasses.replace(target, model=models.base(target.model))
        return dataclasses.replace(requests.encode_count(chat_input, base, self.platform), model=base.model)

    def decode_count(self, body: bytes, target: Target) -> chat_service_pb2.CountTokensResponse:
        """The count, in Anthropic's form."""
        return AnthropicProvider.decode_count(self, body, target)
