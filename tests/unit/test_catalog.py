"""The catalogue: what it knows, how it finds it, and that its data are sound."""

from datetime import date
from importlib.resources import files

import pytest
import yaml

from trunkline_service import catalog
from trunkline_service.catalog import ModelFacts, find, provider_type_of

RAW = yaml.safe_load((files(catalog) / "anthropic.yaml").read_text("utf-8"))


def test_a_model() -> None:
    assert find("anthropic", "claude-sonnet-4-5") == ModelFacts(
        provider_type="anthropic",
        id="claude-sonnet-4-5",
        aliases=("claude-sonnet-4-5-20250929",),
        context_window=200_000,
        max_output_tokens=64_000,
        takes_sampling=True,
        retires_at=date(2026, 11, 30),
    )


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


def test_a_type_of_provider_that_it_does_not_know() -> None:
    assert find("openai", "claude-haiku-4-5") is None


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


def test_models_from_4_7_on_take_no_sampling_parameters() -> None:
    takers = {name for name in RAW if (facts := find("anthropic", name)) and facts.takes_sampling}
    assert takers == {name for name in RAW if "-3-" in name or name.endswith(("-4", "-4-1", "-4-5", "-4-6"))}


def test_retired_models_are_known() -> None:
    retired = {name for name in RAW if (facts := find("anthropic", name)) and facts.retired}
    assert retired == {name for name in RAW if "-3-" in name or name.endswith(("-4", "-4-1"))}


@pytest.mark.parametrize("name", RAW)
def test_the_data_are_sound(name: str) -> None:
    facts = find("anthropic", name)
    assert facts is not None
    assert facts.id == name
    assert all(alias.startswith(f"{name}-") for alias in facts.aliases)
    assert isinstance(facts.takes_sampling, bool)
    for tokens in (facts.context_window, facts.max_output_tokens):
        assert tokens is None or 1000 < tokens <= 1_000_000
