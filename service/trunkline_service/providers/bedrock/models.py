"""Bedrock's names of models: ids (`anthropic.claude-opus-5-5`), profiles of a geography before them (`us.`), ARNs."""

from __future__ import annotations

import re

# In an id, two numbers behind the family; a date is no number of a version.
_VERSION = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_GEOGRAPHY = re.compile(r"^[a-z-]+\.(?=anthropic\.)")
_FIRST_WITH_NEWEST = (4, 7)


def takes_newest_version(model: str) -> bool:
    """Whether the model is known to take Anthropic's version 2026-10-21: on Bedrock, those from 4.7 on do."""
    match = _VERSION.search(model)
    return match is not None and (int(match[1]), int(match[2] or 0)) >= _FIRST_WITH_NEWEST


def without_geography(model: str) -> str:
    """The model that a profile of a geography leads to; others as they are."""
    return _GEOGRAPHY.sub("", model)
