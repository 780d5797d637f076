"""Streamed answers of the Responses API.

The wire's rules are in `events.py`, `items_out.py` and, for the end of an answer, `completion.py`; this module keeps
what has to be remembered of the response between events, `item_reader.py` what there is of its items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from trunkline.v1 import chat_service_pb2, error_reason_pb2, usage_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.failures import decode_stream_error
from trunkline_service.providers.openai.responses import events, items_out
from trunkline_service.providers.openai.responses.completion import Ending
from trunkline_service.providers.openai.responses.item_reader import KEPT_PER_PIECE, ItemReader
from trunkline_service.providers.openai.usage import responses_usage
from trunkline_service.upstream.framing import Frame

# What is remembered of one answer: arguments until they are whole, events of items that wait, events that come too
# early. No answer is that long, but a provider that never ends one would fill the memory.
MAX_KEPT_BYTES = 64 * 2**20


class ResponsesStream:
    """A `StreamDecoder` for the events of the Responses API."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._start: chat_service_pb2.StreamStart | None = None
        self._ending = Ending()
        self._items = ItemReader(self._ending)
        self._usage = usage_pb2.Usage()
        # Events that came before the response was created: they wait, as `start` comes first.
        self._early: list[ChatEvent] = []
        self._early_bytes = 0
        self._completion: ChatEvent | None = None
        self.failure: GatewayError | None = None
        self.joins = False
        self.joined = 0

    @property
    def complete(self) -> bool:
        """Whether response.completed or response.incomplete came."""
        return self._completion is not None

    @property
    def usage(self) -> usage_pb2.Usage:
        """The usage so far: this API tells it only with the final response."""
        return self._usage

    def decode(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The events of these frames; what goes wrong is in `failure` afterwards, and ends the stream."""
        return self._decode(frames, at_end=False)

    def finish(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The body has ended. A last frame that is cut short counts as if it had not come."""
        result = self._decode(frames, at_end=True)
        if not self.complete and self.failure is None:
            self.failure = GatewayError(
                error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR
                if self._start is None
                else error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE,
                "the provider ended its answer without its end mark",
            )
        return result

    def _decode(self, frames: Sequence[Frame], *, at_end: bool) -> list[ChatEvent]:
        result: list[ChatEvent] = []
        if self.failure is not None or self.complete:
            return result
        items = self._items
        for frame in frames:
            try:
                event = events.frequent.decode(frame.data)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                if at_end and not json_text.is_json(frame.data.decode(errors="replace")):
                    break
                if not self._rare(frame, result):
                    break
                continue
            item = items.open
            if (
                item is None
                or type(event) is not item.expects
                or event.output_index != item.output_index
                or event.place != item.place
                or event.logprobs
            ):
                if not self._rare(frame, result):
                    break
                continue
            chat_event = ChatEvent()
            out = chat_event.block_delta
            out.index = item.block
            if type(event) is events.TextDelta:
                out.text = event.delta
            elif type(event) is events.ArgumentsDelta:
                out.input_json = event.delta
                items.kept += KEPT_PER_PIECE + len(event.delta)
            elif type(event) is events.InputDelta:
                out.input_text = event.delta
            else:
                out.thinking = event.delta
            item.add(event.delta)
            result.append(chat_event)
        if self._completion is not None:
            result.append(self._completion)
        elif self._early_bytes + items.kept > MAX_KEPT_BYTES and self.failure is None:
            self._violation("the answer has no end")
        return result

    def _rare(self, frame: Frame, result: list[ChatEvent]) -> bool:
        """Handles any event, member by member. False if the stream does not go on."""
        if frame.data.strip() in _EMPTY:
            return True
        try:
            self._event(frame, result)
        except GatewayError as error:
            self.failure = error
        except ProtocolViolation as violation:
            self._violation(str(violation))
        except ValueError:
            # Not JSON, not an object, not UTF-8, or a number that no message can hold.
            self._violation("an event is not what the API's format says")
        return self.failure is None and self._completion is None

    def _violation(self, what: str) -> None:
        self.failure = GatewayError(
            error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, f"the provider broke its own format: {what}"
        )

    def _event(self, frame: Frame, result: list[ChatEvent]) -> None:
        fields = Fields(frame.data)
        kind = fields.text("type") or frame.event.decode()
        if kind == "error" or frame.event == b"error" or (not kind and "error" in fields.remaining()):
            raise decode_stream_error(_enveloped(fields, frame.data), self._target)
        if (handler := _HANDLERS.get(kind)) is not None:
            response = fields.object("response")
            if response is None:
                msg = f"{kind} without the response"
                raise ProtocolViolation(msg)
            handler(self, response, result)
        elif self._items.knows(kind):
            if self._start is None:
                msg = f"{kind} before the response"
                raise ProtocolViolation(msg)
            self._items.read(frame, result)
        elif kind not in _SILENT:
            event = ChatEvent(opaque=items_out.untyped(kind, frame.data))
            if self._start is None:
                self._early.append(event)
                self._early_bytes += len(frame.data)
            else:
                result.append(event)

    def _begin(self, response: msgspec.Raw, result: list[ChatEvent]) -> None:
        """The response as it is at first. Some makers of this API leave out response.created."""
        if self._start is not None:
            return
        fields = Fields(response)
        self._start = chat_service_pb2.StreamStart(
            id=fields.text("id") or "", origin=items_out.origin(self._target, fields.text("model") or "")
        )
        result.append(ChatEvent(start=self._start))
        result.extend(self._early)
        self._early.clear()

    def _final(self, response: msgspec.Raw, result: list[ChatEvent]) -> None:
        self._begin(response, result)
        fields = Fields(response)
        self._usage = responses_usage(response)
        self._items.finish(fields.items("output") or [], result)
        if self._start is None or not self._items.has_ended:
            msg = "the answer ended before its items did"
            raise ProtocolViolation(msg)
        self._ending.response(fields, self._start, self._target)
        self._completion = ChatEvent(completion=self._ending.completion(self._usage))

    def _failed(self, response: msgspec.Raw, _result: list[ChatEvent]) -> None:
        self._usage = responses_usage(response)
        raise decode_stream_error(bytes(response), self._target)


def _enveloped(fields: Fields, data: bytes) -> bytes:
    """An `error` event as other errors are: here, the error's members stand in the event itself."""
    return data if fields.object("error") is not None else msgspec.json.encode({"error": fields.remaining()})


_EMPTY = (b"", b"[DONE]")
_HANDLERS: dict[str, Callable[[ResponsesStream, msgspec.Raw, list[ChatEvent]], None]] = {
    "response.created": ResponsesStream._begin,
    "response.queued": ResponsesStream._begin,
    "response.in_progress": ResponsesStream._begin,
    "response.completed": ResponsesStream._final,
    "response.incomplete": ResponsesStream._final,
    "response.failed": ResponsesStream._failed,
}
# Events that tell again what deltas and items tell, and signs of life.
_SILENT = frozenset(
    {
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_part.added",
        "response.reasoning_part.done",
        "response.reasoning_text.done",
        "ping",
        "keepalive",
    }
)
