"""What another's models cost at a platform, where that depends on the place that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from trunkline_service.catalog.facts import ModelFacts, Modifier, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLists:
    """The owner's models that have prices at the platform, and what these have in common."""

    models: Sequence[str]
    modifiers: tuple[Modifier, ...]
    as_of: date


def priced(
    here: Mapping[str, ModelFacts], at_owner: Mapping[str, ModelFacts], lists: PriceLists, percents: Mapping[str, int]
) -> Mapping[str, Mapping[str, ModelFacts]]:
    """The platform's models by place and by the owner's names; `percents` are of the owner's prices, by place.

    Raises:
        ValueError: a model has no price at its owner, or one that is no whole number of nano-dollars here.
    """
    for name in lists.models:
        if name not in at_owner or at_owner[name].prices is None:
            msg = f"{name} has no prices of which there could be percents"
            raise ValueError(msg)
    return {
        place: {name: _at(model, at_owner[name], lists, percent) for name, model in here.items()}
        for place, percent in percents.items()
    }


def _at(model: ModelFacts, at_owner: ModelFacts, lists: PriceLists, percent: int) -> ModelFacts:
    if at_owner.id not in lists.models or at_owner.prices is None:
        return model
    first, *later = (
        replace(
            prices,
            tiers=tuple(_tier(tier, percent) for tier in prices.tiers),
            modifiers=lists.modifiers,
            server_tools={},
            as_of=lists.as_of,
        )
        for prices in (at_owner.prices, *at_owner.later_prices)
    )
    return replace(model, prices=first, later_prices=tuple(later))


def _tier(tier: Tier, percent: int) -> Tier:
    return Tier(
        above=tier.above,
        input=_part(tier.input, percent),
        cache_read=_part(tier.cache_read, percent),
        cache_write={ttl: _part(price, percent) or 0 for ttl, price in tier.cache_write.items()},
        output=_part(tier.output, percent),
    )


def _part(price: int | None, percent: int) -> int | None:
    if price is None:
        return None
    if price * percent % 100:
        msg = f"{percent} % of {price} nano-dollars are not a whole number of them"
        raise ValueError(msg)
    return price * percent // 100
