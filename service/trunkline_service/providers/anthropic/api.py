"""Anthropic's own home of Claude: what only that has is added here."""

from __future__ import annotations

from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.anthropic.batches import AnthropicBatches


class AnthropicApi(AnthropicBatches, AnthropicProvider):
    """A `Provider` for api.anthropic.com, and a `Batcher`. It keeps no state."""
