"""Settings of providers: what would lead astray, or fail at the first call, is told with its line."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from trunkline_service.cli import service
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


FILES = {"[]": "is not a JSON object", "": "is empty", '{"type": "service_account"}': "needs 'client_email'"}


@pytest.mark.parametrize(("text", "wrong"), FILES.items())
def test_a_credentials_file_is_looked_into(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "a.json").write_text(text)
    said = problem(f"{VERTEX}, region: us, project: p, credentials_file: a.json", str(tmp_path / "t.yaml"))
    assert "t.yaml:2: providers.a.credentials_file: " in said
    assert wrong in said


def test_a_profile_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    provider = f"{BEDROCK}, region: us-east-1, profile: other"
    assert "t.yaml:2: providers.a.profile: AWS's files have no profile 'other'" in problem(provider)
    (tmp_path / "credentials").write_text("[other]\n")
    assert parse(f"providers: {{a: {{{provider}}}}}", "t.yaml").providers["a"].profile == "other"


def test_azure_needs_a_path_or_a_version() -> None:
    bare = 'type: azure_openai, api_key: {env: KEY}, base_url: "https://n.openai.azure.com'
    said = problem(f'{bare}/"')
    assert "t.yaml:2: providers.a.base_url: needs /openai/v1" in said
    assert "'version'" in said
    for whole in (f'{bare}/openai/v1"', f'{bare}", version: 2024-10-21'):
        parse(f"providers: {{a: {{{whole}}}}}", "t.yaml")


def test_a_proxy_that_is_none() -> None:
    assert "only HTTP proxies" in problem('type: openai, proxy: "socks5://x:1"')
    assert "http://proxy.example.com:3128" in problem('type: openai, proxy: "x"')
    assert "password" in problem('type: openai, proxy: "http://u:p@x:1"')


def test_who_brings_the_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        "providers:\n  a: {type: openai}\n  b: {type: openai, api_key: {env: KEY}}\n"
        '  c: {type: openai_compatible, base_url: "http://c"}\n'
    )
    assert service.check(Namespace(file=str(file), live=False)) == 0
    assert "; a: callers bring their own keys\n" in capsys.readouterr().out
