"""Claude on AWS Bedrock, by its three ways: the native Messages path and Mantle, whose streams are those of Anthropic's
own API, and InvokeModel, which wraps the same events in AWS's event stream.

`invoke.py` is what InvokeModel does differently, `failures.py` reads AWS's errors, `models.py` its names of models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from trunkline.v1 import chat_input_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import AnthropicProvider, requests
from trunkline_service.providers.anthropic.platform import Platform
from trunkline_service.providers.base import Target
from trunkline_service.providers.bedrock import failures, models
from trunkline_service.upstream.request import UpstreamRequest

MESSAGES = Platform(name="Bedrock", wary_of_newest=True, user_profile_in_body=True)


class BedrockMessages(AnthropicProvider):
    """A `Provider` for the native Messages path, which has no counter. It keeps no state."""

    platform = MESSAGES

    def encode_count(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest | None:
        """Nothing: the path does not count, and answers with something else."""
        return None

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
        base = dataclasses.replace(target, model=models.without_geography(target.model))
        return requests.encode_count(chat_input, base, self.platform)
