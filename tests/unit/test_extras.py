"""What is installed only for some providers: said clearly where it is missing, and never loaded for the others."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from trunkline_service.app import Gateway
from trunkline_service.config import ConfigError, ProviderSettings, Settings, parse
from trunkline_service.errors import StartupError

BEDROCK = "providers:\n  cloud: {type: bedrock, region: us-east-1%s}\n"
VERTEX = "providers:\n  cloud: {type: vertex_anthropic, region: us, project: p%s}\n"
GEMINI = "providers:\n  cloud: {type: vertex_gemini, region: us, project: p%s}\n"
MISSING = [
    (BEDROCK, "botocore", "trunkline[service,aws]"),
    (VERTEX, "google.auth", "trunkline[service,google]"),
    (GEMINI, "google.auth", "trunkline[service,google]"),
]


@pytest.mark.parametrize(("text", "module", "extra"), MISSING)
def test_the_settings_say_what_is_missing(text: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cloud" in parse(text % "", "f.yaml").providers
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as caught:
        parse(text % "", "f.yaml")
    [problem] = caught.value.problems
    assert (problem.path, problem.line) == ("providers.cloud", 2)
    assert extra in problem.message
    # A key needs nothing of the kind.
    monkeypatch.setenv("KEY_OF_THE_TEST", "k" * 20)
    assert "cloud" in parse(text % ", api_key: {env: KEY_OF_THE_TEST}", "f.yaml").providers


@pytest.mark.parametrize(
    ("module", "of_ours", "fields", "extra"),
    [
        ("botocore", "aws", {"type": "bedrock", "api": "invoke"}, "aws"),
        ("google.auth", "google", {"type": "vertex_anthropic", "project": "p"}, "google"),
    ],
)
async def test_the_service_does_not_start_without_it(
    module: str, of_ours: str, fields: dict[str, Any], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith(module)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"trunkline_service.upstream.{of_ours}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    cloud = ProviderSettings(name="cloud", base_url="http://127.0.0.1:1", region="us", **fields)
    with pytest.raises(StartupError, match=rf"'cloud' needs an api_key, or: pip install .*{extra}\]"):
        async with Gateway(Settings(listen="127.0.0.1:0", providers={"cloud": cloud})):
            pass


def test_the_service_loads_none_of_it_by_itself() -> None:
    code = (
        "import sys, trunkline_service.app\n"
        "print(sorted({'botocore', 'google.auth', 'requests', 'urllib3'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
