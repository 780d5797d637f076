"""Which codec speaks to which type of provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trunkline_service.config import ProviderSettings
from trunkline_service.providers.anthropic.api import AnthropicApi
from trunkline_service.providers.base import Provider
from trunkline_service.providers.bedrock import BedrockMantle, BedrockMessages
from trunkline_service.providers.bedrock.invoke import BedrockInvoke
from trunkline_service.providers.gemini import GeminiProvider, VertexGeminiProvider
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.providers.openai.platform import AZURE, OPENAI, compatible
from trunkline_service.providers.openai.responses import ResponsesProvider
from trunkline_service.providers.vertex import VertexProvider

_CODECS: Mapping[str, Callable[[ProviderSettings], Provider]] = {
    "anthropic": lambda _: AnthropicApi(),
    "gemini": lambda _: GeminiProvider(),
    "bedrock/invoke": lambda _: BedrockInvoke(),
    "bedrock/mantle": lambda _: BedrockMantle(),
    "bedrock/messages": lambda _: BedrockMessages(),
    "openai/chat": lambda _: ChatProvider(OPENAI),
    "openai_compatible/chat": lambda settings: ChatProvider(compatible(settings.base_url)),
    "azure_openai/chat": lambda _: ChatProvider(AZURE),
    "openai/responses": lambda _: ResponsesProvider(OPENAI),
    "openai_compatible/responses": lambda settings: ResponsesProvider(compatible(settings.base_url)),
    "azure_openai/responses": lambda _: ResponsesProvider(AZURE),
    "vertex_anthropic": lambda _: VertexProvider(),
    "vertex_gemini": lambda _: VertexGeminiProvider(),
}
"""By the `type` of the settings, with "/" and the `api` behind it where there is a choice."""


def codec(settings: ProviderSettings) -> Provider:
    """The codec for a configured provider."""
    return _CODECS[f"{settings.type}/{settings.api}" if settings.api else settings.type](settings)
