"""Settings of providers: what would lead astray, or fail at the first call, is told with its line."""

from __future__ import annotations

import pytest

from trunkline_service.config import ConfigError, parse

BEDROCK = "type: bedrock, api_key: {env: KEY}"
VERTEX = "type: vertex_gemini, api_key: {env: KEY}"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "k")


def problem(provider: str, name: str = "t.yaml") -> str:
    """What is said of a file with this one provider."""
    with pytest.raises(ConfigError) as caught:
        parse(f"providers:\n  a: {{{provider}}}\n", name)
    return str(caught.value)


@pytest.mark.parametrize(
    "region", ["evil.com#", "evil.com/", "us-east-1.evil.com", "US", "a b", "é", "", "a\\n", "{x}"]
)
def test_a_region_is_part_of_a_host(region: str) -> None:
    for kind in (BEDROCK, f"{VERTEX}, project: p"):
        assert "t.yaml:2: providers.a.region: '" in problem(f'{kind}, region: "{region}"')


@pytest.mark.parametrize("project", ["a/../b?", "..", "-a", "a#", "A", "", "a b", "a\\n"])
def test_a_project_is_part_of_a_path(project: str) -> None:
    assert "t.yaml:2: providers.a.project: '" in problem(f'{VERTEX}, region: us, project: "{project}"')


@pytest.mark.parametrize("project", ["my-project", "example.com:my-project", "123456789012"])
def test_projects_that_there_may_be(project: str) -> None:
    settings = parse(f'providers: {{a: {{{VERTEX}, region: us, project: "{project}"}}}}', "t.yaml")
    assert settings.providers["a"].project == project
