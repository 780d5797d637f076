"""The providers that a config needs in the gateway's configuration, and what is left to do by hand."""

from __future__ import annotations

from typing import Any

import pytest

from portkey.converting import noted, strategy, target
from trunkline import portkey
from trunkline.portkey import Conversion, NoteKind
from trunkline.portkey.names import KNOWN
from trunkline_service.config.kinds import KINDS


def provider(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of the only provider."""
    (found,) = portkey.configuration(config).providers
    return dict(found.settings)


def names(done: Conversion) -> list[str]:
    return [each.name for each in done.providers]


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ({"provider": "anthropic", "api_key": "k"}, {"type": "anthropic", "api_key": {"env": "ANTHROPIC_API_KEY"}}),
        (
            {"provider": "anthropic", "api_key": "k", "custom_host": "https://llm.example.com/claude/v1"},
            {
                "type": "anthropic",
                "base_url": "https://llm.example.com/claude",
                "api_key": {"env": "ANTHROPIC_API_KEY"},
            },
        ),
        (
            {"provider": "openai", "api_key": "k", "openai_organization": "o", "openai_project": "p"},
            {
                "type": "openai",
                "api": "chat",
                "headers": {"OpenAI-Organization": "o", "OpenAI-Project": "p"},
                "api_key": {"env": "OPENAI_API_KEY"},
            },
        ),
        (
            {"provider": "openai", "api_key": "k", "custom_host": "http://127.0.0.1:8000/v1/"},
            {
                "type": "openai",
                "api": "chat",
                "base_url": "http://127.0.0.1:8000/v1",
                "api_key": {"env": "OPENAI_API_KEY"},
            },
        ),
        (
            {"provider": "azure-openai", "api_key": "k", "azure_resource_name": "mine", "azure_deployment_id": "d"},
            {
                "type": "azure_openai",
                "api": "chat",
                "base_url": "https://mine.openai.azure.com/openai/v1",
                "api_key": {"env": "AZURE_OPENAI_API_KEY"},
            },
        ),
        (
            {
                "provider": "azure-openai",
                "api_key": "k",
                "azure_resource_name": "mine",
                "azure_api_version": "2024-10-21",
            },
            {
                "type": "azure_openai",
                "api": "chat",
                "base_url": "https://mine.openai.azure.com",
                "version": "2024-10-21",
                "api_key": {"env": "AZURE_OPENAI_API_KEY"},
            },
        ),
        (
            {
                "provider": "azure-ai",
                "api_key": "k",
                "azure_foundry_url": "https://mine.services.ai.azure.com/anthropic/v1/messages",
                "override_params": {"model": "claude-sonnet-5"},
            },
            {
                "type": "anthropic",
                "base_url": "https://mine.services.ai.azure.com/anthropic",
                "api_key": {"env": "AZURE_AI_API_KEY"},
            },
        ),
        (
            {"provider": "bedrock", "aws_region": "eu-west-1", "aws_secret_access_key": "SECRET"},
            {"type": "bedrock", "region": "eu-west-1"},
        ),
        (
            {
                "provider": "vertex-ai",
                "vertex_project_id": "p-1",
                "vertex_region": "europe-west1",
                "override_params": {"model": "anthropic.claude-sonnet-5"},
            },
            {"type": "vertex_anthropic", "project": "p-1", "region": "europe-west1"},
        ),
        (
            {"provider": "vertex-ai", "vertex_project_id": "p-1", "vertex_region": "us-central1"},
            {"type": "vertex_gemini", "project": "p-1", "region": "us-central1"},
        ),
        ({"provider": "google", "api_key": "k"}, {"type": "gemini", "api_key": {"env": "GOOGLE_API_KEY"}}),
        (
            {"provider": "groq", "api_key": "k"},
            {
                "type": "openai_compatible",
                "base_url": "https://api.groq.com/openai/v1",
                "api_key": {"env": "GROQ_API_KEY"},
            },
        ),
        (
            {"provider": "ollama", "custom_host": "http://gpu:11434"},
            {"type": "openai_compatible", "base_url": "http://gpu:11434/v1"},
        ),
        (
            {"provider": "together-ai"},
            {
                "type": "openai_compatible",
                "base_url": "https://api.together.xyz/v1",
                "api_key": {"env": "TOGETHER_AI_API_KEY"},
            },
        ),
    ],
)
def test_settings(config: dict[str, Any], settings: dict[str, Any]) -> None:
    assert provider(config) == settings


def test_one_provider_for_each_key_and_address() -> None:
    config = strategy(
        "loadbalance",
        target(api_key="one"),
        target(api_key="two"),
        target(api_key="one", model="claude-haiku-4-5"),
        target(api_key="one", custom_host="https://eu.example.com/v1"),
    )
    done = portkey.configuration(config)
    assert names(done) == ["anthropic", "anthropic-2", "anthropic-3"]
    variables = [each.settings["api_key"]["env"] for each in done.providers]
    assert variables == ["ANTHROPIC_API_KEY", "ANTHROPIC_2_API_KEY", "ANTHROPIC_3_API_KEY"]
    routes = done.route.load_balance.routes
    assert [share.route.target.provider for share in routes] == ["anthropic", "anthropic-2", "anthropic", "anthropic-3"]


def test_a_custom_host_goes_down() -> None:
    config = strategy("fallback", target("openai"), target("openai", custom_host="https://b.example.com/v1"))
    done = portkey.configuration(config | {"custom_host": "https://a.example.com/v1"})
    assert [each.settings["base_url"] for each in done.providers] == [
        "https://a.example.com/v1",
        "https://b.example.com/v1",
    ]


def test_names() -> None:
    config = strategy("fallback", target(api_key="k"), {"virtual_key": "my key/1"})
    done = portkey.configuration(config, providers={"anthropic": "claude-eu"})
    assert names(done) == ["claude-eu", "my-key-1"]
    assert done.providers[0].settings["api_key"] == {"env": "CLAUDE_EU_API_KEY"}
    assert "config.targets[1]" in noted(done, NoteKind.DIFFERS)


def test_what_a_virtual_key_is_called_says_what_it_is() -> None:
    config = strategy("fallback", {"virtual_key": "vk-1"}, {"virtual_key": "vk-2"}, {"virtual_key": "vk-3"})
    done = portkey.configuration(config, providers={"vk-1": "openai", "vk-2": "openai", "vk-3": "groq-eu"})
    assert [(each.name, each.settings["type"]) for each in done.providers] == [
        ("openai", "openai"),
        ("groq-eu", "openai_compatible"),
    ]
    assert done.providers[1].settings["base_url"] == "https://api.groq.com/openai/v1"


def test_variables_of_names_that_are_nearly_the_same() -> None:
    done = portkey.configuration(strategy("fallback", {"virtual_key": "openai-a.b"}, {"virtual_key": "openai-a-b"}))
    variables = [each.settings["api_key"]["env"] for each in done.providers]
    assert variables == ["OPENAI_A_B_API_KEY", "OPENAI_A_B_API_KEY_2"]


def test_what_is_to_be_filled_in_is_named() -> None:
    config = strategy(
        "fallback",
        {"virtual_key": "anthropic-prod"},
        {"virtual_key": "whatever"},
        {"provider": "bedrock", "aws_secret_access_key": "SECRET"},
        {"provider": "azure-openai"},
    )
    done = portkey.configuration(config)
    said = [f"{note.path}: {note.text}" for note in done.notes if note.kind == NoteKind.TO_DO]
    for path, text in [
        ("config.targets[0]", "by its name"),
        ("config.targets[0]", "ANTHROPIC_PROD_API_KEY"),
        ("config.targets[1]", "its type and base_url are to be filled in"),
        ("config.targets[2].aws_secret_access_key", "AWS's own credentials"),
        ("config.targets[2]", "region"),
        ("config.targets[3]", "https://NAME.openai.azure.com/openai/v1 is a guess"),
    ]:
        assert any(each.startswith(f"{path}: ") and text in each for each in said), (path, text, said)
    assert "SECRET" not in str(done)


def test_what_means_nothing_to_a_provider_is_named() -> None:
    done = portkey.configuration(target("anthropic", api_key="k", aws_region="eu-west-1", openai_project="p"))
    assert noted(done, NoteKind.DROPPED) == ["config.openai_project", "config.aws_region"]


def test_what_is_the_providers_own_is_named_where_a_route_goes_with_a_request() -> None:
    done = portkey.convert(target("openai", api_key="k", custom_host="https://a.example.com", openai_project="p"))
    assert done.route.target.api_key == "k"
    assert sorted(noted(done, NoteKind.DROPPED)) == ["config.custom_host", "config.openai_project"]


@pytest.mark.parametrize(
    "host",
    [
        "ftp://a",
        "https://u:SECRET@a",
        "https://a?b",
        "https://a#b",
        "a.b",
        "https://",
        "https://a:x",
        "http://[",
        "https://a b",
    ],
)
def test_custom_hosts_that_are_none(host: str) -> None:
    with pytest.raises(portkey.PortkeyError) as caught:
        portkey.configuration(target("openai", custom_host=host))
    assert caught.value.path == "config.custom_host"
    assert "SECRET" not in str(caught.value)


def test_every_type_is_one_of_the_gateways() -> None:
    assert {known.type for known in KNOWN.values()} - {"azure_foundry"} <= KINDS.keys()
    compatible = [name for name, known in KNOWN.items() if known.type == "openai_compatible"]
    assert all(KNOWN[name].base_url for name in compatible)
