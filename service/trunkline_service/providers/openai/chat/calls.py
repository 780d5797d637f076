"""The tool calls of a streamed answer, put together from fragments.

Fragments name their call by an index of its own. Some servers leave it out, and some give the same one to all calls: a
fragment with a new id and a name then begins a new one, and so does one with another name, or with the same name after
arguments that are whole. What comes between the fragments of one call, as a text, waits until the call is whole.
"""

from __future__ import annotations

import hashlib

import msgspec

from trunkline.v1 import message_pb2, warning_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.openai.chat.blocks import Blocks
from trunkline_service.providers.openai.chat.chunks import CallPiece
from trunkline_service.providers.openai.chat.ending import Ending

_KEPT_PER_PIECE = 64


class Call:
    """A call so far. `place` is how many came before it, and `block` its block's place in the answer, or -1 while it
    waits to begin.
    """

    __slots__ = ("block", "extra", "id", "is_custom", "name", "pieces", "place")

    def __init__(self, place: int) -> None:
        self.place = place
        self.id = ""
        self.name = ""
        self.is_custom = False
        self.pieces: list[str] = []
        self.block = -1
        # Members of the call that the contract has no field for.
        self.extra: json_text.RawObject = {}

    @property
    def is_whole(self) -> bool:
        """Whether nothing that could be added to the arguments would make sense."""
        if self.is_custom:
            return True
        # Most fragments end elsewhere: nothing has to be put together to know that.
        has_end = bool(self.pieces) and self.pieces[-1].rstrip(" \t\r\n")[-1:] in ("}", "")
        return has_end and json_text.is_json("".join(self.pieces), must_be_object=True)

    @property
    def cannot_go_on(self) -> bool:
        """Whether no more of it can come; of a custom tool's text, nobody knows."""
        return not self.is_custom and self.is_whole

    def is_followed_by(self, piece: CallPiece, name: str, text: str) -> bool:
        """Whether a fragment that seems to be of this call begins another one."""
        if not name or not self.name:
            return False
        if piece.id and self.id and piece.id != self.id:
            return True
        if name != self.name:
            return True
        # The same name again: some servers repeat it, and the id if there is one, with every fragment.
        if piece.id or (self.id and not text):
            return False
        return bool(self.pieces) and self.is_whole


class Calls:
    """Gives calls their blocks: the first one as it comes, each further one as soon as those before it are whole. What
    comes too early waits, as blocks do not interleave.
    """

    __slots__ = ("_begun", "_blocks", "_by_index", "_calls", "_ending", "_last", "strays")

    def __init__(self, blocks: Blocks, ending: Ending) -> None:
        """`ending` knows what the answer is called."""
        self._blocks = blocks
        self._ending = ending
        self._calls: list[Call] = []
        # So many of them, from the first on, have begun.
        self._begun = 0
        self._by_index: dict[int, Call] = {}
        self._last: Call | None = None
        # Members of calls that came after the end of their blocks.
        self.strays: list[msgspec.Raw] = []

    @property
    def any(self) -> bool:
        """Whether the answer has calls."""
        return bool(self._calls)

    def add(self, piece: CallPiece, result: list[ChatEvent], extra: json_text.RawObject | None = None) -> int:
        """Adds a fragment; returns how many characters have to be remembered for it. `extra` are members of it that the
        contract has no field for.

        Raises:
            ProtocolViolation: it belongs to a call that is over.
        """
        inner = piece.custom if piece.custom is not None else piece.function
        name = (inner.name if inner is not None else None) or ""
        if piece.custom is not None:
            text = piece.custom.input or ""
        else:
            text = (piece.function.arguments if piece.function is not None else None) or ""
        call = self._find(piece, name, text)
        call.id = call.id or piece.id or ""
        if not call.name:
            call.name = name
            call.is_custom = piece.custom is not None
        kept = _KEPT_PER_PIECE + len(text) + len(name) + sum(map(len, (extra or {}).values()))
        if call.block < 0:
            call.pieces += [text] if text else []
            if extra:
                call.extra.update(extra)
                extra = None
            if call.name and self._may_begin(call):
                self._begin(call, result)
        elif call.block == self._blocks.index and self._blocks.kind:
            call.pieces += [text] if text else []
            if text:
                self._blocks.grow(text, result)
            if self._blocks.waiting and call.cannot_go_on:
                self._blocks.release(result)
        elif text.strip(" \t\r\n"):
            msg = "the arguments of a tool call go on after its end"
            raise ProtocolViolation(msg)
        if extra:
            self._add_extra(call, extra, result)
        return kept

    def grow(self, piece: CallPiece, result: list[ChatEvent]) -> int:
        """What `add` does, for the fragments that make up nearly all of a call: more arguments for the open one."""
        function = piece.function
        if (
            function is None
            or piece.id is not None
            or function.name is not None
            or self._last is None
            or self._last is not self._by_index.get(-1 if piece.index is None else piece.index)
            or self._last.block != self._blocks.count - 1
            or self._blocks.kind != "input_json"
            or self._blocks.half
            or self._blocks.waiting
        ):
            return self.add(piece, result)
        text = function.arguments
        if not text:
            return 0
        self._last.pieces.append(text)
        event = ChatEvent()
        out = event.block_delta
        out.index = self._last.block
        out.input_json = text
        result.append(event)
        return _KEPT_PER_PIECE + len(text)

    def finish(self, result: list[ChatEvent]) -> list[warning_pb2.Warning]:
        """Writes the calls that still wait, and tells of those whose arguments are broken.

        Raises:
            ProtocolViolation: a call never got a name.
        """
        for call in self._calls:
            if call.block < 0:
                if not call.name:
                    msg = "a tool call has no name"
                    raise ProtocolViolation(msg)
                self._begin(call, result)
        self._blocks.release(result)
        return [
            warning_pb2.Warning(
                code=warning_pb2.WARNING_CODE_UNEXPECTED_OUTPUT,
                field=f"message.content[{call.block}].tool_use.input_json",
                message="the model wrote arguments that are not a JSON object",
            )
            for call in self._calls
            if call.pieces and not call.is_whole
        ]

    def _find(self, piece: CallPiece, name: str, text: str) -> Call:
        if piece.index is not None:
            call = self._by_index.get(piece.index)
        else:
            call = self._last if not piece.id or (self._last is not None and self._last.id == piece.id) else None
        if call is None or call.is_followed_by(piece, name, text):
            call = Call(len(self._calls))
            self._calls.append(call)
            if piece.index is not None:
                self._by_index[piece.index] = call
        self._last = call
        return call

    def _add_extra(self, call: Call, extra: json_text.RawObject, result: list[ChatEvent]) -> None:
        if call.block == self._blocks.index and self._blocks.kind:
            event = ChatEvent()
            event.block_delta.index = call.block
            event.block_delta.block_fields_json = json_text.dump(extra)
            result.append(event)
        else:
            self.strays.append(msgspec.Raw(msgspec.json.encode(extra)))

    def _may_begin(self, call: Call) -> bool:
        return call.place == self._begun and (not call.place or self._calls[call.place - 1].is_whole)

    def _begin(self, call: Call, result: list[ChatEvent]) -> None:
        # What came before it, and waits for the end of another call.
        self._blocks.release(result)
        block = message_pb2.ToolUseBlock(
            # Without an id of the provider's, the result could not say which call it is for.
            id=call.id or self._made_up_id(call),
            name=call.name,
            runner=message_pb2.TOOL_RUNNER_CLIENT,
        )
        kind = "input_text" if call.is_custom else "input_json"
        if call.is_custom:
            block.input_text = ""
        call.block = self._blocks.count
        self._begun += 1
        fields = json_text.dump(call.extra) if call.extra else ""
        content = message_pb2.ContentBlock(tool_use=block, provider_fields_json=fields)
        self._blocks.begin(content, kind, result, may_end=lambda: call.cannot_go_on)
        if call.pieces:
            self._blocks.grow("".join(call.pieces), result)

    def _made_up_id(self, call: Call) -> str:
        """The id of a call that the provider gave none: the same whenever the same answer is read, another one in every
        other answer. It is `call_`, 16 hexadecimal digits that depend on the answer's id and time and on the call's
        name, `_`, and the number of calls before it. Short enough for every provider.

        It cannot depend on the arguments, which may not have come yet.
        """
        created = bytes(self._ending.created).decode(errors="replace")
        digest = hashlib.sha256(f"{self._ending.id}\0{created}\0{call.name}".encode()).hexdigest()[:16]
        return f"call_{digest}_{call.place}"
