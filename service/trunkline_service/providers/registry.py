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
from trunkline_service.providers.openai.platform import AZURE, COMPATIBLE, OPENAI
from trunkline_service.providers.openai.responses import ResponsesProvider
from trunkline_service.providers.vertex import VertexProvider

_CODECS: Mapping[str, Callable[[], Provider]] = {
    "anthropic": AnthropicApi,
    "gemini": GeminiProvider,
    "bedrock/invoke": BedrockInvoke,
    "bedrock/mantle": BedrockMantle,
    "bedrock/messages": BedrockMessages,
    "openai/chat": lambda: ChatProvider(OPENAI),
    "openai_compatible/chat": lambda: ChatProvider(COMPATIBLE),
    "azure_openai/chat": lambda: ChatProvider(AZURE),
    "openai/responses": lambda: ResponsesProvider(OPENAI),
    "openai_compatible/responses": lambda: ResponsesProvider(COMPATIBLE),
    "azure_openai/responses": lambda: ResponsesProvider(AZURE),
    "vertex_anthropic": VertexProvider,
    "vertex_gemini": VertexGeminiProvider,
}
"""By the `type` of the settings, with "/" and the `api` behind it where there is a choice."""


def codec(settings: ProviderSettings) -> Provider:
    """The codec for a configured provider."""
    return _CODECS[f"{settings.type}/{settings.api}" if settings.api else settings.type]()
