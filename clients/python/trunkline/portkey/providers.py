"""The providers that a config needs in the gateway's configuration. Keys stay out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from trunkline.portkey.destinations import Leaf, key, named_model
from trunkline.portkey.names import KNOWN, known
from trunkline.portkey.reading import Place
from trunkline.v1.route_pb2 import Target

_HEADERS: Final = {
    "openai_organization": "OpenAI-Organization",
    "openai_project": "OpenAI-Project",
    "openai_beta": "OpenAI-Beta",
}
# What is a provider's own setting here, too: type, Portkey's name, ours.
_SETTINGS: Final = {
    ("bedrock", "aws_region"): ("region", "[a-z0-9-]+"),
    ("vertex_anthropic", "vertex_region"): ("region", "[a-z0-9-]+"),
    ("vertex_gemini", "vertex_region"): ("region", "[a-z0-9-]+"),
    ("vertex_anthropic", "vertex_project_id"): ("project", "[a-z0-9][a-z0-9:.-]*"),
    ("vertex_gemini", "vertex_project_id"): ("project", "[a-z0-9][a-z0-9:.-]*"),
    ("azure_openai", "azure_api_version"): ("version", r"[!-+\--~]+"),
}
_OWN_CREDENTIALS: Final = {
    "bedrock": "the gateway takes AWS's own credentials: the environment, ~/.aws, or the machine's role",
    "vertex_anthropic": "the gateway takes Google's own credentials, or a credentials_file of the provider's",
    "vertex_gemini": "the gateway takes Google's own credentials, or a credentials_file of the provider's",
    "azure_openai": "the gateway takes an api_key; Microsoft's own credentials have no counterpart yet",
}
_PLACEHOLDERS: Final = {
    "bedrock": {"region": "us-east-1"},
    "vertex_anthropic": {"region": "global", "project": "my-project"},
    "vertex_gemini": {"region": "global", "project": "my-project"},
    "azure_openai": {"base_url": "https://NAME.openai.azure.com/openai/v1"},
    "openai_compatible": {"base_url": "https://NAME.example.com/v1"},
}
_OF_FOUNDRY: Final = {
    "anthropic": {"base_url": "https://NAME.services.ai.azure.com/anthropic"},
    "azure_openai": {"base_url": "https://NAME.services.ai.azure.com/openai/v1"},
}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of the gateway's configuration."""

    name: str
    """Its name there."""
    settings: Mapping[str, Any]
    """What stands there, as YAML has it; the key is the name of an environment variable."""


class InConfiguration:
    """Targets of routes that stand in the gateway's configuration: one provider for each key and address."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, str | None], Provider] = {}
        self._variables: set[str] = set()

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Those that the targets so far need."""
        return tuple(self._made.values())

    def target(self, leaf: Leaf) -> Target:
        """Where calls of a target go; its provider is made, if no other target has the same."""
        target = Target(model=leaf.model)
        settings, secret = self._settings(leaf, target)
        same = (leaf.called, repr(settings), secret)
        if same not in self._made:
            name = self._free_name(leaf)
            self._made[same] = Provider(name, self._with_key(leaf, name, settings, secret))
        target.provider = self._made[same].name
        return target

    def _free_name(self, leaf: Leaf) -> str:
        name = re.sub(r"[^!-.0-~]", "-", leaf.called)[:100]
        if name != leaf.called:
            leaf.place.differs(f"the provider is called {name!r}: a name has no other characters")
        taken = {provider.name for provider in self._made.values()}
        number = 2
        free = name
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        return free

    def _settings(self, leaf: Leaf, target: Target) -> tuple[dict[str, Any], str | None]:
        """What the target says of its provider, as YAML has it, and the key apart from it."""
        made: dict[str, Any] = {"type": leaf.type or "openai_compatible"}
        if made["type"] in ("openai", "azure_openai"):
            # The API that Portkey asks: some parameters are not in the other one.
            made["api"] = "chat"
        found = known(leaf.name, leaf.called)
        if found and found.base_url:
            made["base_url"] = found.base_url
        secret = None
        for name, setting in leaf.settings.items():
            if name == "api_key":
                secret = key(setting)
            elif name in _HEADERS and leaf.type == "openai":
                made.setdefault("headers", {})[_HEADERS[name]] = _word(setting, "[!-~]+")
            elif name in ("azure_deployment_id", "azure_deployment_name"):
                named_model(setting, target)
            elif (leaf.type, name) in _SETTINGS:
                ours, pattern = _SETTINGS[leaf.type, name]
                made[ours] = _word(setting, pattern)
            elif name == "azure_resource_name":
                resource = _word(setting, "[A-Za-z0-9-]+")
                made["base_url"] = f"https://{resource}.openai.azure.com/openai/v1"
            elif name == "azure_foundry_url":
                made["base_url"] = _address(setting).removesuffix("/v1/messages")
            elif name == "custom_host":
                made["base_url"] = _custom_host(setting, made["type"], found.below if found else "")
            elif name.startswith(("aws_", "vertex_", "azure_")) and leaf.type in _OWN_CREDENTIALS:
                setting.to_do(f"is not copied: {_OWN_CREDENTIALS[leaf.type]}")
            else:
                setting.dropped(f"means nothing to a provider of the type {made['type']}")
        return self._complete(leaf, made), secret

    def _complete(self, leaf: Leaf, made: dict[str, Any]) -> dict[str, Any]:
        """Add what cannot be left out, for somebody to fill in."""
        found = known(leaf.name, leaf.called)
        if leaf.type and not {leaf.name, leaf.called} & KNOWN.keys():
            leaf.place.to_do(f"{leaf.name!r} is taken for a provider of the type {leaf.type}, by its name: see to it")
        if not leaf.type:
            leaf.place.to_do(f"what {leaf.name!r} is, is not known: its type and base_url are to be filled in")
        base = made.get("base_url", "")
        if made["type"] == "azure_openai" and "version" in made and base.endswith(".openai.azure.com/openai/v1"):
            made["base_url"] = base.removesuffix("/openai/v1")
        blanks = _OF_FOUNDRY if found and found.type == "azure_foundry" else _PLACEHOLDERS
        for name, value in blanks.get(made["type"], {}).items():
            if name not in made:
                made[name] = value
                if leaf.type:
                    leaf.place.to_do(f"the config does not say the {name} of {leaf.name!r}: {value} is a guess")
        return made

    def _with_key(self, leaf: Leaf, name: str, settings: dict[str, Any], secret: str | None) -> dict[str, Any]:
        if secret is None and (settings["type"] in _OWN_KEYS or _is_local(leaf)):
            return settings
        variable = base = re.sub(r"[^A-Za-z0-9]", "_", name).upper() + "_API_KEY"
        if base[0].isdigit():
            variable = base = f"KEY_{base}"
        number = 2
        while variable in self._variables:
            variable, number = f"{base}_{number}", number + 1
        self._variables.add(variable)
        where = leaf.settings["api_key"] if secret else leaf.place
        where.to_do(f"the key of {name} is not copied: put it into the environment variable {variable}")
        return settings | {"api_key": {"env": variable}}


_OWN_KEYS: Final = ("bedrock", "vertex_anthropic", "vertex_gemini")


def _is_local(leaf: Leaf) -> bool:
    found = known(leaf.name, leaf.called)
    return bool(found and found.local)


def _word(setting: Place, pattern: str) -> str:
    value = setting.text()
    if not re.fullmatch(pattern, value):
        setting.fail("has characters that it may not have")
    return value


def _address(setting: Place) -> str:
    """A URL, which is not repeated in errors: it may hold a password."""
    url = setting.text().rstrip("/")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        setting.fail("is not a URL")
    if not fine or "@" in parts.netloc or not re.fullmatch(r"[!-~]+", url) or "?" in url or "#" in url:
        setting.fail("is not an http or https URL without password, query and fragment")
    return url


def _custom_host(setting: Place, type_: str, below: str) -> str:
    """The base URL that the gateway wants where Portkey has a custom host."""
    url = _address(setting)
    if type_ == "anthropic":
        return url.removesuffix("/v1")
    return url if url.endswith(below) else url + below
