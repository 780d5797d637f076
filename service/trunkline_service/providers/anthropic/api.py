"""Anthropic's own home of Claude: what only that has is added here."""

from __future__ import annotations

from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.anthropic.batches import AnthropicBatches
from trunkline_service.providers.anthropic.models import AnthropicModels


class AnthropicApi(AnthropicBatches, AnthropicModels, AnthropicProvider):
    """A `Provider` for api.anthropic.com, a `Batcher` and a `ModelLister`. It keeps no state."""
