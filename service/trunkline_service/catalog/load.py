"""Reads the catalogue's files.

A file says what a provider's models are (`models`), with what their prices have in common (`prices`), or that a type
of provider has the models of another (`models_of`) under names of its own (`names`, a regular expression with a group
`model`; `write`, the name in its usual form). What they cost there may follow from what they cost at their owner
(`prices_by_place`: `percents`, by what a group `place` of the names has found). One that is not `listed` need not have
any of them, and only those in `newest_version` take the newest version of their maker's API there. Dollars are for a
million tokens, or for one request to a tool.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Annotated, Any

import msgspec
import yaml

from trunkline.v1.model_service_pb2 import ModelCapability
from trunkline_service.catalog import places
from trunkline_service.catalog.facts import Condition, Lifecycle, ModelFacts, Modifier, Prices, Tier
from trunkline_service.catalog.strict_yaml import StrictLoader

CAPABILITIES = frozenset(name.removeprefix("MODEL_CAPABILITY_").lower() for name in ModelCapability.keys()[1:])


class CatalogError(Exception):
    """The catalogue's files have mistakes; the message names them all, a line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A type of provider: its models, and how it writes their names if they are another's.

    `by_place` has those that cost something else, by the place that their names tell.
    """

    models: tuple[ModelFacts, ...]
    by_name: Mapping[str, ModelFacts]
    pattern: re.Pattern[str] | None = None
    by_place: Mapping[str, Mapping[str, ModelFacts]] = field(default_factory=dict)


_Tokens = Annotated[int, msgspec.Meta(gt=0, lt=2**31)]
_Dollars = Annotated[float, msgspec.Meta(ge=0, le=1000)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Tier(_Strict):
    above: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
    input: _Dollars | None = None
    output: _Dollars | None = None
    cache_read: _Dollars | None = None
    cache_write: dict[str, _Dollars] = {}


class _Modifier(_Strict):
    percent: Annotated[int, msgspec.Meta(gt=0, le=10_000)]
    batch: bool = False
    speed: str = ""
    inference_geo: str = ""
    service_tier: str = ""


class _Later(_Strict):
    since: date
    tiers: Annotated[tuple[_Tier, ...], msgspec.Meta(min_length=1)]


class _Model(_Strict):
    aliases: tuple[str, ...] = ()
    display_name: str = ""
    context_window: _Tokens | None = None
    max_output_tokens: _Tokens | None = None
    capabilities: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    lifecycle: Lifecycle | None = None
    retires_at: date | None = None
    tokenizer: str = ""
    cache_marks: bool | None = None
    tiers: tuple[_Tier, ...] = ()
    modifiers: tuple[_Modifier, ...] = ()
    later: tuple[_Later, ...] = ()


class _Prices(_Strict):
    as_of: date
    modifiers: tuple[_Modifier, ...] = ()
    server_tools: dict[str, _Dollars] = {}
    unpriced: tuple[str, ...] = ()


class _PricesByPlace(_Strict):
    as_of: date
    percents: dict[str, Annotated[int, msgspec.Meta(gt=0, le=10_000)]]
    models: tuple[str, ...]
    modifiers: tuple[_Modifier, ...] = ()


class _File(_Strict):
    prices: _Prices | None = None
    # Only for others to refer to.
    shared: Any = None
    models: dict[str, Any] = {}
    models_of: str = ""
    names: str = ""
    write: str = ""
    missing: tuple[str, ...] = ()
    prices_by_place: _PricesByPlace | None = None
    listed: bool = True
    newest_version: tuple[str, ...] | None = None


def read(folder: Traversable) -> Mapping[str, Platform]:
    """The platforms by the type of provider.

    Raises:
        CatalogError: there are mistakes.
    """
    problems: list[str] = []
    described: dict[str, _File] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        name, _, suffix = file.name.partition(".")
        if suffix != "yaml":
            continue
        try:
            described[name] = msgspec.convert(yaml.load(file.read_text("utf-8"), StrictLoader), _File)
        except (yaml.YAMLError, msgspec.ValidationError) as error:
            problems.append(f"{file.name}: {error}")
    platforms = {name: _own(name, file, problems) for name, file in described.items() if not file.models_of}
    for name, each in described.items():
        if each.models_of:
            platforms[name] = _borrowed(name, each, platforms, problems)
    if problems:
        raise CatalogError("\n".join(problems))
    return platforms


def _own(provider_type: str, file: _File, problems: list[str]) -> Platform:
    models = []
    by_name: dict[str, ModelFacts] = {}
    for name, raw in file.models.items():
        place = f"{provider_type}.yaml: {name}"
        try:
            model = _facts(provider_type, name, msgspec.convert(raw, _Model), file.prices)
        except (msgspec.ValidationError, ValueError) as error:
            problems.append(f"{place}: {error}")
            continue
        problems += [f"{place}: {what}" for what in _mistakes(model)]
        problems += [f"{place}: the name {each} is taken" for each in (name, *model.aliases) if each in by_name]
        models.append(model)
        by_name.update(dict.fromkeys((name, *model.aliases), model))
    return Platform(models=tuple(models), by_name=by_name)


def _borrowed(provider_type: str, file: _File, platforms: Mapping[str, Platform], problems: list[str]) -> Platform:
    """Another's models. What they cost here, and for how long they are here, is for this platform to say."""
    owner = platforms.get(file.models_of)
    if owner is None:
        problems.append(f"{provider_type}.yaml: models_of: there is no {file.models_of}.yaml")
        return Platform(models=(), by_name={})
    try:
        pattern = re.compile(file.names)
    except re.error as error:
        problems.append(f"{provider_type}.yaml: names: {error}")
        pattern = re.compile("(?P<model>)")
    unknown = set(file.missing) - CAPABILITIES
    problems += [f"{provider_type}.yaml: missing: there is no capability {word!r}" for word in sorted(unknown)]
    newest = file.newest_version
    strangers = set(newest or ()) - {model.id for model in owner.models}
    problems += [f"{provider_type}.yaml: newest_version: there is no model {name!r}" for name in sorted(strangers)]
    by_id = {}
    for model in owner.models:
        if (found := pattern.fullmatch(file.write.format(model=model.id))) is None or found["model"] != model.id:
            problems.append(f"{provider_type}.yaml: names: do not match {model.id} as it is written")
        by_id[model.id] = replace(
            model,
            provider_type=provider_type,
            id=file.write.format(model=model.id),
            aliases=(),
            capabilities=tuple(word for word in model.capabilities if word not in file.missing),
            missing=(*(word for word in model.missing if word not in file.missing), *file.missing),
            lifecycle=None,
            retires_at=None,
            takes_newest_version=None if newest is None else model.id in newest,
            prices=None,
            later_prices=(),
        )
    by_name = {name: by_id[model.id] for name, model in owner.by_name.items()}
    by_place: Mapping[str, Mapping[str, ModelFacts]] = {}
    if (told := file.prices_by_place) is not None:
        try:
            modifiers = tuple(_modifier(each) for each in told.modifiers)
            lists = places.PriceLists(models=told.models, modifiers=modifiers, as_of=told.as_of)
            by_place = places.priced(by_name, owner.by_name, lists, told.percents)
        except ValueError as error:
            problems.append(f"{provider_type}.yaml: prices_by_place: {error}")
    listed = tuple(by_id.values()) if file.listed else ()
    return Platform(models=listed, by_name=by_name, pattern=pattern, by_place=by_place)


def _facts(provider_type: str, name: str, model: _Model, common: _Prices | None) -> ModelFacts:
    if model.tiers and common is None:
        msg = "has prices, but the file does not say of which day"
        raise ValueError(msg)
    prices = None
    later: tuple[Prices, ...] = ()
    if model.tiers and common is not None:
        modifiers = tuple(_modifier(each) for each in (*common.modifiers, *model.modifiers))
        prices = Prices(
            tiers=_tiers(model.tiers),
            modifiers=modifiers,
            server_tools={word: _nano(dollars) for word, dollars in common.server_tools.items()},
            unpriced=common.unpriced,
            as_of=common.as_of,
        )
        later = tuple(replace(prices, tiers=_tiers(each.tiers), since=each.since) for each in model.later)
    return ModelFacts(
        provider_type=provider_type,
        id=name,
        aliases=model.aliases,
        display_name=model.display_name,
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        capabilities=model.capabilities,
        missing=model.missing,
        lifecycle=model.lifecycle,
        retires_at=model.retires_at,
        tokenizer=model.tokenizer,
        takes_cache_marks=model.cache_marks,
        prices=prices,
        later_prices=later,
    )


def _tiers(tiers: Sequence[_Tier]) -> tuple[Tier, ...]:
    return tuple(_tier(tier) for tier in tiers)


def _tier(tier: _Tier) -> Tier:
    return Tier(
        above=tier.above,
        input=_nano(tier.input),
        cache_read=_nano(tier.cache_read),
        cache_write={ttl: _nano(dollars) for ttl, dollars in tier.cache_write.items()},
        output=_nano(tier.output),
    )


def _nano(dollars: Any) -> Any:
    """Nano-dollars: a decimal number as it is written in the file, exactly."""
    if dollars is None:
        return None
    result = Decimal(str(dollars)) * 10**9
    if result != int(result):
        msg = f"{dollars} dollars are not a whole number of nano-dollars"
        raise ValueError(msg)
    return int(result)


def _modifier(modifier: _Modifier) -> Modifier:
    conditions: Sequence[Condition] = ("speed", "inference_geo", "service_tier")
    named: list[tuple[Condition, str]] = [(name, getattr(modifier, name)) for name in conditions]
    found = [each for each in named if each[1]]
    if modifier.batch:
        found.append(("batch", ""))
    if len(found) != 1:
        msg = "a modifier has exactly one condition"
        raise ValueError(msg)
    return Modifier(condition=found[0][0], value=found[0][1], percent=modifier.percent)


def _mistakes(model: ModelFacts) -> list[str]:
    found = [
        f"there is no capability {word!r}" for word in (*model.capabilities, *model.missing) if word not in CAPABILITIES
    ]
    found += [f"{word} is both there and missing" for word in model.capabilities if word in model.missing]
    if model.context_window and (model.max_output_tokens or 0) > model.context_window:
        found.append("max_output_tokens is larger than context_window")
    if model.prices is None:
        return found
    for prices in (model.prices, *model.later_prices):
        limits = [tier.above for tier in prices.tiers]
        if limits[0] != 0 or sorted(set(limits)) != limits:
            found.append("tiers do not rise from 0")
    days = [prices.since for prices in model.later_prices if prices.since is not None]
    if sorted(set(days)) != days:
        found.append("later prices do not follow each other")
    if len(model.prices.percents) != len(model.prices.modifiers):
        found.append("two modifiers have the same condition")
    return found
