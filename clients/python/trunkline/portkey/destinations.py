"""Where targets go: to a provider of the gateway's configuration. Here, for routes that go with requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from trunkline.portkey.reading import Place
from trunkline.v1.route_pb2 import Target

OF_PROVIDERS: Final = (
    "api_key",
    "custom_host",
    "openai_organization",
    "openai_project",
    "openai_beta",
    "azure_resource_name",
    "azure_deployment_id",
    "azure_deployment_name",
    "azure_api_version",
    "azure_foundry_url",
    "azure_auth_mode",
    "azure_ad_token",
    "azure_entra_client_id",
    "azure_entra_client_secret",
    "azure_entra_tenant_id",
    "azure_managed_client_id",
    "azure_model_name",
    "aws_region",
    "aws_auth_type",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_role_arn",
    "aws_external_id",
    "vertex_project_id",
    "vertex_region",
    "vertex_service_account_json",
)
"""The members of a target that say how to reach its provider."""

_NAMES_MODEL: Final = ("azure_deployment_id", "azure_deployment_name")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A target of Portkey's.

    Its provider has the name `name` there, and is `called` otherwise here, or the same; `type` is the type that it has
    here, empty if nothing is known of it. `settings` are those of OF_PROVIDERS that are there.
    """

    place: Place
    name: str
    called: str
    type: str
    model: str
    settings: Mapping[str, Place]


class Destinations(Protocol):
    """Makes targets."""

    def target(self, leaf: Leaf) -> Target:
        """Where calls of a target go; notes what does not go with them."""


class InRequests:
    """Targets of routes that go with requests: the providers are the gateway's, and keys may go along."""

    def target(self, leaf: Leaf) -> Target:
        """Where calls of a target go."""
        target = Target(provider=leaf.called, model=leaf.model)
        for name, setting in leaf.settings.items():
            if name == "api_key":
                target.api_key = key(setting)
            elif name in _NAMES_MODEL:
                named_model(setting, target)
            else:
                setting.dropped(f"is the provider's own: set it at {target.provider} in the gateway's configuration")
        return target


def key(setting: Place) -> str:
    """A key. Raises PortkeyError if no header could hold it, without showing it."""
    value = setting.text()
    if not (value.isascii() and value.isprintable()) or " " in value:
        setting.fail("has characters that no header may hold")
    return value


def named_model(setting: Place, target: Target) -> None:
    """A deployment of Azure's, which is the model to the gateway."""
    name = setting.text()
    if target.model and target.model != name:
        setting.differs(f"is asked for instead of the model {target.model!r}: deployments are models here")
    target.model = name
