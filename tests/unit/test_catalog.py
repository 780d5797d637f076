"""The catalogue: what it knows, how it finds it, and that its data are sound."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from trunkline_service import catalog
from trunkline_service.catalog import Modifier, Tier, find, load, models, prices, provider_type_of
from trunkline_service.catalog.describe import describe

CLAUDE = models("anthropic")
ALL = [model for kind in ("anthropic", "openai", "gemini", "bedrock", "vertex_anthropic") for model in models(kind)]


def test_a_model() -> None:
    facts = find("anthropic", "claude-sonnet-4-5")
    assert facts is not None
    assert (facts.provider_type, facts.id) == ("anthropic", "claude-sonnet-4-5")
    assert facts.aliases == ("claude-sonnet-4-5-20250929",)
    assert (facts.context_window, facts.max_output_tokens) == (200_000, 64_000)
    assert facts.takes_sampling is True
    assert (facts.lifecycle, facts.retires_at) == ("deprecated", date(2026, 11, 30))
    assert facts.prices is not None
    assert facts.prices.tiers == (
        Tier(
            input=3_000_000_000,
            output=15_000_000_000,
            cache_read=300_000_000,
            cache_write={"5m": 3_750_000_000, "1h": 6_000_000_000},
        ),
    )
    assert Modifier(condition="batch", percent=50) in facts.prices.modifiers
    assert facts.prices.server_tools == {"web_search_requests": 10_000_000}
    assert facts.prices.as_of == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-haiku-4-5-20260101", "claude-haiku-4-5"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("claude-opus-4-9", None),
        ("claude-haiku-4-5-2025100", None),
        ("claude-haiku-4-5-preview", None),
        ("claude-haiku-4-5-latest\n", None),
        ("Claude-Haiku-4-5", None),
        ("claude", None),
        ("", None),
    ],
)
def test_ids_aliases_dates_and_latest(name: str, found: str | None) -> None:
    facts = find("anthropic", name)
    assert (facts.id if facts else None) == found
    assert provider_type_of(name) == ("anthropic" if found else None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gpt-6-sol", "openai"),
        ("gpt-5-2025-08-07", "openai"),
        ("text-embedding-3-small", "openai"),
        ("gemini-3.8-flash", "gemini"),
        ("claude-opus-5-5", "anthropic"),
        ("anthropic.claude-opus-5-5", None),
    ],
)
def test_whose_model_a_bare_name_is(name: str, kind: str | None) -> None:
    assert provider_type_of(name) == kind


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("bedrock", "anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"),
        ("bedrock", "us.anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"),
        ("bedrock", "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5"),
        ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku"),
        ("bedrock", "claude-opus-5-5", None),
        ("bedrock", "mars.anthropic.claude-opus-5-5", None),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-5",
            "anthropic.claude-opus-5-5",
        ),
        ("bedrock", "arn:aws-cn:bedrock:x::foundation-model/anthropic.claude-3-haiku-v1:0", "anthropic.claude-3-haiku"),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", None),
        ("vertex_anthropic", "claude-opus-5-5", "claude-opus-5-5"),
        ("vertex_anthropic", "claude-opus-5-5@default", "claude-opus-5-5"),
        ("vertex_anthropic", "claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("vertex_anthropic", "claude-haiku-4-5@yesterday", None),
        ("vertex_gemini", "gemini-3.8-flash", "gemini-3.8-flash"),
        ("openai", "claude-haiku-4-5", None),
        ("openai_compatible", "gpt-6-sol", None),
        # A deployment is taken for the model that it is named like.
        ("azure_openai", "gpt-4o", "gpt-4o"),
        ("azure_openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("azure_openai", "my-deployment", None),
    ],
)
def test_names_on_other_platforms(kind: str, name: str, found: str | None) -> None:
    facts = find(kind, name)
    assert (facts.id if facts else None) == found
    assert facts is None or facts.provider_type == kind


def test_another_platform_has_prices_and_retirements_of_its_own() -> None:
    here, there = find("anthropic", "claude-3-haiku"), find("bedrock", "anthropic.claude-3-haiku-20240307-v1:0")
    assert here is not None
    assert there is not None
    assert (here.lifecycle, there.lifecycle) == ("retired", None)
    assert here.max_output_tokens == there.max_output_tokens
    assert not [model for model in models("vertex_anthropic") if model.prices]
    assert {"web_search", "batch"} <= set(find("bedrock", "anthropic.claude-opus-5-5").missing)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("global.anthropic.claude-opus-5-5", 100),
        ("us.anthropic.claude-opus-5-5", 110),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", 110),
        ("apac.anthropic.claude-haiku-5-5", 110),
        ("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-5-5", 110),
        # Depends on the region.
        ("anthropic.claude-opus-5-5", None),
        # Not known: another country, and the longer prompts of one model.
        ("us-gov.anthropic.claude-opus-5-5", None),
        ("us.anthropic.claude-sonnet-4-5", None),
        ("us.anthropic.claude-3-haiku-20240307-v1:0", None),
    ],
)
def test_what_bedrock_takes_is_by_geography(name: str, percent: int | None) -> None:
    facts = find("bedrock", name)
    assert facts is not None
    if percent is None:
        assert facts.prices is None
        return
    at_home = find("anthropic", facts.id.removeprefix("anthropic."))
    assert at_home is not None
    assert at_home.prices is not None
    assert facts.prices is not None
    for here, there in zip(facts.prices.tiers, at_home.prices.tiers, strict=True):
        assert here.above == there.above
        for mine, theirs in (
            (here.input, there.input),
            (here.output, there.output),
            (here.cache_read, there.cache_read),
            *((here.cache_write[ttl], price) for ttl, price in there.cache_write.items()),
        ):
            assert (mine or 0) * 100 == (theirs or 0) * percent
    # No fast mode, no batches: what they would cost is not told.
    assert {each.percent for each in facts.prices.modifiers} == {100}
    assert not facts.prices.server_tools


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("percents: {a: 100}, models: [n]", "n has no prices of which there could be percents"),
        ("percents: {a: 100}, models: [q]", "q has no prices of which there could be percents"),
        ("percents: {a: 101}, models: [m]", "101 % of 1 nano-dollars are not a whole number of them"),
        ("percents: {a: 100}, models: [m], modifiers: [{percent: 5}]", "a modifier has exactly one condition"),
    ],
)
def test_a_mistake_in_prices_by_place_is_named(tmp_path: Path, told: str, problem: str) -> None:
    (tmp_path / "one.yaml").write_text(
        "prices: {as_of: 2026-01-01}\nmodels: {m: {tiers: [{input: 0.000000001}]}, n: {}}\n"
    )
    (tmp_path / "two.yaml").write_text(
        "models_of: one\nnames: (?:(?P<place>a)[.])?(?P<model>.)\nwrite: '{model}'\n"
        f"prices_by_place: {{as_of: 2026-01-01, {told}}}\n"
    )
    with pytest.raises(catalog.CatalogError) as raised:
        load.read(tmp_path)
    assert str(raised.value) == f"two.yaml: prices_by_place: {problem}"


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("claude-opus-5-5", 128_000),
        ("claude-sonnet-4-6", 128_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-3-opus-20240229", 4096),
        ("claude-3-5-haiku-20241022", 8192),
        ("claude-3-7-sonnet-20250219", 64_000),
        ("claude-sonnet-4-20250514", 64_000),
        ("claude-opus-4-1", 32_000),
        # Not published.
        ("claude-fable-5-2", None),
    ],
)
def test_the_most_a_model_writes(name: str, tokens: int | None) -> None:
    facts = find("anthropic", name)
    assert facts is not None
    assert facts.max_output_tokens == tokens


@pytest.mark.parametrize(
    ("kind", "model", "can", "cannot"),
    [
        ("openai", "gpt-6.2-sol", {"chat", "tools", "image_input", "reasoning", "structured_output"}, {"embeddings"}),
        ("openai", "o3", {"tools", "image_input", "reasoning", "structured_output"}, {"embeddings"}),
        ("openai", "gpt-4o", {"tools", "image_input", "structured_output", "sampling"}, {"reasoning"}),
        ("openai", "text-embedding-3-small", {"embeddings"}, {"chat"}),
        ("gemini", "gemini-3.8-flash", {"tools", "image_input", "reasoning", "structured_output", "sampling"}, set()),
        ("vertex_gemini", "gemini-2.5-pro", {"tools", "reasoning", "structured_output"}, {"embeddings"}),
        ("anthropic", "claude-haiku-5-5", {"structured_output", "reasoning", "citations"}, {"sampling"}),
        ("anthropic", "claude-haiku-4-5", {"structured_output", "sampling"}, {"audio_input"}),
        ("bedrock", "anthropic.claude-opus-5-5", {"structured_output", "tools"}, {"batch", "web_search"}),
    ],
)
def test_what_models_can_do(kind: str, model: str, can: set[str], cannot: set[str]) -> None:
    facts = find(kind, model)
    assert facts is not None
    assert can <= set(facts.capabilities)
    assert cannot <= set(facts.missing)


@pytest.mark.parametrize("model", ["gpt-6.2-astra", "gpt-6.1-terra", "gpt-6-luna", "gpt-5.6-terra"])
def test_the_windows_of_openai(model: str) -> None:
    facts = find("openai", model)
    assert facts is not None
    # 922,000 for the prompt.
    assert (facts.context_window, facts.max_output_tokens) == (922_000 + 128_000, 128_000)


def test_a_price_that_has_a_day() -> None:
    facts = find("gemini", "gemini-4-argon")
    assert facts is not None
    before, after = facts.prices_on(date(2026, 11, 30)), facts.prices_on(date(2026, 12, 1))
    assert before is not None
    assert after is not None
    assert (before.tiers[0].input, after.tiers[0].input) == (2_000_000_000, 4_000_000_000)
    assert after.modifiers == before.modifiers
    described = [
        describe("g", "gemini", None, facts, datetime(2026, month, day, tzinfo=UTC)).prices.tiers[0].input_nano_usd
        for month, day in ((11, 30), (12, 1))
    ]
    assert described == [2_000_000_000, 4_000_000_000]


def test_the_first_gpt_4o_has_its_own_price() -> None:
    first, others = prices("openai", "gpt-4o-2024-05-13"), prices("openai", "gpt-4o-2024-11-20")
    assert first is not None
    assert others is not None
    assert (first.tiers[0].input, others.tiers[0].input) == (5_000_000_000, 2_500_000_000)


def test_models_from_4_7_on_take_no_sampling_parameters() -> None:
    takers = {model.id for model in CLAUDE if model.takes_sampling}
    assert takers == {
        model.id for model in CLAUDE if "-3-" in model.id or model.id.endswith(("-4", "-4-1", "-4-5", "-4-6"))
    }
    assert all(model.takes_sampling is not None for model in CLAUDE)


def test_retired_models_are_known() -> None:
    retired = {model.id for model in CLAUDE if model.lifecycle == "retired"}
    assert retired == {model.id for model in CLAUDE if "-3-" in model.id or model.id.endswith(("-4", "-4-1"))}
    assert not [model for model in CLAUDE if model.lifecycle == "retired" and model.prices]


def test_which_models_take_the_newest_version_at_bedrock() -> None:
    takers = {model.id.removeprefix("anthropic.") for model in models("bedrock") if model.takes_newest_version}
    # The same as those that have no sampling parameters any more: from 4.7 on.
    assert takers == {model.id for model in CLAUDE if not model.takes_sampling}
    assert all(model.takes_newest_version is None for model in CLAUDE)


def test_deployments_are_not_listed() -> None:
    assert not models("azure_openai")
    assert find("azure_openai", "gpt-4o").tokenizer == "o200k_base"  # type: ignore[union-attr]


def test_only_openai_has_tokenizers() -> None:
    assert {model.provider_type for model in ALL if model.tokenizer} == {"openai"}


@pytest.mark.parametrize("model", ALL, ids=lambda model: f"{model.provider_type}/{model.id}")
def test_the_data_are_sound(model: catalog.ModelFacts) -> None:
    assert find(model.provider_type, model.id) == model
    for tokens in (model.context_window, model.max_output_tokens):
        assert tokens is None or 1000 < tokens <= 1_050_000
    for each in filter(None, (model.prices, *model.later_prices)):
        for below, above in zip(each.tiers, each.tiers[1:], strict=False):
            # A cost must not sink because the prompt grew.
            assert (below.input or 0, below.output or 0) <= (above.input or 0, above.output or 0)
            assert below.cache_write.keys() == above.cache_write.keys()


MISTAKES = {
    "m: {widow: 1}": "one.yaml: m: Object contains unknown field `widow`",
    "m: {context_window: many}": "one.yaml: m: Expected `int | null`, got `str` - at `$.context_window`",
    "m: {context_window: -1}": "one.yaml: m: Expected `int` >= 1 - at `$.context_window`",
    "m: {capabilities: [swim]}": "one.yaml: m: there is no capability 'swim'",
    "m: {capabilities: [chat], missing: [chat]}": "one.yaml: m: chat is both there and missing",
    "m: {lifecycle: gone}": "one.yaml: m: Invalid enum value 'gone' - at `$.lifecycle`",
    "m: {context_window: 5, max_output_tokens: 6}": "one.yaml: m: max_output_tokens is larger than context_window",
    "m: {aliases: [n]}\n  n: {}": "one.yaml: n: the name n is taken",
    "m: {tiers: [{above: 5, input: 1}]}": "one.yaml: m: tiers do not rise from 0",
    "m: {tiers: [{input: 1}, {input: 2}]}": "one.yaml: m: tiers do not rise from 0",
    "m: {tiers: [{input: 1}], later: [{since: 2027-01-01, tiers: [{above: 5, input: 1}]}]}": (
        "one.yaml: m: tiers do not rise from 0"
    ),
    "m: {tiers: [{input: 1}], later: [&l {since: 2027-01-01, tiers: [{input: 1}]}, *l]}": (
        "one.yaml: m: later prices do not follow each other"
    ),
    "m: {tiers: [{input: 0.1234567891}]}": ("one.yaml: m: 0.1234567891 dollars are not a whole number of nano-dollars"),
    "m: {tiers: [{input: 1}], modifiers: [{percent: 10}]}": "one.yaml: m: a modifier has exactly one condition",
    "m: {tiers: [{input: 1}], modifiers: [{speed: a, percent: 1}, {speed: a, percent: 2}]}": (
        "one.yaml: m: two modifiers have the same condition"
    ),
}


@pytest.mark.parametrize("models", MISTAKES)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, models: str) -> None:
    (tmp_path / "one.yaml").write_text(f"prices: {{as_of: 2026-01-01}}\nmodels:\n  {models}\n")
    with pytest.raises(catalog.CatalogError) as raised:
        load.read(tmp_path)
    assert str(raised.value) == MISTAKES[models]


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("models: {m: {x: 1}, n: {y: 1}}")
    (tmp_path / "b.yaml").write_text("models: {m: {}, m: {}}")
    (tmp_path / "c.yaml").write_text("models_of: nobody")
    (tmp_path / "d.yaml").write_text("models: {m: {tiers: [{input: 1}]}}")
    (tmp_path / "e.yaml").write_text(
        "{models_of: d, names: 'x(?P<model>.+)', write: 'y{model}', missing: [swim], newest_version: [x]}"
    )
    (tmp_path / "notes.txt").write_text("no data")
    with pytest.raises(catalog.CatalogError) as raised:
        load.read(tmp_path)
    said = str(raised.value)
    for part in (
        "field `x`",
        "field `y`",
        "m is there twice",
        "there is no nobody.yaml",
        "of which day",
        "'swim'",
        "no model 'x'",
    ):
        assert part in said, said
