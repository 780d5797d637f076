"""Bedrock's names of models: ids (`anthropic.claude-opus-5-5`), profiles of a geography before them (`us.`), ARNs."""

from __future__ import annotations

import re

_GEOGRAPHY = re.compile(r"^[a-z-]+\.(?=anthropic\.)")


def without_geography(model: str) -> str:
    """The model that a profile of a geography leads to; others as they are."""
    return _GEOGRAPHY.sub("", model)
