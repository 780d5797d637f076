"""Portkey's names of providers, and what they are to the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Known:
    """A provider of Portkey's: the type that the gateway's configuration has for it.

    `base_url` is where it is, if that is not the type's own place. `below` is what stands there between a custom
    host of Portkey's and the paths of the API. One that is `local` needs no key.
    """

    type: str
    base_url: str = ""
    below: str = ""
    local: bool = False


def _compatible(base_url: str, below: str = "") -> Known:
    return Known("openai_compatible", base_url + below, below)


KNOWN: Final[Mapping[str, Known]] = {
    "anthropic": Known("anthropic"),
    "openai": Known("openai"),
    "azure-openai": Known("azure_openai"),
    "azure-ai": Known("azure_foundry"),
    "bedrock": Known("bedrock"),
    "vertex-ai": Known("vertex_gemini"),
    "google": Known("gemini", below="/v1beta"),
    "ollama": Known("openai_compatible", "http://127.0.0.1:11434/v1", "/v1", local=True),
    "anyscale": _compatible("https://api.endpoints.anyscale.com/v1"),
    "cerebras": _compatible("https://api.cerebras.ai/v1"),
    "dashscope": _compatible("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
    "deepinfra": _compatible("https://api.deepinfra.com/v1/openai"),
    "deepseek": _compatible("https://api.deepseek.com", "/v1"),
    "featherless-ai": _compatible("https://api.featherless.ai/v1"),
    "fireworks-ai": _compatible("https://api.fireworks.ai/inference/v1"),
    "groq": _compatible("https://api.groq.com/openai/v1"),
    "hyperbolic": _compatible("https://api.hyperbolic.xyz", "/v1"),
    "inference-net": _compatible("https://api.inference.net/v1"),
    "kluster-ai": _compatible("https://api.kluster.ai/v1"),
    "lambda": _compatible("https://api.lambdalabs.com/v1"),
    "lemonfox-ai": _compatible("https://api.lemonfox.ai/v1"),
    "mistral-ai": _compatible("https://api.mistral.ai/v1"),
    "moonshot": _compatible("https://api.moonshot.cn", "/v1"),
    "nebius": _compatible("https://api.studio.nebius.ai/v1"),
    "novita-ai": _compatible("https://api.novita.ai/v3/openai"),
    "nscale": _compatible("https://inference.api.nscale.com/v1"),
    "openrouter": _compatible("https://openrouter.ai/api", "/v1"),
    "perplexity-ai": _compatible("https://api.perplexity.ai"),
    "sambanova": _compatible("https://api.sambanova.ai", "/v1"),
    "siliconflow": _compatible("https://api.siliconflow.cn/v1"),
    "together-ai": _compatible("https://api.together.xyz", "/v1"),
    "upstage": _compatible("https://api.upstage.ai/v1/solar"),
    "x-ai": _compatible("https://api.x.ai/v1"),
    "z-ai": _compatible("https://api.z.ai/api/paas/v4"),
    "zhipu": _compatible("https://open.bigmodel.cn/api/paas/v4"),
}
"""By the names that `provider` may have. Portkey's own addresses, as of its version 1.15."""

_WITH_CLAUDE: Final[Mapping[str, str]] = {"vertex_gemini": "vertex_anthropic", "azure_foundry": "anthropic"}

_APIS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "bedrock": "anthropic",
    "vertex_anthropic": "anthropic",
    "openai": "openai",
    "openai_compatible": "openai",
    "azure_openai": "openai",
    "gemini": "gemini",
    "vertex_gemini": "gemini",
}


def known(name: str, called: str) -> Known | None:
    """What a provider is, by its name in the config or what it is called here.

    One that is saved with Portkey begins with the name of its provider, more often than not.
    """
    for exact in (name, called):
        if exact in KNOWN:
            return KNOWN[exact]
    begins = [each for each in KNOWN if name.startswith(f"{each}-")] or [
        each for each in KNOWN if called.startswith(f"{each}-")
    ]
    return KNOWN[max(begins, key=len)] if begins else None


def provider_type(found: Known | None, model: str) -> str:
    """The type of a provider in the gateway's configuration; empty if nothing is known of it.

    On Google's Vertex and Azure's Foundry it depends on the model.
    """
    if found is None:
        return ""
    if "claude" in model or model.startswith("anthropic."):
        return _WITH_CLAUDE.get(found.type, found.type)
    # All but Claude is there as at Azure's OpenAI.
    return "azure_openai" if found.type == "azure_foundry" else found.type


def api(type_: str) -> str:
    """The kind of API that a type of provider speaks, as in `Origin.provider_type`; empty if it is not known."""
    return _APIS.get(type_, "")


def model_name(type_: str, model: str) -> str:
    """A model's name without what Portkey puts before it."""
    if type_ in ("vertex_anthropic", "vertex_gemini"):
        for prefix in ("anthropic.", "google."):
            model = model.removeprefix(prefix)
    return model
