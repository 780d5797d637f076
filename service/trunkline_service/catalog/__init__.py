"""What is known of models: a file of data for each type of provider, named after it. Read when this is imported.

`facts.py` says what a model's facts are, `load.py` reads the files.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files

from trunkline_service.catalog.facts import ModelFacts, Modifier, Prices, Tier
from trunkline_service.catalog.load import CatalogError, Platform, read

__all__ = ["CatalogError", "ModelFacts", "Modifier", "Prices", "Tier", "find", "models", "prices", "provider_type_of"]

_PLATFORMS = read(files(__package__))
# An id with a date, or with "latest", behind it stands for the one without.
_SUFFIX = re.compile(r"-(?:[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}|latest)\Z")


@lru_cache(maxsize=4096)
def find(provider_type: str, model: str) -> ModelFacts | None:
    """Return what is known of a model, by its id, an alias, or its id with a date or "-latest" behind it."""
    platform = _PLATFORMS.get(provider_type)
    return _find(platform, model) if platform else None


def prices(provider_type: str, model: str) -> Prices | None:
    """Return what a model costs today, if it is known."""
    facts = find(provider_type, model)
    if facts is None or not facts.later_prices:
        return facts.prices if facts else None
    return facts.prices_on(datetime.now(UTC).date())


def models(provider_type: str) -> Sequence[ModelFacts]:
    """Return all models that a type of provider is known to have, by its own names for them."""
    platform = _PLATFORMS.get(provider_type)
    return platform.models if platform else ()


def provider_type_of(model: str) -> str | None:
    """Return the type of the provider whose own model this is, if it is known."""
    makers = (name for name, platform in _PLATFORMS.items() if not platform.pattern)
    return next((provider_type for provider_type in makers if find(provider_type, model)), None)


def _find(platform: Platform, model: str) -> ModelFacts | None:
    by_name = platform.by_name
    if platform.pattern:
        found = platform.pattern.fullmatch(model)
        if found is None:
            return None
        by_name = platform.by_place.get(found.groupdict().get("place") or "", by_name)
        model = found["model"]
    return by_name.get(model) or by_name.get(_SUFFIX.sub("", model))
