"""What is around the body of a request: its address, the API's version, betas and the key."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.providers.anthropic.blocks_in import Json
from trunkline_service.providers.anthropic.platform import LEGACY_VERSION, NEWEST_VERSION, Platform
from trunkline_service.providers.base import Target
from trunkline_service.providers.report import EncodeReport
from trunkline_service.upstream.request import UpstreamRequest

SAMPLING: tuple[Literal["temperature", "top_p", "top_k"], ...] = ("temperature", "top_p", "top_k")

_WORD = re.compile(r"[!-~]*")

ChatInput: TypeAlias = chat_input_pb2.ChatInput

# Values of priced headers that say as much as no header at all.
_WITHOUT_PRICE = ("default", "standard")


def request(
    chat_input: ChatInput,
    target: Target,
    platform: Platform,
    path: str,
    body: Json,
    report: EncodeReport,
    *,
    accept: str,
    version: str = "",
) -> UpstreamRequest:
    """The request with this body, in this version of the API or else the one that suits the body.

    Raises:
        GatewayError: what the report has found.
    """
    options = chat_input.anthropic
    if options.workspace_id and not platform.has_workspaces:
        description = f"{platform.name} has no workspaces of Anthropic's"
        report.unsupported("input.anthropic.workspace_id", description, capability="workspace_id")
    if platform.service_tier_header and not _WORD.fullmatch(chat_input.service_tier):
        report.invalid("input.service_tier", "is not one word of printable ASCII")
    if (error := report.error()) is not None:
        raise error
    version = version or version_for(chat_input, target, platform, body)
    betas = list(dict.fromkeys((*target.betas, *options.betas)))
    found = key_headers(target, accept=accept)
    # What the caller's own options say is stronger, as it is for all of the body.
    if platform.version_in_body:
        body.setdefault("anthropic_version", version)
    else:
        found["anthropic-version"] = version
    if betas and platform.betas_in_body:
        body.setdefault("anthropic_beta", betas)
    elif betas:
        found["anthropic-beta"] = ",".join(betas)
    if options.user_profile_id and platform.user_profile_in_body:
        body.setdefault("user_profile_id", options.user_profile_id)
    elif options.user_profile_id:
        found["anthropic-user-profile-id"] = options.user_profile_id
    if options.workspace_id and platform.has_workspaces:
        found["anthropic-workspace-id"] = options.workspace_id
    if platform.service_tier_header and chat_input.service_tier:
        found[platform.service_tier_header] = chat_input.service_tier
    if target.headers:
        found = {**found, **target.headers}
    return UpstreamRequest(
        method="POST",
        url=platform.url(path, target),
        headers=found,
        body=msgspec.json.encode(body),
        warnings=report.warnings,
        tool_names=report.tool_names.changed,
        untold_costs=bool(platform.priced_headers) and _cost_something(found, platform.priced_headers),
    )


def _cost_something(found: Mapping[str, str], priced: Collection[str]) -> bool:
    return any(name.lower() in priced and value not in _WITHOUT_PRICE for name, value in found.items())


def headers(target: Target, version: str, betas: Iterable[str], *, accept: str) -> dict[str, str]:
    """The headers of a request where version and betas are headers, the configured ones among them."""
    result = key_headers(target, accept=accept)
    result["anthropic-version"] = version
    if all_betas := dict.fromkeys((*target.betas, *betas)):
        result["anthropic-beta"] = ",".join(all_betas)
    return {**result, **target.headers} if target.headers else result


def key_headers(target: Target, *, accept: str) -> dict[str, str]:
    """The headers that every request has. Without a key, credentials are to add what lets it in."""
    headers = {
        "content-type": "application/json",
        "accept": accept,
        # A compressed stream would wait in buffers for more to compress.
        "accept-encoding": "identity",
    }
    if target.api_key:
        if target.auth == "bearer":
            headers["authorization"] = f"Bearer {target.api_key}"
        else:
            headers["x-api-key"] = target.api_key
    return headers


def version_for(chat_input: ChatInput, target: Target, platform: Platform, body: Json) -> str:
    """The version of the API that a request for an answer has with this body."""
    wanted = chat_input.anthropic.version or target.version
    return platform.version(wanted or _newest_version_for(chat_input, target, platform, body))


def _newest_version_for(chat_input: ChatInput, target: Target, platform: Platform, body: Json) -> str:
    """The newest version that takes what the request holds: `2026-10-21` took three things away."""
    if platform.wary_of_newest and not target.takes_newest_version:
        return LEGACY_VERSION
    if any(name in body for name in SAMPLING):
        return LEGACY_VERSION
    for message in chat_input.messages:
        held = _LEGACY_ONLY.get(message.role)
        if held is not None and any(map(held, message.content)):
            return LEGACY_VERSION
    return NEWEST_VERSION


def _cited_by_user(block: message_pb2.ContentBlock) -> bool:
    match block.WhichOneof("kind"):
        case "text":
            return bool(block.text.citations)
        case "search_result":
            return any(map(_cited_by_user, block.search_result.content))
        case "tool_result":
            return any(map(_cited_by_user, block.tool_result.content))
        case "document":
            return any(map(_cited_by_user, block.document.content.blocks))
    return False


def _is_document(block: message_pb2.ContentBlock) -> bool:
    return block.WhichOneof("kind") == "document"


_LEGACY_ONLY: Mapping[message_pb2.Role.ValueType, Callable[[message_pb2.ContentBlock], bool]] = {
    message_pb2.ROLE_ASSISTANT: _is_document,
    message_pb2.ROLE_USER: _cited_by_user,
    message_pb2.ROLE_TOOL: _cited_by_user,
}
