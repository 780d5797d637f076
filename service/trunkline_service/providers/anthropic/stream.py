"""Anthropic's streamed answers.

The wire's rules are in `events.py`, `blocks_out.py`, `usage.py` and, for the end of an answer, `completion.py`; this
module keeps what has to be remembered between events, and `open_block.py` what there is of it for one block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from trunkline.v1 import chat_service_pb2, error_reason_pb2, usage_pb2, warning_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.errors import GatewayError
from trunkline_service.providers import surrogates
from trunkline_service.providers.anthropic import blocks_out, completion, events
from trunkline_service.providers.anthropic.failures import decode_stream_error
from trunkline_service.providers.anthropic.open_block import OpenBlock
from trunkline_service.providers.anthropic.usage import UsageMeter
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.runs import Run
from trunkline_service.upstream.framing import Frame

# What is remembered of one answer: arguments until they are whole, blocks that come whole, events that come too early.
# No answer is that long, but a provider that never ends one would fill the memory.
MAX_KEPT_BYTES = 64 * 2**20
_KEPT_PER_BLOCK = 512

_BAD_EVENT = "an event is not what the API's format says"
_SECOND_START = "message_start without a message, or a second one"
_SECOND_BLOCK = "content_block_start without a message, an index or a block, or a second one"


class AnthropicStream:
    """A `StreamDecoder` for the events of the Messages API."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._started = False
        self._blocks: dict[int, OpenBlock] = {}
        self._block_count = 0
        self._kept = 0
        self._meter = UsageMeter()
        self._ending = completion.Ending()
        # Events that came before message_start: they wait, as `start` comes first.
        self._early: list[ChatEvent] = []
        self._warnings: list[warning_pb2.Warning] = []
        self._completion: ChatEvent | None = None
        self.failure: GatewayError | None = None
        self.joins = False
        self.joined = 0

    @property
    def complete(self) -> bool:
        """Whether message_stop came."""
        return self._completion is not None

    @property
    def usage(self) -> usage_pb2.Usage:
        """The usage so far."""
        return self._meter.usage()

    def decode(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The events of these frames; what goes wrong is in `failure` afterwards, and ends the stream."""
        return self._decode(frames, at_end=False)

    def finish(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The body has ended. A last frame that is cut short counts as if it had not come."""
        result = self._decode(frames, at_end=True)
        if not self.complete and self.failure is None:
            self.failure = GatewayError(
                error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE
                if self._started
                else error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
                "the provider ended its answer without its end mark",
            )
        return result

    def _decode(self, frames: Sequence[Frame], *, at_end: bool) -> list[ChatEvent]:
        result: list[ChatEvent] = []
        if self.failure is not None or self.complete:
            return result
        blocks = self._blocks
        run: Run | None = None
        runs: list[Run] = []
        for frame in frames:
            try:
                event = events.frequent.decode(frame.data)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                if at_end and not json_text.is_json(frame.data.decode(errors="replace")):
                    break
                if not self._rare(frame, result):
                    break
                continue
            if type(event) is events.BlockDelta:
                block = blocks.get(event.index)
                delta = event.delta
                if block is None:
                    self._violation("a delta belongs to no open block")
                    break
                if block.plain != delta.block:
                    if not self._rare(frame, result):
                        break
                    continue
                if block.plain == "tool_use":
                    block.pieces.append(delta.appended)
                    self._kept += len(delta.appended)
                if run is not None and run.index == block.index and result[-1] is run.event:
                    run.pieces.append(delta.appended)
                    continue
                chat_event = ChatEvent()
                out = chat_event.block_delta
                out.index = block.index
                setattr(out, delta.field, delta.appended)
                result.append(chat_event)
                if self.joins:
                    run = Run(block.index, chat_event, delta.field, delta.appended)
                    runs.append(run)
            elif type(event) is events.BlockStop:
                if not self._stop_block(event.index, result):
                    break
            # What follows the end mark in the same read is no more part of the answer than what would come in the next.
            elif type(event) is not events.Ping and not self._plain(event, frame, result):
                break
        self.joined = sum(run.end() for run in runs) if runs else 0
        if self._completion is not None:
            result.append(self._completion)
        elif self._kept > MAX_KEPT_BYTES and self.failure is None:
            self._violation("the answer has no end")
        return result

    def _plain(self, event: events.OncePerAnswer, frame: Frame, result: list[ChatEvent]) -> bool:
        """Handles an event of which an answer has one or few. False if the stream does not go on."""
        if frame.event == b"error":
            return self._rare(frame, result)
        try:
            # What passes through as text has to be text, all of it.
            frame.data.decode()
            if type(event) is events.BlockStart:
                self._start_plain_block(event.index, event.content_block, result)
            elif type(event) is events.MessageStart:
                if self._started:
                    raise ProtocolViolation(_SECOND_START)
                self._begin(event.message.id, event.message.model, event.message.usage, result)
                self._ending.begin()
            elif type(event) is events.MessageDelta:
                self._kept += len(frame.data)
                if event.usage is not msgspec.UNSET:
                    self._meter.update(event.usage)
                self._ending.stop(event.delta)
            else:
                self._message_stop()
        except ProtocolViolation as violation:
            self._violation(str(violation))
        except ValueError:
            self._violation(_BAD_EVENT)
        return self.failure is None and not self.complete

    def _rare(self, frame: Frame, result: list[ChatEvent]) -> bool:
        """Handles any event, member by member. False if the stream does not go on."""
        if not frame.data.strip():
            return True
        try:
            # What passes through as text has to be text, all of it.
            frame.data.decode()
            if frame.event == b"error":
                return self._upstream_error(frame)
            fields = Fields(frame.data)
            kind = fields.text("type") or frame.event.decode()
            if kind == "error":
                return self._upstream_error(frame)
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, fields, result)
            elif kind != "ping":
                event = ChatEvent(opaque=blocks_out.untyped(kind, frame.data))
                if self._started:
                    result.append(event)
                else:
                    self._early.append(event)
                    self._kept += len(frame.data)
        except ProtocolViolation as violation:
            self._violation(str(violation))
        except ValueError:
            # Not JSON, not an object, not UTF-8, or a number that no message can hold.
            self._violation(_BAD_EVENT)
        return self.failure is None and not self.complete

    def _upstream_error(self, frame: Frame) -> bool:
        self.failure = decode_stream_error(frame.data, self._target)
        return False

    def _violation(self, what: str) -> None:
        self.failure = GatewayError(
            error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
            f"the provider broke its own format: {what}",
        )

    def _message_start(self, fields: Fields, result: list[ChatEvent]) -> None:
        message = fields.raw("message")
        if message is None or self._started:
            raise ProtocolViolation(_SECOND_START)
        members = Fields(message)
        usage = members.raw("usage")
        self._begin(members.text("id") or "", members.text("model") or "", usage, result)
        self._ending.envelope(members)

    def _begin(self, message_id: str, model: str, usage: msgspec.Raw | None, result: list[ChatEvent]) -> None:
        self._started = True
        if usage is not None:
            self._meter.start(usage)
        origin = blocks_out.origin(self._target, model)
        start = chat_service_pb2.StreamStart(id=message_id, origin=origin)
        if not self.joins:
            # What it all adds up to has the usage of the completion.
            start.usage.CopyFrom(self.usage)
        result.append(ChatEvent(start=start))
        result.extend(self._early)
        self._early.clear()

    def _start_plain_block(
        self, upstream_index: int, start: events.TextStart | events.ThinkingStart, result: list[ChatEvent]
    ) -> None:
        """Begins a block of a kind that nearly all are of."""
        if not self._started or upstream_index in self._blocks:
            raise ProtocolViolation(_SECOND_BLOCK)
        event = ChatEvent()
        begun = event.block_start
        if isinstance(start, events.TextStart):
            kind = "text"
            begun.block.text.text = start.text
        else:
            kind = "thinking"
            begun.block.thinking.text = start.thinking
            if start.signature is not None:
                begun.block.thinking.signature = start.signature
        begun.index = self._open(upstream_index, kind).index
        result.append(event)

    def _open(self, upstream_index: int, kind: str, folded: json_text.RawObject | None = None) -> OpenBlock:
        block = self._blocks[upstream_index] = OpenBlock(self._block_count, kind, folded)
        self._block_count += 1
        self._kept += _KEPT_PER_BLOCK
        return block

    def _start_block(self, fields: Fields, result: list[ChatEvent]) -> None:
        upstream_index = fields.integer("index")
        data = fields.raw("content_block")
        if not self._started or upstream_index is None or data is None or upstream_index in self._blocks:
            raise ProtocolViolation(_SECOND_BLOCK)
        block = blocks_out.decode_block(data)
        kind = block.WhichOneof("kind")
        if kind == "opaque":
            self._kept += len(data)
            self._ending.note_fallback(block.opaque, self._target)
            # A block of a kind that is not known comes whole, once its deltas are folded into it.
            self._open(upstream_index, "opaque", folded=Fields(data).remaining())
            return
        opened = self._open(upstream_index, kind or "")
        if kind == "tool_use":
            # The input of a streamed call comes in deltas. What the block begins with counts if none say anything.
            opened.initial_input = block.tool_use.input_json
            block.tool_use.input_json = ""
        event = ChatEvent()
        event.block_start.index = opened.index
        event.block_start.block.CopyFrom(block)
        result.append(event)

    def _delta(self, fields: Fields, result: list[ChatEvent]) -> None:
        block = self._blocks.get(-1 if (index := fields.integer("index")) is None else index)
        data = fields.raw("delta")
        if block is None or data is None:
            msg = "a delta belongs to no open block"
            raise ProtocolViolation(msg)
        if block.folded is not None:
            block.fold(data)
            self._kept += len(data)
            return
        members = Fields(surrogates.mend(data, block))
        block.plain = "" if block.pending_surrogate else block.kind
        kind = members.text("type") or ""
        event = ChatEvent()
        out = event.block_delta
        out.index = block.index
        if kind == "text_delta" and block.kind == "text":
            out.text = members.text("text") or ""
        elif kind == "thinking_delta" and block.kind == "thinking":
            out.thinking = members.text("thinking") or ""
        elif kind == "signature_delta" and block.kind == "thinking":
            out.signature = members.text("signature") or ""
        elif kind == "input_json_delta" and block.kind == "tool_use":
            out.input_json = members.text("partial_json") or ""
            block.pieces.append(out.input_json)
            self._kept += len(out.input_json)
        elif kind == "citations_delta" and block.kind == "text" and (citation := members.raw("citation")) is not None:
            out.citation.CopyFrom(blocks_out.decode_citation(citation))
        else:
            out.opaque.CopyFrom(blocks_out.untyped(kind, data))
            result.append(event)
            return
        out.provider_fields_json = members.rest()
        result.append(event)

    def _stop_block(self, upstream_index: int, result: list[ChatEvent]) -> bool:
        block = self._blocks.pop(upstream_index, None)
        if block is None:
            self._violation("content_block_stop belongs to no open block")
            return False
        # A block that comes whole is passed on as its provider wrote it, whatever is in it.
        if block.folded is None and block.has_broken_arguments:
            self._warnings.append(
                warning_pb2.Warning(
                    code=warning_pb2.WARNING_CODE_UNEXPECTED_OUTPUT,
                    field=f"message.content[{block.index}].tool_use.input_json",
                    message="the model wrote arguments that are not a JSON object",
                )
            )
        result.extend(block.end())
        return True

    def _rare_stop_block(self, fields: Fields, result: list[ChatEvent]) -> None:
        index = fields.integer("index")
        self._stop_block(-1 if index is None else index, result)

    def _message_delta(self, fields: Fields, _result: list[ChatEvent]) -> None:
        self._kept += sum(map(len, fields.remaining().values()))
        if (usage := fields.raw("usage")) is not None:
            self._meter.update(usage)
        if (delta := fields.raw("delta")) is not None:
            self._ending.delta(Fields(delta))
        self._ending.beside_delta(fields)

    def _message_stop(self) -> None:
        if not self._started or self._blocks or not self._ending.known:
            self._violation("message_stop before the message was whole")
            return
        self._completion = ChatEvent(completion=self._ending.completion(self.usage, self._warnings))

    def _rare_message_stop(self, fields: Fields, _result: list[ChatEvent]) -> None:
        self._ending.beside_delta(fields)
        self._message_stop()


_HANDLERS: dict[str, Callable[[AnthropicStream, Fields, list[ChatEvent]], None]] = {
    "message_start": AnthropicStream._message_start,
    "content_block_start": AnthropicStream._start_block,
    "content_block_delta": AnthropicStream._delta,
    "content_block_stop": AnthropicStream._rare_stop_block,
    "message_delta": AnthropicStream._message_delta,
    "message_stop": AnthropicStream._rare_message_stop,
}
