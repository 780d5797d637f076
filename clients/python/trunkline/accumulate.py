"""The one fold: what the events of a stream add up to. Clients and gateway both use it."""

from __future__ import annotations

from typing import Final, TypeVar

from google.protobuf.message import Message

from trunkline.errors import ProtocolError
from trunkline.json_text import laid_over
from trunkline.v1.chat_service_pb2 import (
    BlockDelta,
    BlockStart,
    ChatEvent,
    ChatResponse,
    Completion,
    StreamStart,
)
from trunkline.v1.message_pb2 import ROLE_ASSISTANT, ContentBlock
from trunkline.v1.usage_pb2 import Usage

# The delta that appends to a block of each kind, and the field it appends to.
_APPENDS: Final = {
    "text": ("text", "text"),
    "thinking": ("thinking", "text"),
    "tool_use": ("input_json", "input_json"),
    "refusal": ("refusal", "text"),
}


class Accumulator:
    """Adds events up. Takes a microsecond an event; the text is put together when `response` is asked for.

    Events and deltas of kinds that this package does not know are ignored, and so are deltas for such blocks.
    Opaque events and BlockDelta.provider_fields_json have no place in a response.

    Example:
        accumulator = Accumulator()
        for message in stub.StreamChat(request):
            for event in message.events:
                accumulator.add(event)
        if accumulator.complete:
            print(accumulator.response.message)
    """

    __slots__ = ("_blocks", "_completion", "_start")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._start: StreamStart | None = None
        self._blocks: dict[int, _Block] = {}
        self._completion: Completion | None = None

    def add(self, event: ChatEvent) -> None:
        """Add the next event; `restart` discards what there is.

        Raises:
            ProtocolError: The event has no place in what came so far: a delta for a block that has not begun
                or is of another kind, or a block that begins twice.

        Example:
            accumulator.add(ChatEvent(start=StreamStart(id="msg_1")))
        """
        kind = event.WhichOneof("kind")
        if kind == "block_delta":
            delta = event.block_delta
            block = self._blocks.get(delta.index)
            if block is None:
                raise ProtocolError(f"a delta came for block {delta.index}, which has not begun")
            block.add(delta)
        elif kind == "block_start":
            self._begin(event.block_start)
        elif kind == "start":
            self._start = _copy(event.start)
        elif kind == "completion":
            self._completion = _copy(event.completion)
        elif kind == "restart":
            self._clear()

    def _begin(self, start: BlockStart) -> None:
        if start.index in self._blocks:
            raise ProtocolError(f"block {start.index} began twice")
        self._blocks[start.index] = _Block(start.index, _copy(start.block))

    @property
    def complete(self) -> bool:
        """Whether the completion came: what `response` holds is then the whole answer."""
        return self._completion is not None

    @property
    def usage(self) -> Usage:
        """What is known of the usage so far: the completion's, or until that comes, the start's."""
        if self._completion is not None:
            return self._completion.usage
        return self._start.usage if self._start is not None else Usage()

    @property
    def response(self) -> ChatResponse:
        """What the events so far add up to: a message of its own, which later events do not change.

        `completion` is not set until it came. Takes time in proportion to the answer.

        Example:
            print(accumulator.response.message.content[0].text.text)
        """
        response = ChatResponse()
        message = response.message
        message.role = ROLE_ASSISTANT
        if (start := self._start) is not None:
            response.id = start.id
            message.origin.CopyFrom(start.origin)
        for _, block in sorted(self._blocks.items()):
            message.content.append(block.joined())
        if (completion := self._completion) is not None:
            response.completion.CopyFrom(completion)
            if completion.HasField("origin"):
                message.origin.CopyFrom(completion.origin)
        return response


class _Block:
    """A block that grows. What deltas append is collected here and joined once."""

    __slots__ = ("appends", "content", "field", "index", "kind", "pieces")

    def __init__(self, index: int, content: ContentBlock) -> None:
        self.index = index
        self.content = content
        self.kind = content.WhichOneof("kind")
        self.appends, self.field = _APPENDS.get(self.kind or "", ("", ""))
        self.pieces: list[str] = []

    def add(self, delta: BlockDelta) -> None:
        kind = delta.WhichOneof("delta")
        if kind is None:
            return
        if kind == self.appends:
            self.pieces.append(getattr(delta, kind))
        elif kind == "opaque":
            self.content.opaque_deltas.append(delta.opaque)
        elif kind == "provider_state":
            self.content.provider_state = delta.provider_state
        elif kind == "block_fields_json":
            self._put_fields(delta.block_fields_json)
        elif kind == "signature" and self.kind == "thinking":
            self.content.thinking.signature = delta.signature
        elif kind == "citation" and self.kind == "text":
            self.content.text.citations.append(delta.citation)
        elif kind == "logprobs" and self.kind == "text":
            self.content.text.logprobs.extend(delta.logprobs.tokens)
        elif kind == "input_text" and self.kind == "tool_use" and not self.pieces:
            # A tool takes JSON or text, never both.
            self.appends = self.field = kind
            self.pieces.append(delta.input_text)
        elif self.kind is not None:
            raise ProtocolError(f"a delta of kind {kind} came for block {self.index}, of kind {self.kind}")

    def _put_fields(self, fields: str) -> None:
        if before := self.content.provider_fields_json:
            try:
                fields = laid_over(before, fields)
            except ValueError as error:
                raise ProtocolError(f"what came as fields of block {self.index} is no JSON object") from error
        self.content.provider_fields_json = fields

    def joined(self) -> ContentBlock:
        if self.pieces:
            inner = getattr(self.content, self.kind or "")
            setattr(inner, self.field, getattr(inner, self.field) + "".join(self.pieces))
            self.pieces.clear()
        return self.content


_M = TypeVar("_M", bound=Message)


def _copy(message: _M) -> _M:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
