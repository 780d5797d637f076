"""What of another provider's answer can go into a request here."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.v1 import message_pb2
from trunkline_service.providers.report import EncodeReport


class Bond(enum.Enum):
    """Who can read what a provider wrote into an answer: all that have its kind of API, or it alone."""

    KIND = enum.auto()
    PROVIDER = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bonds:
    """What binds the parts of an answer that not everybody can read.

    `state` is reasoning with its proofs, what the provider's own tools were asked and said, and members and blocks that
    the contract does not type. `files` are ids of uploaded files.
    """

    state: Bond
    files: Bond


# By the kind of API. Anthropic says that its signatures hold on Bedrock and Vertex, too, and Gemini's hold on both of
# its homes. OpenAI encrypts reasoning for the account, and its two APIs, which are of one kind, read none of each
# other's. Files are where they were uploaded.
BONDS: Mapping[str, Bonds] = {
    "anthropic": Bonds(state=Bond.KIND, files=Bond.PROVIDER),
    "gemini": Bonds(state=Bond.KIND, files=Bond.PROVIDER),
    "openai": Bonds(state=Bond.PROVIDER, files=Bond.PROVIDER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The way of a message from the one who wrote it to the one who is asked now.

    `is_own` says whether they are known to be the same provider; `state` and `files` whether those, as in `Bonds`, can
    be read there. A message that does not say who wrote it is the caller's word: all of it goes.
    """

    is_own: bool
    state: bool
    files: bool


def passage(message: message_pb2.Message, provider: str, provider_type: str) -> Passage:
    """The way of the message to the provider of that name and kind."""
    origin = message.origin
    if not origin.provider and not origin.provider_type:
        return UNKNOWN
    is_kind = origin.provider_type in ("", provider_type)
    # A name may have been given to another kind of provider since.
    is_own = origin.provider == provider and is_kind
    bonds = BONDS[provider_type]
    return Passage(
        is_own=is_own,
        state=is_own or (is_kind and bonds.state is Bond.KIND),
        files=is_own or (is_kind and bonds.files is Bond.KIND),
    )


UNKNOWN = Passage(is_own=False, state=True, files=True)

# Blocks that only the provider that wrote them can read.
_FOREIGN = {
    "thinking": "reasoning",
    "redacted_thinking": "encrypted reasoning",
    "server_tool_result": "what a tool of the provider's answered",
    "opaque": "a block of the provider's own",
}


def portable(
    block: message_pb2.ContentBlock, path: str, way: Passage, report: EncodeReport
) -> message_pb2.ContentBlock | None:
    """The block without what cannot be read at the end of the way, all of it reported; None if nothing is left."""
    kind = block.WhichOneof("kind") or ""
    has_media = kind in ("image", "document", "audio")
    if not way.files and has_media and getattr(block, kind).media.WhichOneof("source") == "file_id":
        report.not_portable(f"{path}.{kind}.media.file_id", "a file at another provider")
        return None
    if way.state:
        return block
    if (what := _FOREIGN.get(kind)) is not None:
        report.not_portable(f"{path}.{kind}", f"{what}, from another provider")
        return None
    call = block.tool_use
    if call.runner in (message_pb2.TOOL_RUNNER_SERVER, message_pb2.TOOL_RUNNER_MCP):
        report.not_portable(f"{path}.tool_use", "a call of a tool that another provider ran")
        return None
    result = message_pb2.ContentBlock()
    result.CopyFrom(block)
    for name in ("provider_state", "provider_fields_json"):
        if getattr(block, name):
            report.not_portable(f"{path}.{name}", "another provider's own")
            result.ClearField(name)
    if kind == "text" and not block.text.text:
        # It only carried what has just been left out.
        return None
    if block.text.citations:
        report.not_portable(f"{path}.text.citations", "places that another provider's model cited")
        result.text.ClearField("citations")
    if call.toolset_name:
        report.not_portable(f"{path}.tool_use.toolset_name", "another provider's own")
        result.tool_use.ClearField("toolset_name")
    if call.HasField("caller"):
        report.not_portable(f"{path}.tool_use.caller", "another provider's own")
        result.tool_use.ClearField("caller")
    return result
