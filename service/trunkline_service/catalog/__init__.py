"""What is known of models: a file of data for each type of provider, named after it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One model. None means that it is not known.

    `context_window` and `max_output_tokens` are in tokens. `takes_sampling` tells whether temperature, top_p
    and top_k are taken at all. A model that is `retired` answers no more at its maker's own API.
    """

    provider_type: str
    id: str
    aliases: tuple[str, ...] = ()
    context_window: int | None = None
    max_output_tokens: int | None = None
    takes_sampling: bool | None = None
    retired: bool = False
    retires_at: date | None = None


@lru_cache(maxsize=1024)
def find(provider_type: str, model: str) -> ModelFacts | None:
    """Return what is known of a model, by its id, an alias, or its id with a date or "-latest" behind it."""
    models = _models().get(provider_type, {})
    return models.get(model) or models.get(re.sub(r"-(?:[0-9]{8}|latest)\Z", "", model))


def provider_type_of(model: str) -> str | None:
    """Return the type of the provider that a model is of, if it is known."""
    return next((provider_type for provider_type in _models() if find(provider_type, model)), None)


@cache
def _models() -> Mapping[str, Mapping[str, ModelFacts]]:
    """Return the models of each type of provider, by id and by alias."""
    models: dict[str, dict[str, ModelFacts]] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        provider_type, _, suffix = file.name.partition(".")
        if suffix != "yaml":
            continue
        known = models[provider_type] = {}
        for name, facts in yaml.safe_load(file.read_text("utf-8")).items():
            aliases = tuple(facts.pop("aliases", ()))
            model = ModelFacts(provider_type=provider_type, id=name, aliases=aliases, **facts)
            known.update(dict.fromkeys((name, *aliases), model))
    return models
