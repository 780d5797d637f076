"""What is known of a model. None, or a name that is in neither list, means that it is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

Lifecycle: TypeAlias = Literal["active", "deprecated", "retired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Prices for prompts of more than `above` tokens, in nano-dollars for a million tokens.

    `cache_write` is by how long it is kept, in the words of `CacheControl.ttl`; under the empty word, where the
    provider does not tell how long.
    """

    above: int = 0
    input: int | None = None
    cache_read: int | None = None
    cache_write: Mapping[str, int] = field(default_factory=dict)
    output: int | None = None


Condition: TypeAlias = Literal["batch", "speed", "inference_geo", "service_tier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifier:
    """Raises or lowers the prices of tokens to `percent` hundredths where `condition` has the `value`.

    `value` is empty where the condition is "batch".
    """

    condition: Condition
    value: str = ""
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The price list of one model. `tiers` rise, and the first one holds from the first token on.

    `server_tools` is what one request costs, in nano-dollars, by the words of `Usage.server_tool_requests`. Where one
    of `unpriced` stands in the provider's own usage, the call took more than the list has prices for. `since` is the
    first day of a list that takes the place of another; None of the first one.
    """

    tiers: tuple[Tier, ...]
    modifiers: tuple[Modifier, ...] = ()
    server_tools: Mapping[str, int] = field(default_factory=dict)
    unpriced: tuple[str, ...] = ()
    as_of: date
    since: date | None = None
    # The percentages of `modifiers`, by condition and value.
    percents: Mapping[tuple[str, str], int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        percents = {(each.condition, each.value): each.percent for each in self.modifiers}
        object.__setattr__(self, "percents", percents)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One model at one type of provider.

    `context_window` and `max_output_tokens` are in tokens. `capabilities` are what it can do and `missing` what it
    cannot, in the words of `ModelCapability`, small and without its prefix. A model that is `retired` answers no more;
    `retires_at` is its last day, past or to come. `tokenizer` is the vocabulary that cuts its text, by its public name.
    `takes_newest_version` is whether it may be asked in the newest version of its maker's API, `takes_cache_marks`
    whether it takes marks of what to cache. `later_prices` are those that are known to follow, in order.
    """

    provider_type: str
    id: str
    aliases: tuple[str, ...] = ()
    display_name: str = ""
    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    lifecycle: Lifecycle | None = None
    retires_at: date | None = None
    tokenizer: str = ""
    takes_newest_version: bool | None = None
    takes_cache_marks: bool | None = None
    prices: Prices | None = None
    later_prices: tuple[Prices, ...] = ()

    def prices_on(self, day: date) -> Prices | None:
        """What the model costs on a day, of UTC."""
        result = self.prices
        for each in self.later_prices:
            if each.since is not None and each.since <= day:
                result = each
        return result

    @property
    def takes_sampling(self) -> bool | None:
        """Whether temperature, top_p and top_k are taken at all."""
        if "sampling" in self.capabilities:
            return True
        return False if "sampling" in self.missing else None
