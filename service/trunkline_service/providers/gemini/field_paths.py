"""Gemini's names for the places in a request, in the contract's.

Its errors name fields as `contents[1].parts[0].text` or `generation_config.temperature`.
"""

from __future__ import annotations

import re

_PATHS = {
    "contents": "input.messages",
    "system_instruction": "input.system",
    "tools": "input.tools",
    "tool_config": "input.tool_choice",
    "safety_settings": "input.gemini.safety_settings",
    "cached_content": "input.gemini.cached_content",
    "labels": "input.gemini.labels",
    "service_tier": "input.service_tier",
    "generation_config.temperature": "input.generation.temperature",
    "generation_config.top_p": "input.generation.top_p",
    "generation_config.top_k": "input.generation.top_k",
    "generation_config.max_output_tokens": "input.generation.max_output_tokens",
    "generation_config.stop_sequences": "input.generation.stop_sequences",
    "generation_config.seed": "input.generation.seed",
    "generation_config.presence_penalty": "input.generation.presence_penalty",
    "generation_config.frequency_penalty": "input.generation.frequency_penalty",
    "generation_config.response_logprobs": "input.generation.logprobs",
    "generation_config.logprobs": "input.generation.top_logprobs",
    "generation_config.media_resolution": "input.gemini.media_resolution",
    "generation_config.thinking_config": "input.reasoning",
    "generation_config.response_json_schema": "input.output_format",
    "generation_config.response_schema": "input.output_format",
    "generation_config.response_mime_type": "input.output_format",
}
_STEP = re.compile(r"([A-Za-z_]+)(\[[0-9]{1,6}\])?")
_CAPITAL = re.compile("(?<=[a-z])[A-Z]")


def contract_path(field: str) -> str:
    """The contract's path of a field of Gemini's, as far as the two agree; empty if they do not.

    A content is a message, but a block may have become several parts: what is below a message is not told.
    """
    steps = [_STEP.match(step) for step in field.removeprefix("GenerateContentRequest.").split(".")[:2]]
    names = [_CAPITAL.sub(lambda found: f"_{found[0]}", step[1]).lower() for step in steps if step is not None]
    for length in (2, 1):
        if (path := _PATHS.get(".".join(names[:length]))) is not None:
            number = steps[0][2] if names[0] == "contents" and steps[0] is not None else ""
            return path + (number or "")
    return ""
