"""Bedrock's names of models: ids (`anthropic.claude-opus-5-5`), profiles of a geography before them (`us.`), ARNs."""

from __future__ import annotations

import re

_PROFILE = re.compile(r"^(?:arn:[^/]*/)?(?:[a-z-]+\.)?(?=anthropic\.)")


def base(model: str) -> str:
    """The model that a profile of a geography leads to, by id or ARN; others as they are."""
    return _PROFILE.sub("", model)
