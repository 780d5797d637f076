"""Four providers on a good day: how quick they are, what they take, and what they charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routing.hour.traffic import Call
from trunkline.v1 import usage_pb2
from trunkline_service import catalog
from trunkline_service.catalog import Prices
from trunkline_service.telemetry.cost import cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One of them; `type` and `model` are as the catalogue has them, and so are the prices.

    `first_event` is the usual time to the first event, in seconds; `speed` is in tokens a second, `rate` in requests a
    second; prompt caches are kept for `keeps` seconds after their last use.
    """

    name: str
    type: str
    model: str
    first_event: float
    speed: float
    rate: float
    keeps: float
    api: str = ""

    @property
    def prices(self) -> Prices:
        """Those of the model. Where they are to change, the table would change by itself with the date."""
        facts = catalog.find(self.type, self.model)
        assert facts is not None
        assert facts.prices is not None
        assert not facts.later_prices
        return facts.prices

    def charge(self, call: Call, said_tokens: int, *, hit: bool) -> int:
        """What a request costs that got so much of its answer, in nano-dollars.

        `hit` is whether its beginning was in the cache; it is written there otherwise.
        """
        usage = usage_pb2.Usage(input_total=call.prefix_tokens + call.prompt_tokens, output_total=said_tokens)
        writes = self.prices.tiers[0].cache_write
        if hit:
            usage.cache_read = call.prefix_tokens
        elif call.prefix and writes:
            usage.cache_write = call.prefix_tokens
            usage.cache_write_by_ttl["5m" if "5m" in writes else ""] = call.prefix_tokens
        usage.input_uncached = usage.input_total - usage.cache_read - usage.cache_write
        known = cost(usage, self.prices)
        assert known is not None
        return known.total_nano_usd


_SONNET, _TERRA, _FLASH = "claude-sonnet-5-5", "gpt-6.1-terra", "gemini-3.5-flash"
_PROFILES = (
    Profile(name="anthropic", type="anthropic", model=_SONNET, first_event=0.7, speed=90, rate=8, keeps=300),
    Profile(name="anthropic-2", type="anthropic", model=_SONNET, first_event=1.0, speed=90, rate=6, keeps=300),
    Profile(
        name="openai", type="openai", api="responses", model=_TERRA, first_event=0.5, speed=120, rate=2, keeps=1800
    ),
    Profile(name="gemini", type="gemini", model=_FLASH, first_event=0.9, speed=150, rate=6, keeps=300),
)
PROFILES: Mapping[str, Profile] = {each.name: each for each in _PROFILES}
