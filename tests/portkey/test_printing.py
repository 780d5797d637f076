"""What `trunkline import-portkey` prints: a configuration that holds, without a key, as a person would write it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from portkey.strategies import configs
from trunkline import portkey
from trunkline_service import config as service_config
from trunkline_service.cli.portkey import as_yaml
from wire.bounded import bounded


def test_yaml_is_what_a_person_would_write() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"provider": "anthropic", "api_key": "sk-ant-1", "override_params": {"model": "claude-sonnet-5"}},
            {"provider": "openai", "api_key": "sk-1", "override_params": {"model": "gpt-4o", "max_tokens": 9}},
        ],
    }
    text = as_yaml(portkey.configuration(config), "support")
    assert (
        text
        == """\
providers:
  anthropic:
    type: anthropic
    api_key: {env: ANTHROPIC_API_KEY}
  openai:
    type: openai
    api: chat
    api_key: {env: OPENAI_API_KEY}
routes:
  support:
    fallback:
      routes:
      - target: {provider: anthropic, model: claude-sonnet-5}
      - target: {provider: openai, model: gpt-4o}
        overrides:
          generation: {max_output_tokens: 9}
"""
    )


@settings(bounded(50), suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(configs())
def test_what_is_printed_is_a_configuration_with_the_same_route_and_no_key(config: Any) -> None:
    try:
        done = portkey.configuration(config)
    except portkey.PortkeyError:
        assume(False)
    text = as_yaml(done, "portkey")
    assert "SECRET" not in text
    with pytest.MonkeyPatch.context() as patch:
        for provider in done.providers:
            if "api_key" in provider.settings:
                patch.setenv(provider.settings["api_key"]["env"], "sk-test")
        settings = service_config.parse(text, "gateway.yaml")
    assert settings.routes["portkey"] == done.route
    assert set(settings.providers) == {provider.name for provider in done.providers}
