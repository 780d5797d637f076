"""What `trunkline import-portkey` prints: a configuration that holds, without a key, as a person would write it."""

from __future__ import annotations

from trunkline import portkey
from trunkline_service.cli.portkey import as_yaml


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
