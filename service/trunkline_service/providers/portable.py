"""What of another provider's answer can go into a request here."""

from __future__ import annotations

from trunkline.v1 import message_pb2
from trunkline_service.providers.report import EncodeReport

# Blocks that only the provider that wrote them can read.
_FOREIGN = {
    "thinking": "reasoning",
    "redacted_thinking": "encrypted reasoning",
    "server_tool_result": "what a tool of the provider's answered",
    "opaque": "a block of the provider's own",
}


def portable(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> message_pb2.ContentBlock | None:
    """The block without what only the provider that wrote it can read, all of which is reported; None if nothing is
    left.
    """
    kind = block.WhichOneof("kind") or ""
    if (what := _FOREIGN.get(kind)) is not None:
        report.not_portable(f"{path}.{kind}", f"{what}, from another provider")
        return None
    call = block.tool_use
    if call.runner in (message_pb2.TOOL_RUNNER_SERVER, message_pb2.TOOL_RUNNER_MCP):
        report.not_portable(f"{path}.tool_use", "a call of a tool that another provider ran")
        return None
    if kind in ("image", "document", "audio") and getattr(block, kind).media.WhichOneof("source") == "file_id":
        report.not_portable(f"{path}.{kind}.media.file_id", "a file at another provider")
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
