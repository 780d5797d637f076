"""What a call cost: its usage by its model's price list, in whole nano-dollars.

The tokens of a call are in classes that share none: input that no cache has to do with, reads from a cache, writes to
it by how long they are kept, output. Each class is paid by its own price in the tier that the length of the prompt
chooses, times every modifier that applies; requests to the provider's tools come on top.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.v1 import usage_pb2
from trunkline_service.catalog.facts import Prices, Tier

_MILLION = 1_000_000


def cost(usage: usage_pb2.Usage, prices: Prices, *, batch: bool = False) -> usage_pb2.Cost | None:
    """The cost of a call, or None if it is not known.

    It is not known if the usage lacks its input or its output or contradicts itself, if a class that has tokens has no
    price, or if the call was made in a way (a batch, a speed, a place, a class of service, steps of other models) whose
    effect on prices the list does not tell. Each part is rounded up by itself.
    """
    factor = _factor(usage, prices.percents, batch=batch)
    classes = _input_classes(usage)
    if factor is None or classes is None or _has_unpriced(usage, prices):
        return None
    total, uncached, read, written = classes
    tier = _tier(prices.tiers, total)
    writes = _writes(usage.cache_write_by_ttl, written, tier.cache_write, batch=batch) if written else 0
    output = _output(usage, tier)
    tools = _tools(usage.server_tool_requests, prices.server_tools)
    if (
        writes is None
        or output is None
        or tools is None
        or (uncached and tier.input is None)
        or (read and tier.cache_read is None)
    ):
        return None
    numerator, denominator = factor
    for_input = -(-uncached * (tier.input or 0) * numerator // denominator)
    for_output = -(-output * numerator // denominator)
    result = usage_pb2.Cost(total_nano_usd=for_input + for_output, input_nano_usd=for_input, output_nano_usd=for_output)
    # Most calls have none of these.
    if read:
        result.cache_read_nano_usd = -(-read * (tier.cache_read or 0) * numerator // denominator)
        result.total_nano_usd += result.cache_read_nano_usd
    if writes:
        result.cache_write_nano_usd = -(-writes * numerator // denominator)
        result.total_nano_usd += result.cache_write_nano_usd
    if tools:
        result.server_tools_nano_usd = tools
        result.total_nano_usd += tools
    return result


def _has_unpriced(usage: usage_pb2.Usage, prices: Prices) -> bool:
    text = usage.provider_usage_json if prices.unpriced else ""
    return bool(text) and any(word in text for word in prices.unpriced)


def _factor(usage: usage_pb2.Usage, percents: Mapping[tuple[str, str], int], *, batch: bool) -> tuple[int, int] | None:
    """What prices for a million tokens are multiplied with and divided by; None if a modifier is not known."""
    numerator, denominator = 1, _MILLION
    conditions = []
    if usage.speed:
        conditions.append(("speed", usage.speed))
    if usage.inference_geo:
        conditions.append(("inference_geo", usage.inference_geo))
    if usage.service_tier:
        conditions.append(("service_tier", usage.service_tier))
    if batch:
        conditions.append(("batch", ""))
    for condition in conditions:
        percent = percents.get(condition)
        if percent is None:
            return None
        if percent != 100:
            numerator *= percent
            denominator *= 100
    return numerator, denominator


def _input_classes(usage: usage_pb2.Usage) -> tuple[int, int, int, int] | None:
    """All input tokens, those without a cache, those read and those written."""
    read, written, uncached, total = usage.cache_read, usage.cache_write, usage.input_uncached, usage.input_total
    # A number that is not set reads as 0. Both are told together unless a part of the input is not known.
    if (not uncached and not usage.HasField("input_uncached")) or (not total and not usage.HasField("input_total")):
        return None
    if total != uncached + read + written or uncached < 0 or read < 0 or written < 0:
        return None
    return total, uncached, read, written


def _tier(tiers: tuple[Tier, ...], total: int) -> Tier:
    tier = tiers[0]
    for each in tiers[1:]:
        if total > each.above:
            tier = each
    return tier


def _writes(by_ttl: Mapping[str, int], written: int, prices: Mapping[str, int], *, batch: bool) -> int | None:
    """Tokens times prices of what was written to the cache. What is not told apart has the price of the empty word.

    In a batch, nobody knows any more for how long it was to be kept, if there is a choice.
    """
    result, rest = 0, written
    for ttl, tokens in by_ttl.items():
        if not tokens:
            continue
        if ttl not in prices or tokens < 0:
            return None
        result += tokens * prices[ttl]
        rest -= tokens
    if rest:
        if rest < 0 or "" not in prices or (batch and len(prices) > 1):
            return None
        result += rest * prices[""]
    return result


def _output(usage: usage_pb2.Usage, tier: Tier) -> int | None:
    """Tokens times price of the output. Where output is free, as with embeddings, it need not be told."""
    if tier.output == 0:
        return 0
    tokens = usage.output_total
    if tokens <= 0:
        return 0 if not tokens and usage.HasField("output_total") else None
    if tier.output is None:
        return None
    return tokens * tier.output


def _tools(requests: Mapping[str, int], prices: Mapping[str, int]) -> int | None:
    result = 0
    for word, count in requests.items():
        if not count:
            continue
        if word not in prices or count < 0:
            return None
        result += count * prices[word]
    return result
