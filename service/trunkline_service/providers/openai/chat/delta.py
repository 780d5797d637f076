"""A choice of a chunk, member by member."""

from __future__ import annotations

import json

import msgspec

from trunkline.v1 import warning_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.chat import additions, thinking
from trunkline_service.providers.openai.chat.blocks import Blocks
from trunkline_service.providers.openai.chat.calls import Calls
from trunkline_service.providers.openai.chat.chunks import CallPiece, CustomPiece, FunctionPiece
from trunkline_service.providers.openai.chat.ending import Ending
from trunkline_service.providers.openai.chat.reasoning_details import ReasoningDetails
from trunkline_service.providers.openai.responses.logprobs import decode_logprobs


class DeltaReader:
    """Reads choices of any form, streamed or whole."""

    def __init__(self, blocks: Blocks, calls: Calls, ending: Ending) -> None:
        self._blocks = blocks
        self._calls = calls
        self._ending = ending
        self._sound = additions.Sound()
        self._details = ReasoningDetails()
        self.has_refusal = False

    def choice(self, data: msgspec.Raw, result: list[ChatEvent]) -> int:
        """Adds the events of a choice; returns how many bytes have to be remembered for it.

        Raises:
            ProtocolViolation: it is not the API's format.
            GatewayError: the provider could not finish the answer.
            ValueError: it is not an object, or a member is not what it should be.
        """
        fields = Fields(data)
        if fields.integer("index"):
            # Nobody asked for a second answer.
            self._ending.add("choices", [data])
            return 0
        kept = 0
        logprobs = fields.object("logprobs")
        if (delta := fields.object("delta")) is not None:
            kept = self._delta(Fields(delta), logprobs, result, is_whole=False)
        elif (message := fields.object("message")) is not None:
            kept = self._delta(Fields(message), logprobs, result, is_whole=True)
        elif logprobs is not None:
            self._logprobs(logprobs, result, is_text=False)
        self._ending.choice(fields)
        return kept

    def finish(self, result: list[ChatEvent]) -> list[warning_pb2.Warning]:
        """Ends all blocks. Raises `ProtocolViolation`."""
        warnings = self._calls.finish(result)
        self._blocks.end(result)
        if (sound := self._sound.block()) is not None:
            self._blocks.whole(sound, result)
        if (details := self._details.block()) is not None:
            self._blocks.whole(details, result)
        self._ending.add("tool_calls", self._calls.strays)
        return warnings

    def _delta(self, fields: Fields, logprobs: msgspec.Raw | None, result: list[ChatEvent], *, is_whole: bool) -> int:
        fields.text("role")
        thoughts = {name: text for name in thinking.MEMBERS if (text := _string(fields, name))}
        for place, thought in thoughts.items():
            # Some tell the same by both names.
            if thought != thoughts.get(thinking.MEMBERS[0]) or place == thinking.MEMBERS[0]:
                self._blocks.append(place, thought, result)
        is_text = self._content(fields, result)
        if logprobs is not None:
            self._logprobs(logprobs, result, is_text=is_text)
        if annotations := fields.items("annotations"):
            self._blocks.beside("text", additions.citations(annotations), result)
        if refusal := _string(fields, "refusal"):
            self.has_refusal = True
            self._blocks.append("refusal", refusal, result)
        kept = 0
        for number, call in enumerate(fields.items("tool_calls") or ()):
            kept += self._call(Fields(call), number if is_whole else None, result)
        function = fields.object("function_call")
        if function is not None and any(bytes(value) != b"null" for value in Fields(function).remaining().values()):
            # The older form of a call, of which there is one.
            kept += self._call(Fields(b'{"index":0,"function":%b}' % bytes(function)), None, result)
        kept += self._details.add(fields.items("reasoning_details") or [])
        if (audio := fields.object("audio")) is not None:
            self._sound.add(audio)
            kept += len(audio)
        self._ending.beside(fields)
        return kept

    def _content(self, fields: Fields, result: list[ChatEvent]) -> bool:
        """The content: a text, or with some servers a list of parts. Returns whether there was text."""
        if (text := _string(fields, "content")) is not None:
            if text:
                self._blocks.append("text", text, result)
            return bool(text)
        is_text = False
        for data in fields.items("content") or ():
            part = Fields(data)
            match part.text("type"):
                case "text" if (text := _string(part, "text")) is not None:
                    is_text = True
                    if text:
                        self._blocks.append("text", text, result)
                case "thinking" if (thoughts := thinking.texts(part)) is not None:
                    self._thoughts(thoughts, part, result)
                case kind:
                    block = additions.opaque(kind or "", data)
                    self._blocks.whole(block, result)
        return is_text

    def _thoughts(self, texts: list[str], part: Fields, result: list[ChatEvent]) -> None:
        """A part that is reasoning, and what is left of it beside the texts."""
        for text in filter(None, texts):
            self._blocks.append(thinking.PART, text, result)
        beside = {name: value for name, value in part.remaining().items() if bytes(value) != b"null"}
        if beside:
            event = ChatEvent()
            event.block_delta.block_fields_json = json_text.dump(beside)
            self._blocks.beside(thinking.PART, [event], result)

    def _logprobs(self, data: msgspec.Raw, result: list[ChatEvent], *, is_text: bool) -> None:
        fields = Fields(data)
        items = fields.items("content") or []
        tokens = decode_logprobs(items)
        if tokens is None or not (is_text or self._blocks.kind == "text"):
            # Odds of what is no text, or told in a way of the server's own.
            self._ending.add("logprobs", items)
        elif tokens:
            event = ChatEvent()
            event.block_delta.logprobs.tokens.extend(tokens)
            self._blocks.beside("text", [event], result)
        self._ending.add("refusal_logprobs", fields.items("refusal") or [])
        if any(bytes(value) != b"null" for value in fields.remaining().values()):
            self._ending.add("logprobs", [data])

    def _call(self, fields: Fields, number: int | None, result: list[ChatEvent]) -> int:
        index = fields.integer("index")
        identifier = fields.text("id")
        kind = fields.text("type")
        piece = CallPiece(index=number if number is not None else index, id=identifier, type=kind)
        if (custom := fields.object("custom")) is not None:
            members = Fields(custom)
            piece.custom = CustomPiece(name=members.text("name"), input=_string(members, "input"))
            _put_back(fields, "custom", members)
        elif (function := fields.object("function")) is not None:
            members = Fields(function)
            piece.function = FunctionPiece(name=members.text("name"), arguments=_string(members, "arguments"))
            if piece.function.arguments is None and (arguments := members.object("arguments")) is not None:
                # Some servers write the arguments as JSON, not as a text that holds it.
                piece.function.arguments = bytes(arguments).decode()
            _put_back(fields, "function", members)
        if kind not in (None, "", "function", "custom"):
            msg = "a tool call is neither of a function nor of a custom tool"
            raise ProtocolViolation(msg)
        extra = {name: value for name, value in fields.remaining().items() if bytes(value) != b"null"}
        return self._calls.add(piece, result, extra)


def _string(fields: Fields, name: str) -> str | None:
    """Takes a string, with halves of surrogate pairs in it if it has some; None if it is absent or null."""
    value = fields.raw(name)
    if value is None or bytes(value) == b"null":
        return None
    if not bytes(value).startswith(b'"'):
        fields.put_back(name, value)
        return None
    text: str = json.loads(bytes(value))
    return text


def _put_back(fields: Fields, name: str, members: Fields) -> None:
    """What is left of an inner object stays in its place."""
    if any(bytes(value) != b"null" for value in members.remaining().values()):
        fields.put_back(name, msgspec.Raw(json_text.dump(members.remaining()).encode()))
