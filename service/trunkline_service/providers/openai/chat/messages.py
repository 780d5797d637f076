"""The conversation: the contract's messages to those of Chat Completions.

The contract has ordered blocks; Chat Completions has a text, tool calls beside it, and a message of its own for each
result of a tool.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service import json_text
from trunkline_service.providers.base import Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.chat import thinking
from trunkline_service.providers.openai.chat.parts import Json, Part, PartWriter, merge_fields, shortest
from trunkline_service.providers.openai.chat.reasoning_details import to_send_back
from trunkline_service.providers.openai.platform import PROVIDER_TYPE
from trunkline_service.providers.portable import Passage, passage, portable
from trunkline_service.providers.tool_names import ToolNames

_CLIENT = (message_pb2.TOOL_RUNNER_UNSPECIFIED, message_pb2.TOOL_RUNNER_CLIENT)


class MessageWriter:
    """Writes the messages of one request."""

    def __init__(self, target: Target, parts: PartWriter, names: ToolNames) -> None:
        self._target = target
        self._parts = parts
        self._report = parts.report
        self._names = names

    def conversation(self, chat_input: chat_input_pb2.ChatInput) -> list[Json]:
        """The messages, those of `system` first: one for each of its blocks, so that no border between them is lost."""
        result: list[Json] = [
            {
                "role": "system",
                "content": shortest(self._parts.texts([(f"input.system[{number}]", block)], "instructions")),
            }
            for number, block in enumerate(chat_input.system)
        ]
        for number, message in enumerate(chat_input.messages):
            path = f"input.messages[{number}]"
            written = self._message(message, path)
            if message.provider_fields_json and not self._way(message).state:
                self._report.not_portable(f"{path}.provider_fields_json", "another provider's own")
            elif message.provider_fields_json and len(written) != 1:
                self._report.invalid(f"{path}.provider_fields_json", "the message becomes several here: split it")
            elif message.provider_fields_json:
                merge_fields(written[0], message.provider_fields_json, path)
            result += written
        return result

    def _message(self, message: message_pb2.Message, path: str) -> list[Json]:
        blocks = [(f"{path}.content[{number}]", block) for number, block in enumerate(message.content)]
        match message.role:
            case message_pb2.ROLE_ASSISTANT:
                return [self._named(self._assistant(message, blocks), message, path)]
            case message_pb2.ROLE_SYSTEM | message_pb2.ROLE_DEVELOPER:
                is_developer = message.role == message_pb2.ROLE_DEVELOPER and self._parts.platform.strict
                role = "developer" if is_developer else "system"
                content = shortest(self._parts.texts(blocks, f"messages of the {role}"))
                return [self._named({"role": role, "content": content}, message, path)]
        # Results must follow the calls at once, so they come before what else the message says.
        results = [self._result(block, path) for path, block in blocks if block.WhichOneof("kind") == "tool_result"]
        rest = [(path, block) for path, block in blocks if block.WhichOneof("kind") != "tool_result"]
        if rest or not results:
            return [*results, self._named({"role": "user", "content": self._parts.content(rest)}, message, path)]
        if message.name:
            self._parts.unsupported(f"{path}.name", "results of tools have no speaker", "message_name")
        return results

    def _named(self, result: Json, message: message_pb2.Message, path: str) -> Json:
        platform = self._parts.platform
        if message.name and "name" in platform.lacks:
            self._parts.unsupported(f"{path}.name", f"{platform.name} knows no names of speakers", "message_name")
        elif message.name:
            result["name"] = message.name
        return result

    def _result(self, block: message_pb2.ContentBlock, path: str) -> Json:
        self._parts.beside(block, path)
        result = block.tool_result
        path = f"{path}.tool_result"
        if result.is_error:
            # What the tool said tells the model, too; an error would end every conversation in which a tool failed.
            self._report.dropped(f"{path}.is_error", "Chat Completions has no such mark: say so in the content")
        if result.toolset_name:
            self._parts.unsupported(f"{path}.toolset_name", "Chat Completions has no tool sets", "toolset_name")
        content = [(f"{path}.content[{number}]", each) for number, each in enumerate(result.content)]
        parts = self._parts.texts(content, "results of tools")
        self._parts.mark(parts, block, path.removesuffix(".tool_result"))
        written: Json = {
            "role": "tool",
            "tool_call_id": self._parts.platform.call_ids.upstream(result.tool_use_id),
            "content": shortest(parts),
        }
        merge_fields(written, block.provider_fields_json, path.removesuffix(".tool_result"))
        return written

    def _assistant(self, message: message_pb2.Message, blocks: Iterable[tuple[str, message_pb2.ContentBlock]]) -> Json:
        parts: list[Part] = []
        calls: list[Json] = []
        # By the names of the members that they stand in.
        thoughts: dict[str, str] = {}
        result: Json = {"role": "assistant", "content": None}
        way = self._way(message)
        # Reasoning, and parts of kinds that nobody types, go back to the very provider that wrote them. Compatible
        # servers take reasoning by the name that most of them have for it, and some cannot go on from a tool call
        # without it; OpenAI's own Chat Completions has no place for it.
        takes_back = way.is_own and not self._parts.platform.strict
        for path, block in blocks:
            own = portable(block, path, way, self._report)
            if own is None:
                continue
            block = own
            match kind := block.WhichOneof("kind") or "":
                case "text" | "refusal":
                    if calls:
                        what = "its place, as Chat Completions has texts before calls only; the text itself is sent"
                        self._report.dropped(path, what)
                    parts += self._parts.parts(block, path)
                case "tool_use" if block.tool_use.runner in _CLIENT:
                    calls.append(self._call(block, path))
                case "thinking" if takes_back:
                    self._parts.beside(block, path)
                    self._parts.mark((), block, path)
                    self._thinking(block, path, parts, thoughts)
                case "thinking" | "redacted_thinking":
                    self._report.not_portable(f"{path}.{kind}", "Chat Completions takes no reasoning back")
                case "tool_use" | "server_tool_result":
                    self._report.not_portable(f"{path}.{kind}", "a tool that another provider ran")
                case "opaque" if audio := _audio(block.opaque):
                    result["audio"] = audio
                case "opaque" if takes_back and (details := to_send_back(block.opaque)) is not None:
                    result["reasoning_details"] = details
                case "opaque" if takes_back:
                    parts += self._parts.parts(block, path)
                case "opaque":
                    self._report.not_portable(f"{path}.{kind}", "a block that only the API that wrote it can read")
                case _:
                    self._parts.unsupported(f"{path}.{kind}", f"an assistant's message takes no {kind} blocks", kind)
        if parts or not (calls or "audio" in result):
            result["content"] = shortest(parts)
        result.update(thoughts)
        if calls:
            result["tool_calls"] = calls
        return result

    def _thinking(
        self, block: message_pb2.ContentBlock, path: str, parts: list[Part], thoughts: dict[str, str]
    ) -> None:
        """Reasoning, in the place where the server had it: servers take it back by the name that they give it."""
        members = json_text.parse_object(block.provider_fields_json.encode() or b"{}")
        place = thinking.place_of(members)
        if place == thinking.PART or place in self._parts.platform.lacks:
            parts.append(thinking.part(block.thinking.text, members))
            return
        thoughts[place] = thoughts.get(place, "") + block.thinking.text
        if members:
            self._report.dropped(f"{path}.provider_fields_json", f"{place} is a text, with nothing beside it")

    def _way(self, message: message_pb2.Message) -> Passage:
        return passage(message, self._target.provider, PROVIDER_TYPE)

    def _call(self, block: message_pb2.ContentBlock, path: str) -> Json:
        self._parts.beside(block, path)
        self._parts.mark((), block, path)
        call = block.tool_use
        if call.HasField("caller"):
            self._report.not_portable(f"{path}.tool_use.caller", "what made the call at another provider")
        if call.toolset_name:
            self._parts.unsupported(
                f"{path}.tool_use.toolset_name", "Chat Completions has no tool sets", "toolset_name"
            )
        name = self._names.upstream(call.name)
        result: Json = {"id": self._parts.platform.call_ids.upstream(call.id), "type": "function"}
        if call.HasField("input_text"):
            result |= {"type": "custom", "custom": {"name": name, "input": call.input_text}}
        else:
            result["function"] = {"name": name, "arguments": call.input_json or "{}"}
        merge_fields(result, block.provider_fields_json, path)
        return result


def _audio(opaque: message_pb2.Opaque) -> Json | None:
    """What goes back of sound that the model spoke: its id; None if the block is something else."""
    if opaque.provider_type != PROVIDER_TYPE:
        return None
    fields = Fields(opaque.raw_json.encode())
    identifier = fields.text("id")
    return {"id": identifier} if fields.text("type") == "audio" and identifier is not None else None
