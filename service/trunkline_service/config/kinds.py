"""The types of providers that there are, and what the settings of each may and must say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Auth: TypeAlias = Literal["x-api-key", "bearer", "api-key", "x-goog-api-key"]
"""How a key is sent: in a header of this name, or as a bearer token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of provider.

    `base_urls` says where it is unless the settings do, by the value of `api`: with "{region}" where the region goes,
    and nothing where the settings have to say. The first `api` is what holds without one. `takes` names the
    settings that mean something to this type beside those that all types have, `needs` those that it cannot do without.

    One that is `keyless` may be asked without a key at all. `places` are the URLs of regions that have one of their own
    pattern. `extra` is what has to be installed beside the service to get by without a key, and `module` is how to tell
    that it is.
    """

    base_urls: Mapping[str, str]
    auths: tuple[Auth, ...]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    keyless: bool = False
    extra: str = ""
    module: str = ""

    @property
    def apis(self) -> tuple[str, ...]:
        """What `api` may be; empty if there is no choice."""
        return tuple(api for api in self.base_urls if api)

    def base_url(self, api: str, region: str) -> str:
        """Where the API is; empty if only the settings can say."""
        if region in self.places:
            return self.places[region]
        return self.base_urls[api or next(iter(self.base_urls))].replace("{region}", region)


_RUNTIME = "https://bedrock-runtime.{region}.amazonaws.com"
_VERTEX = Kind(
    base_urls={"": "https://{region}-aiplatform.googleapis.com/v1"},
    auths=("bearer",),
    takes=("version", "betas", "region", "project", "credentials_file"),
    needs=("region", "project"),
    places={
        "global": "https://aiplatform.googleapis.com/v1",
        "us": "https://aiplatform.us.rep.googleapis.com/v1",
        "eu": "https://aiplatform.eu.rep.googleapis.com/v1",
    },
    extra="google",
    module="google.auth",
)

KINDS: Mapping[str, Kind] = {
    "anthropic": Kind(
        base_urls={"": "https://api.anthropic.com"}, auths=("x-api-key", "bearer"), takes=("version", "betas")
    ),
    "openai": Kind(
        base_urls={"responses": "https://api.openai.com/v1", "chat": "https://api.openai.com/v1"}, auths=("bearer",)
    ),
    "openai_compatible": Kind(
        base_urls={"chat": "", "responses": ""}, auths=("bearer", "api-key"), needs=("base_url",), keyless=True
    ),
    "azure_openai": Kind(
        base_urls={"responses": "", "chat": ""}, auths=("api-key", "bearer"), takes=("version",), needs=("base_url",)
    ),
    "bedrock": Kind(
        base_urls={
            "invoke": _RUNTIME,
            "messages": f"{_RUNTIME}/anthropic",
            "mantle": "https://bedrock-mantle.{region}.api.aws/anthropic",
        },
        auths=("bearer", "x-api-key"),
        takes=("version", "betas", "region", "profile"),
        needs=("region",),
        extra="aws",
        module="botocore",
    ),
    "vertex_anthropic": _VERTEX,
    # Anthropic's headers mean nothing there.
    "vertex_gemini": replace(_VERTEX, takes=("region", "project", "credentials_file")),
    "gemini": Kind(base_urls={"": "https://generativelanguage.googleapis.com/v1beta"}, auths=("x-goog-api-key",)),
}
