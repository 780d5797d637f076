"""Claude on Google Vertex: the Messages API behind Google's addresses and Google's tokens.

Streams are those of Anthropic's own API. A path names the model and the method; the version is in the body.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.anthropic.platform import Platform
from trunkline_service.providers.base import Target
from trunkline_service.providers.vertex import failures

_PUBLISHER = "/projects/{project}/locations/{region}/publishers/anthropic/models"

VERTEX = Platform(
    name="Vertex",
    chat_path=f"{_PUBLISHER}/{{model}}:streamRawPredict",
    count_path=f"{_PUBLISHER}/count-tokens:rawPredict",
    # A model's date follows an "@".
    plain_characters="@",
    legacy_version="vertex-2023-10-16",
    version_in_body=True,
    left_out=frozenset({"model"}),
)


class VertexProvider(AnthropicProvider):
    """A `Provider` for Claude on Vertex. It keeps no state."""

    platform = VERTEX

    def encode_model(self, target: Target) -> None:
        """Nothing: Vertex does not tell a model's limits."""

    def decode_error(
        self, status: int, response_headers: Mapping[str, str], body: bytes, target: Target
    ) -> GatewayError:
        """What a response that is not a success means, in Anthropic's form or in Google's."""
        return failures.decode_error(status, response_headers, body, target)
