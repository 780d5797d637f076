"""What a request asks for that is paid for beside its tokens, and of which OpenAI's usage says nothing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trunkline.v1 import chat_input_pb2
from trunkline_service import json_text

# Tools that the caller runs. What the others cost, by the call, by the hour or by the gigabyte, no usage tells.
_OF_THE_CALLER = frozenset(
    f'"{kind}"'.encode()
    for kind in ("function", "custom", "computer", "computer_use_preview", "local_shell", "apply_patch")
)
# A stored prompt may bring tools of its own.
_PAID_FOR = ("web_search_options", "prompt")


def untold_costs(chat_input: chat_input_pb2.ChatInput, body: Mapping[str, object]) -> bool:
    """Whether there is any such thing in the body of a request, which was made of the input."""
    if not chat_input.provider_options_json and not any(tool.HasField("provider_defined") for tool in chat_input.tools):
        # All that the contract has itself is told of.
        return False
    if any(bytes(msgspec.json.encode(body.get(name))) != b"null" for name in _PAID_FOR):
        return True
    return any(bytes(tool.get("type", b"")) not in _OF_THE_CALLER for tool in json_text.objects_in(body.get("tools")))
