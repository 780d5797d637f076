"""The conversation of a request: the contract's messages to the Responses API's items.

A message of the contract may hold what are several items here. Order is kept: what can stand in one message does, and
any other block is an item between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service import json_text
from trunkline_service.providers.call_ids import CallIds
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai import cache_marks
from trunkline_service.providers.openai.platform import PROVIDER_TYPE
from trunkline_service.providers.openai.responses import parts_in
from trunkline_service.providers.openai.responses.parts_in import Json, raw
from trunkline_service.providers.portable import passage, portable
from trunkline_service.providers.report import EncodeReport
from trunkline_service.providers.tool_names import ToolNames

Item = Json | msgspec.Raw

_ROLES = {
    message_pb2.ROLE_SYSTEM: "system",
    message_pb2.ROLE_DEVELOPER: "developer",
    message_pb2.ROLE_USER: "user",
    message_pb2.ROLE_TOOL: "user",
    message_pb2.ROLE_ASSISTANT: "assistant",
}


def encode_conversation(
    chat_input: chat_input_pb2.ChatInput, provider: str, names: ToolNames, ids: CallIds, report: EncodeReport
) -> tuple[str | None, list[Item]]:
    """The instructions, if they are one plain text, and the items. `provider` is the name of the one that answers."""
    writer = _Writer(provider, names, ids, report, _custom_calls(chat_input.messages))
    instructions = _plain_text(chat_input.system)
    if instructions is None and chat_input.system:
        # Several blocks stay several: `instructions` is one text, and no separator would be the caller's.
        writer.message(message_pb2.Message(role=message_pb2.ROLE_SYSTEM, content=chat_input.system), "input.system", "")
    for number, message in enumerate(chat_input.messages):
        writer.message(message, f"input.messages[{number}]", ".content")
    return instructions, writer.items


def reasoning(block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> Json:
    """A reasoning item, as it came."""
    result: Json = {"type": "reasoning"}
    result.update(parts_in.fields_of(block))
    text = block.thinking.text
    result.setdefault("summary", [{"type": "summary_text", "text": text}] if text else [])
    if block.provider_state:
        try:
            result["encrypted_content"] = block.provider_state.decode()
        except UnicodeDecodeError:
            report.invalid(f"{path}.provider_state", "is not what OpenAI encrypts reasoning to")
    return result


def _custom_calls(messages: Iterable[message_pb2.Message]) -> frozenset[str]:
    """The ids of calls of tools that take free text: their results go into items of another type."""
    return frozenset(
        block.tool_use.id
        for message in messages
        for block in message.content
        if block.WhichOneof("kind") == "tool_use" and block.tool_use.HasField("input_text")
    )


def _plain_text(blocks: Sequence[message_pb2.ContentBlock]) -> str | None:
    if len(blocks) != 1 or [field.name for field, _ in blocks[0].ListFields()] != ["text"]:
        return None
    return None if blocks[0].text.citations else blocks[0].text.text


@dataclass(slots=True)
class _Turn:
    """A message of the contract while it is written: who speaks, and the message item that goes on, if one does."""

    path: str
    role: str
    is_own: bool
    own_fields: json_text.RawObject
    id: msgspec.Raw | None = None
    parts: list[Item] = dataclasses.field(default_factory=list)
    beside: json_text.RawObject = dataclasses.field(default_factory=dict)
    has_item: bool = False


class _Writer:
    """Writes `items`."""

    def __init__(
        self, provider: str, names: ToolNames, ids: CallIds, report: EncodeReport, custom_calls: frozenset[str]
    ) -> None:
        self._provider = provider
        self._names = names
        self._ids = ids
        self._report = report
        self._custom_calls = custom_calls
        self.items: list[Item] = []

    def message(self, message: message_pb2.Message, path: str, within: str) -> None:
        """Writes a message, whose blocks are in the field `within` of `path`."""
        if message.name:
            self._report.unsupported(
                f"{path}.name", "OpenAI's Responses API knows no names of speakers", capability="message_name"
            )
        way = passage(message, self._provider, PROVIDER_TYPE)
        is_own = way.is_own
        if message.provider_fields_json and not way.state:
            self._report.not_portable(f"{path}.provider_fields_json", "another provider's own")
        own_fields = json_text.parse_object((message.provider_fields_json if way.state else "").encode() or b"{}")
        turn = _Turn(path, _ROLES.get(message.role, ""), is_own, own_fields)
        for number, block in enumerate(message.content):
            place = f"{path}{within}[{number}]"
            if (travelled := portable(block, place, way, self._report)) is not None:
                self._block(turn, travelled, place)
        self._end(turn)
        if not message.content and (own_fields or not is_own):
            # An answer of this provider's own without content was no item at all.
            self._write(turn)
        elif own_fields and not turn.has_item:
            self._report.invalid(
                f"{path}.provider_fields_json", "there is no message to add them to: its blocks are items of their own"
            )

    def _block(self, turn: _Turn, block: message_pb2.ContentBlock, path: str) -> None:
        parts_in.beside(block, path, self._report)
        kind = block.WhichOneof("kind") or ""
        if kind in _OWN_ITEMS or (kind == "opaque" and not _is_part(block)):
            if kind != "tool_result":
                cache_marks.mark(None, parts_in.MARKED, block, path, self._report)
            item = self._item(turn, block, kind, path)
            if item is not None:
                self._end(turn)
                self.items.append(item)
            return
        members = parts_in.fields_of(block) if turn.role == "assistant" else {}
        # What an answer's message said beside its parts: see `items_out.py`.
        is_told = bytes(members.get("item", b"")).startswith(b"{")
        beside = json_text.parse_object(members.pop("item")) if is_told else {}
        if turn.role == "assistant":
            part = parts_in.output_part(block, members, path, self._report, is_told=is_told)
        else:
            part = parts_in.input_part(block, path, self._report)
        if part is None:
            return
        if turn.parts and turn.id != beside.get("id"):
            self._end(turn)
        turn.id = beside.get("id")
        turn.parts.append(part)
        turn.beside.update(beside)

    def _end(self, turn: _Turn) -> None:
        """Ends the message item that goes on, if one does."""
        if turn.parts:
            self._write(turn)

    def _write(self, turn: _Turn) -> None:
        item: Json = {"type": "message", "role": turn.role}
        if turn.parts or not turn.own_fields:
            item["content"] = turn.parts
        item.update(turn.beside)
        json_text.merge(item, turn.own_fields, f"{turn.path}.provider_fields_json")
        self.items.append(item)
        turn.id, turn.parts, turn.beside, turn.has_item = None, [], {}, True

    def _item(self, turn: _Turn, block: message_pb2.ContentBlock, kind: str, path: str) -> Item | None:
        """The item that a block is by itself; None if it cannot be sent."""
        match kind:
            case "thinking" if turn.is_own:
                if block.thinking.HasField("signature"):
                    self._report.unsupported(
                        f"{path}.thinking.signature", "OpenAI signs no reasoning", capability="signature"
                    )
                return reasoning(block, path, self._report)
            case "thinking" | "redacted_thinking":
                self._report.not_portable(f"{path}.{kind}", "reasoning that this provider is not known to have written")
                return None
            case "tool_use":
                return self._call(block, path)
            case "tool_result":
                return self._result(block, path)
            case "server_tool_result":
                self._report.unsupported(
                    f"{path}.server_tool_result",
                    "what OpenAI's own tools answer comes and goes as opaque blocks",
                    capability="server_tools",
                )
                return None
        return self._opaque(block, path)

    def _call(self, block: message_pb2.ContentBlock, block_path: str) -> Item | None:
        call = block.tool_use
        path = f"{block_path}.tool_use"
        if call.runner in (message_pb2.TOOL_RUNNER_SERVER, message_pb2.TOOL_RUNNER_MCP):
            self._report.unsupported(
                f"{path}.runner", "calls of OpenAI's own tools come and go as opaque blocks", capability="server_tools"
            )
            return None
        for field, _ in call.ListFields():
            if field.name in _ABSENT:
                self._report.unsupported(
                    f"{path}.{field.name}", f"OpenAI's calls have no {field.name}", capability=field.name
                )
        result: Json = {"call_id": self._ids.upstream(call.id), "name": self._names.upstream(call.name)}
        if call.HasField("input_text"):
            result |= {"type": "custom_tool_call", "input": call.input_text}
        else:
            # A string here, which holds the JSON as it is.
            result |= {"type": "function_call", "arguments": call.input_json or "{}"}
        return parts_in.with_fields(result, block, block_path)

    def _result(self, block: message_pb2.ContentBlock, block_path: str) -> Item:
        answer = block.tool_result
        path = f"{block_path}.tool_result"
        if answer.is_error:
            # What the tool said tells the model, too; an error would end every conversation in which a tool failed.
            self._report.dropped(f"{path}.is_error", "OpenAI has no such mark: say so in the content")
        if answer.toolset_name:
            self._report.unsupported(f"{path}.toolset_name", "OpenAI has no tool sets", capability="toolset_name")
        is_custom = answer.tool_use_id in self._custom_calls
        parts = parts_in.input_parts(answer.content, f"{path}.content", self._report)
        cache_marks.mark(parts[-1] if parts else None, parts_in.MARKED, block, block_path, self._report)
        is_marked = any(isinstance(part, dict) and cache_marks.MEMBER in part for part in parts)
        text = None if is_marked else _plain_text(answer.content)
        result: Json = {
            "type": "custom_tool_call_output" if is_custom else "function_call_output",
            "call_id": self._ids.upstream(answer.tool_use_id),
            "output": text if text is not None else parts or "",
        }
        return parts_in.with_fields(result, block, block_path)

    def _opaque(self, block: message_pb2.ContentBlock, path: str) -> Item | None:
        if block.opaque.provider_type != PROVIDER_TYPE:
            description = f"a block of {block.opaque.provider_type!r} means nothing to OpenAI"
            self._report.unsupported(f"{path}.opaque", description, capability="foreign_blocks")
            return None
        if not block.provider_fields_json:
            return raw(block.opaque.raw_json)
        return parts_in.with_fields({**json_text.parse_object(block.opaque.raw_json.encode())}, block, path)


# What a call of OpenAI's has no member for.
_ABSENT = frozenset({"mcp_server_name", "toolset_name", "caller"})
# Blocks that are items of their own, in whatever message they stand.
_OWN_ITEMS = frozenset({"thinking", "redacted_thinking", "tool_use", "tool_result", "server_tool_result"})


def _is_part(block: message_pb2.ContentBlock) -> bool:
    """Whether an opaque block is a part of a message: an answer's says of which, others are told by their type."""
    if block.opaque.provider_type != PROVIDER_TYPE:
        return False
    kind = Fields(block.opaque.raw_json.encode()).text("type") or ""
    return "item" in parts_in.fields_of(block) or kind.startswith(("input_", "output_")) or kind == "refusal"
