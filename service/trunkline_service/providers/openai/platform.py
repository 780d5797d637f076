"""The places where OpenAI's APIs are spoken, and what differs between them around the same request."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from typing import Literal

from trunkline_service.providers import call_ids
from trunkline_service.providers.base import Target
from trunkline_service.providers.call_ids import CallIds
from trunkline_service.providers.report import EncodeReport

PROVIDER_TYPE = "openai"
"""The kind of API, whoever speaks it: conversations, options and errors mean the same on all of them."""

_OF_DEPLOYMENTS = ("/chat/completions", "/embeddings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A home of OpenAI's APIs.

    `length_member`, `user_member` and `seed_member` are what Chat Completions calls the longest answer, the person
    behind a request and the seed, `dimensions_member` what embeddings call the length of a vector. A `strict` home
    is known to refuse what OpenAI's documentation does not name; of the others nobody knows what they take, so that
    they are asked, but for members of a request or message that one `lacks`. `has_deployments` is Azure's older
    form of addresses, `call_ids` what ids of tool calls Chat Completions takes. `has_cache_marks` is whether marks
    of what to cache are known to be taken, by models that are known to.
    """

    name: str
    strict: bool
    length_member: Literal["max_completion_tokens", "max_tokens"]
    user_member: Literal["safety_identifier", "user"]
    seed_member: Literal["seed", "random_seed"] = "seed"
    dimensions_member: Literal["dimensions", "output_dimension"] = "dimensions"
    has_deployments: bool = False
    lacks: frozenset[str] = frozenset()
    call_ids: CallIds = call_ids.UNKNOWN
    has_cache_marks: bool = False

    def report(self, target: Target) -> EncodeReport:
        """What is to be told about a request to the target."""
        marks = self.has_cache_marks and bool(target.takes_cache_marks)
        return EncodeReport(drop_unsupported=target.drop_unsupported, takes_cache_marks=marks)

    def url(self, path: str, target: Target) -> str:
        """The address of an API, by its path below the base URL: "/chat/completions"."""
        if not self.has_deployments or not target.version:
            return f"{target.base_url}{path}"
        query = ("&" if "?" in path else "?") + urllib.parse.urlencode({"api-version": target.version})
        if target.base_url.endswith("/v1"):
            # Azure's newer form, which takes a version as well: "preview".
            return f"{target.base_url}{path}{query}"
        # Azure's older form: for some APIs, the deployment is in the path.
        if path not in _OF_DEPLOYMENTS:
            return f"{target.base_url}/openai{path}{query}"
        deployment = urllib.parse.quote(target.model, safe="")
        return f"{target.base_url}/openai/deployments/{deployment}{path}{query}"


OPENAI = Platform(
    name="OpenAI",
    strict=True,
    length_member="max_completion_tokens",
    user_member="safety_identifier",
    call_ids=call_ids.CHAT_COMPLETIONS,
    has_cache_marks=True,
)

# `max_tokens` and `user` are deprecated at OpenAI, but they are the names that all compatible servers know: Mistral,
# DeepSeek and Ollama take no `max_completion_tokens`, and one that ignored it would answer without end.
COMPATIBLE = Platform(
    name="this OpenAI-compatible server", strict=False, length_member="max_tokens", user_member="user"
)

# Azure's dated versions refuse `safety_identifier`; `user` is taken by all of them.
AZURE = Platform(
    name="Azure OpenAI",
    strict=True,
    length_member="max_completion_tokens",
    user_member="user",
    has_deployments=True,
    call_ids=call_ids.CHAT_COMPLETIONS,
)

# Refuses members that it does not know, and tells the usage of a stream without being asked to.
MISTRAL = Platform(
    name="Mistral",
    strict=False,
    length_member="max_tokens",
    user_member="user",
    seed_member="random_seed",
    dimensions_member="output_dimension",
    lacks=frozenset(
        {
            "stream_options",
            "user",
            "logit_bias",
            "service_tier",
            "store",
            "verbosity",
            "prompt_cache_key",
            "name",
            "reasoning_content",
            "reasoning",
        }
    ),
    call_ids=call_ids.MISTRAL,
)

_BY_HOST = {"api.mistral.ai": MISTRAL}


def compatible(base_url: str) -> Platform:
    """The compatible home at an address: one that is known by its host, or any."""
    return _BY_HOST.get(urllib.parse.urlsplit(base_url).hostname or "", COMPATIBLE)
