"""The places where Claude can be had, and what differs between them around the same conversation."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from trunkline_service.providers.base import Target

LEGACY_VERSION = "2023-06-01"
NEWEST_VERSION = "2026-10-21"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A home of the Messages API.

    The paths follow the target's base URL; "{model}", "{project}" and "{region}" stand for the target's,
    percent-encoded but for `plain_characters`. `accept` is the media type of a streamed answer.

    `legacy_version` is what `LEGACY_VERSION` is called here. Where it is `wary_of_newest`, only models that are known
    to take `NEWEST_VERSION` are asked in it. Version, betas and the user's profile are headers, unless they are
    `…_in_body`; the class of service is in the body, unless there is a `service_tier_header`. `left_out` are members of
    a chat's body that the path says already. `priced_headers` ask for what costs something else, of which the answer's
    usage tells nothing.
    """

    name: str
    chat_path: str = "/v1/messages"
    count_path: str = "/v1/messages/count_tokens"
    plain_characters: str = ""
    accept: str = "text/event-stream"
    legacy_version: str = LEGACY_VERSION
    wary_of_newest: bool = False
    version_in_body: bool = False
    betas_in_body: bool = False
    user_profile_in_body: bool = False
    left_out: frozenset[str] = frozenset()
    has_workspaces: bool = False
    service_tier_header: str = ""
    priced_headers: frozenset[str] = frozenset()

    def url(self, path: str, target: Target) -> str:
        """The address of one of the paths."""
        if "{" not in path:
            return target.base_url + path
        values = {"model": target.model, "project": target.project, "region": target.region}
        quoted = {name: urllib.parse.quote(value, safe=self.plain_characters) for name, value in values.items()}
        return target.base_url + path.format_map(quoted)

    def version(self, wanted: str) -> str:
        """The name that a version has here."""
        return self.legacy_version if wanted == LEGACY_VERSION else wanted


ANTHROPIC = Platform(name="Anthropic", has_workspaces=True)
