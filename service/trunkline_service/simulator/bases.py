"""Where each provider's API is below the simulator's URL: what `base_url` ends with in a configuration."""

from collections.abc import Mapping

BASES: Mapping[str, str] = {
    "anthropic": "",
    "bedrock/invoke": "",
    "bedrock/messages": "/anthropic",
    "bedrock/mantle": "/mantle/anthropic",
    "vertex_anthropic": "/v1",
    "vertex_gemini": "/v1",
    "gemini": "/v1beta",
    "openai": "/openai/v1",
    "azure_openai": "/openai/v1",
    "openai_compatible": "/v1",
}
"""By type, or by type and api where each api has its own."""

AZURE_OLD = ""
"""That of Azure's older addresses, which have a version and the deployment in them."""


def describe_bases() -> list[str]:
    """Render them as lines for a terminal, with what sets one API apart from another."""
    remarks = {
        "azure_openai": f"; with a dated version {_shown(AZURE_OLD)}",
        "openai": ", which takes and tells no more than OpenAI does",
        "openai_compatible": ", which takes more, and tells what a model thinks in Chat Completions",
    }
    lines = []
    for key, base in BASES.items():
        kind, _, api = key.partition("/")
        name = f"{kind}, api {api}" if api else kind
        lines.append(f"  {name:<24}{_shown(base)}{remarks.get(key, '')}")
    return lines


def _shown(base: str) -> str:
    return base or "nothing"
