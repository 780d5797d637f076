"""Anthropic's names for the places in a request, in the contract's.

Its messages for a bad request begin with a path: `messages.0.content.1.text: …` or `max_tokens: …`.
"""

from __future__ import annotations

import re

_PATH = re.compile(r"^([a-z_]+(?:\.[A-Za-z0-9_-]+)*): ")

_TOP_LEVEL = {
    "model": "input.model",
    "messages": "input.messages",
    "system": "input.system",
    "tools": "input.tools",
    "tool_choice": "input.tool_choice",
    "max_tokens": "input.generation.max_output_tokens",
    "temperature": "input.generation.temperature",
    "top_p": "input.generation.top_p",
    "top_k": "input.generation.top_k",
    "stop_sequences": "input.generation.stop_sequences",
    "thinking": "input.reasoning",
    "output_config": "input.output_format",
    "cache_control": "input.cache_control",
    "metadata": "input.end_user_id",
    "service_tier": "input.service_tier",
    "speed": "input.anthropic.speed",
    "inference_geo": "input.anthropic.inference_geo",
}


def from_message(message: str) -> str:
    """The contract's path of the field that a message is about; empty if it names none."""
    match = _PATH.match(message)
    if match is None:
        return ""
    first, *rest = match[1].split(".")
    path = _TOP_LEVEL.get(first)
    if path is None:
        return ""
    return path + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in rest)
