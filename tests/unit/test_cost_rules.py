"""What calls cost: worked examples by hand, and what holds for all of them."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1.usage_pb2 import Cost, Usage
from trunkline_service import catalog
from trunkline_service.catalog import Modifier, Prices, Tier
from trunkline_service.telemetry.cost import cost


def prices(model: str, provider_type: str = "anthropic") -> Prices:
    facts = catalog.find(provider_type, model)
    assert facts is not None
    assert facts.prices is not None
    return facts.prices


def said(cost: Cost | None) -> tuple[int, ...] | None:
    """Input, cache read, cache write, output, server tools; in nano-dollars. The total must be their sum."""
    if cost is None:
        return None
    parts = (
        cost.input_nano_usd,
        cost.cache_read_nano_usd,
        cost.cache_write_nano_usd,
        cost.output_nano_usd,
        cost.server_tools_nano_usd,
    )
    assert cost.total_nano_usd == sum(parts)
    return parts


def usage(uncached: int, output: int, *, read: int = 0, writes: dict[str, int] | None = None, **more: object) -> Usage:
    written = sum((writes or {}).values())
    result = Usage(
        input_total=uncached + read + written,
        input_uncached=uncached,
        cache_read=read,
        cache_write=written,
        output_total=output,
        **more,  # type: ignore[arg-type]
    )
    result.cache_write_by_ttl.update(writes or {})
    return result


EXAMPLES = {
    # Haiku 5.5: $0.10 in, $0.50 out for a million tokens; 1,000 in are $0.0001.
    "short": ("claude-haiku-5-5", usage(1_000, 200), (100_000, 0, 0, 100_000, 0)),
    # 100,000 is not yet more than 100,000.
    "the last short one": ("claude-haiku-5-5", usage(100_000, 0), (10_000_000, 0, 0, 0, 0)),
    # One token more, and all of it is five times as much: $0.50 and $2.50.
    "long": ("claude-haiku-5-5", usage(100_001, 200), (50_000_500, 0, 0, 500_000, 0)),
    # What is cached counts for the length: 1,000 + 60,000 + 40,000 tokens.
    "long by its cache": (
        "claude-haiku-5-5",
        usage(1_000, 200, read=60_000, writes={"5m": 40_000}),
        (500_000, 3_000_000, 25_000_000, 500_000, 0),
    ),
    # $6.25 for five minutes, $10 for an hour, $0.50 for a read.
    "both writes and a read": (
        "claude-opus-5",
        usage(10, 20, read=3_000, writes={"5m": 1_000, "1h": 2_000}),
        (50_000, 1_500_000, 26_250_000, 500_000, 0),
    ),
    # 3 tokens at $0.125 a million are 375 nano-dollars; one at $0.01 is 10.
    "pennies": ("claude-haiku-5-5", usage(0, 0, read=1, writes={"5m": 3}), (0, 10, 375, 0, 0)),
    "web searches": (
        "claude-sonnet-5",
        usage(1_000, 100, server_tool_requests={"web_search_requests": 3}),
        (2_000_000, 0, 0, 1_000_000, 30_000_000),
    ),
    # Fast is twice as much, US a tenth more: 2.2 times $4 and $20. Searches stay what they are.
    "fast, in the US": (
        "claude-opus-5-5",
        usage(
            1_000, 100, speed="fast", inference_geo="us", service_tier="standard",
            server_tool_requests={"web_search_requests": 1},
        ),
        (8_800_000, 0, 0, 4_400_000, 10_000_000),
    ),
    "fast fable": ("claude-fable-5-2", usage(1_000, 100, speed="fast"), (16_000_000, 0, 0, 8_000_000, 0)),
    "words that change nothing": (
        "claude-opus-5-5",
        usage(1_000, 100, speed="standard", inference_geo="not_available", service_tier="standard"),
        (4_000_000, 0, 0, 2_000_000, 0),
    ),
    # Not known: what a place or a tier that the list does not have does to the prices.
    "a place without a price": ("claude-haiku-5-5", usage(1_000, 100, inference_geo="us"), None),
    "a tier without a price": ("claude-opus-5-5", usage(1_000, 100, service_tier="priority"), None),
    "a speed without a price": ("claude-haiku-5-5", usage(1_000, 100, speed="fast"), None),
    "a tool without a price": (
        "claude-haiku-5-5", usage(1_000, 100, server_tool_requests={"web_fetch_requests": 1}), None,
    ),
    "a tool that did not run": (
        "claude-haiku-5-5", usage(0, 100, server_tool_requests={"web_fetch_requests": 0}), (0, 0, 0, 50_000, 0),
    ),
    "a ttl without a price": ("claude-haiku-5-5", usage(1_000, 100, writes={"2h": 1}), None),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_examples(name: str) -> None:
    model, used, expected = EXAMPLES[name]
    assert said(cost(used, prices(model))) == expected


@pytest.mark.parametrize(
    ("kind", "model", "words", "others"),
    [
        (
            "gemini",
            "gemini-3.8-flash",
            ["standard", "STANDARD", "default", "ON_DEMAND"],
            ["flex", "PROVISIONED_THROUGHPUT"],
        ),
        ("openai", "gpt-6-sol", ["default", "auto", "standard"], ["scale", "fast"]),
        ("anthropic", "claude-opus-5-5", ["standard"], ["priority", "flex"]),
    ],
)
def test_classes_of_service(kind: str, model: str, words: list[str], others: list[str]) -> None:
    plain = cost(usage(1_000, 100), prices(model, kind))
    assert plain is not None
    for word in words:
        assert cost(usage(1_000, 100, service_tier=word), prices(model, kind)) == plain
    for word in others:
        assert cost(usage(1_000, 100, service_tier=word), prices(model, kind)) is None


def test_a_batch_is_half_of_the_tokens_and_all_of_the_searches() -> None:
    used = usage(1_001, 100, read=1, service_tier="batch", server_tool_requests={"web_search_requests": 2})
    assert said(cost(used, prices("claude-sonnet-5"), batch=True)) == (1_001_000, 100, 0, 500_000, 20_000_000)


def test_each_part_is_rounded_up() -> None:
    # 1.5 nano-dollars a token: 1 and 3 tokens are 1.5 and 4.5.
    own = Prices(tiers=(Tier(input=1_500_000, output=1_500_000),), as_of=date(2026, 1, 1))
    assert said(cost(usage(1, 3), own)) == (2, 0, 0, 5, 0)


def test_writes_of_both_kinds_are_one_part() -> None:
    own = Prices(tiers=(Tier(input=0, cache_write={"5m": 500_000, "1h": 500_000}, output=0),), as_of=date(2026, 1, 1))
    assert said(cost(usage(0, 0, writes={"5m": 1, "1h": 1}), own)) == (0, 0, 1, 0, 0)


OPENAI = {
    # $2 in and $10 out for a million tokens, $0.20 for what is read and $2.50 for what is written.
    "with a cache": (usage(1_000, 100, read=2_000, service_tier="default"), (2_000_000, 400_000, 0, 1_000_000, 0)),
    "written": (
        Usage(input_total=1_400, input_uncached=1_000, cache_write=400, output_total=0),
        (2_000_000, 0, 1_000_000, 0, 0),
    ),
    # 272,000 are not yet more than 272,000; one token more, and all of it costs twice as much, the answer half as much
    # again.
    "the last short one": (usage(272_000, 100), (544_000_000, 0, 0, 1_000_000, 0)),
    "long": (usage(272_001, 100), (1_088_004_000, 0, 0, 1_500_000, 0)),
    "long by its cache": (usage(1, 100, read=272_000), (4_000, 108_800_000, 0, 1_500_000, 0)),
    "flex": (usage(1_000, 100, service_tier="flex"), (1_000_000, 0, 0, 500_000, 0)),
    "priority": (usage(1_000, 100, read=1_000, service_tier="priority"), (4_000_000, 400_000, 0, 2_000_000, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", OPENAI)
def test_worked_examples_of_openai(name: str) -> None:
    used, expected = OPENAI[name]
    assert said(cost(used, prices("gpt-6-sol", "openai"))) == expected


def test_a_batch_of_openai() -> None:
    own = prices("gpt-6-sol", "openai")
    assert said(cost(usage(1_000, 100, read=1_000), own, batch=True)) == (1_000_000, 100_000, 0, 500_000, 0)
    # Whether it was written for 30 minutes or for 12 hours, at twice the price, nobody tells.
    written = Usage(input_total=1_400, input_uncached=1_000, cache_write=400, output_total=0)
    assert cost(written, own, batch=True) is None


def test_embeddings_have_no_output_to_pay() -> None:
    used = Usage(input_total=1_000, input_uncached=1_000)
    assert said(cost(used, prices("text-embedding-3-small", "openai"))) == (20_000, 0, 0, 0, 0)
    assert said(cost(used, prices("gemini-embedding-2", "gemini"))) == (200_000, 0, 0, 0, 0)


def test_sound_has_another_price() -> None:
    used = usage(1_000, 100, provider_usage_json='{"promptTokensDetails":[{"modality":"AUDIO","tokenCount":9}]}')
    assert cost(used, prices("gemini-2.5-flash", "gemini")) is None


def test_writes_that_nobody_tells_apart() -> None:
    used = Usage(input_total=12, input_uncached=2, cache_write=10, output_total=0)
    own = prices("claude-haiku-4-5")
    assert cost(used, own) is None
    told = replace(own, tiers=(replace(own.tiers[0], cache_write={"": 7_000_000, "1h": 9_000_000}),))
    assert said(cost(used, told)) == (2_000, 0, 70, 0, 0)
    used.cache_write_by_ttl["1h"] = 4
    assert said(cost(used, told)) == (2_000, 0, 78, 0, 0)


@pytest.mark.parametrize("step", ["compaction", "advisor_message", "fallback_message"])
def test_steps_that_the_sums_do_not_have(step: str) -> None:
    used = usage(10, 10, provider_usage_json='{"iterations": [{"type": "message"}]}')
    assert cost(used, prices("claude-opus-5-5")) is not None
    used.provider_usage_json = f'{{"iterations": [{{"type": "message"}}, {{"type": "{step}"}}]}}'
    assert cost(used, prices("claude-opus-5-5")) is None


@pytest.mark.parametrize(
    "used",
    [
        Usage(),
        Usage(input_total=10),
        Usage(output_total=10),
        Usage(input_total=10, input_uncached=9, output_total=1),
        Usage(input_total=10, cache_read=11, output_total=1),
        Usage(input_total=10, cache_write=10, cache_write_by_ttl={"5m": 11}, output_total=1),
        Usage(input_total=10, output_total=-1),
    ],
)
def test_usage_that_is_not_whole_or_contradicts_itself(used: Usage) -> None:
    assert cost(used, prices("claude-haiku-4-5")) is None


def test_a_part_that_is_not_told_is_not_taken_for_none() -> None:
    assert cost(Usage(input_total=1_000, output_total=10), prices("claude-haiku-4-5")) is None
    assert cost(Usage(input_uncached=1_000, output_total=10), prices("claude-haiku-4-5")) is None


def test_embeddings_have_no_output_to_tell() -> None:
    own = Prices(tiers=(Tier(input=20_000_000, output=0),), as_of=date(2026, 1, 1))
    assert said(cost(Usage(input_total=1_000, input_uncached=1_000), own)) == (20_000, 0, 0, 0, 0)


COUNTS = st.integers(0, 2_000_000)
USAGES = st.builds(
    lambda uncached, output, read, short, long, searches, speed: usage(
        uncached,
        output,
        read=read,
        writes={"5m": short, "1h": long},
        speed=speed,
        server_tool_requests={"web_search_requests": searches},
    ),
    COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 100), st.sampled_from(["", "standard"]),
)  # fmt: skip
PRICED = [model.prices for model in catalog.models("anthropic") if model.prices]


@given(USAGES, st.sampled_from(PRICED))
def test_known_classes_have_a_cost_and_a_batch_is_never_dearer(used: Usage, own: Prices) -> None:
    plain, batch = said(cost(used, own)), said(cost(used, own, batch=True))
    assert plain is not None
    assert batch is not None
    assert all(0 <= less <= more for less, more in zip(batch, plain, strict=True))


@given(
    USAGES, st.sampled_from(PRICED), st.sampled_from(["uncached", "read", "5m", "1h", "output"]), st.integers(1, 1000)
)
def test_more_tokens_never_cost_less(used: Usage, own: Prices, kind: str, more: int) -> None:
    before = said(cost(used, own))
    after = Usage()
    after.CopyFrom(used)
    if kind == "output":
        after.output_total += more
    else:
        after.input_total += more
        if kind == "uncached":
            after.input_uncached += more
        elif kind == "read":
            after.cache_read += more
        else:
            after.cache_write += more
            after.cache_write_by_ttl[kind] += more
    grown = said(cost(after, own))
    assert before is not None
    assert grown is not None
    assert all(less <= now for less, now in zip(before, grown, strict=True))


@given(COUNTS, st.lists(st.tuples(st.sampled_from(["speed", "inference_geo", "service_tier"]), st.integers(1, 400))))
def test_modifiers_are_multiplied(tokens: int, asked: list[tuple[str, int]]) -> None:
    wanted = dict(asked)
    modifiers = tuple(
        Modifier(condition=condition, value="x", percent=percent)  # type: ignore[arg-type]
        for condition, percent in wanted.items()
    )
    own = Prices(tiers=(Tier(input=3_000_000, output=0),), modifiers=modifiers, as_of=date(2026, 1, 1))
    exact = tokens * 3
    scale = 1
    for percent in wanted.values():
        exact *= percent
        scale *= 100
    found = said(cost(usage(tokens, 0, **dict.fromkeys(wanted, "x")), own))
    assert found is not None
    assert found[0] == -(-exact // scale)
