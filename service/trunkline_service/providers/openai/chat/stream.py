"""Streamed answers of Chat Completions, and whole ones, which are read as a stream of one chunk.

The wire's rules are in `chunks.py`, `calls.py`, `additions.py` and, for the end of an answer, `ending.py`; `blocks.py`
makes the blocks, which this API does not have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from trunkline.v1 import error_reason_pb2, usage_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.chat import additions, chunks
from trunkline_service.providers.openai.chat.blocks import Blocks
from trunkline_service.providers.openai.chat.calls import Calls
from trunkline_service.providers.openai.chat.delta import DeltaReader
from trunkline_service.providers.openai.chat.ending import Ending
from trunkline_service.providers.openai.failures import decode_stream_error
from trunkline_service.providers.runs import Run
from trunkline_service.upstream.framing import Frame

# What is remembered of one answer: arguments, sound, members that nobody knows. No answer is that long, but a provider
# that never ends one would fill the memory.
MAX_KEPT_BYTES = 64 * 2**20

_DONE = b"[DONE]"


class ChatStream:
    """A `StreamDecoder` for the chunks of Chat Completions."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._started = False
        self._ending = Ending(target)
        self._blocks = Blocks()
        self._calls = Calls(self._blocks, self._ending)
        self._delta = DeltaReader(self._blocks, self._calls, self._ending)
        # Events that came before the first choice: they wait, as `start` comes first.
        self._early: list[ChatEvent] = []
        self._kept = 0
        # What all chunks say alike. One that says something else is read member by member.
        self._model: str | None = None
        self._fingerprint: str | None = None
        self._tier: str | None = None
        self._provider: str | None = None
        self._completion: ChatEvent | None = None
        self.failure: GatewayError | None = None
        self.joins = False
        self.joined = 0
        # Of this network read.
        self._runs: list[Run] = []

    @property
    def complete(self) -> bool:
        """Whether [DONE] came, or the body ended after a finish reason."""
        return self._completion is not None

    @property
    def usage(self) -> usage_pb2.Usage:
        """The usage so far; most servers tell it only at the end."""
        return self._ending.usage()

    def decode(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The events of these frames; what goes wrong is in `failure` afterwards, and ends the stream."""
        return self._decode(frames, at_end=False)

    def finish(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The body has ended. Not all servers send [DONE]: one that has said why the answer ended is done, unless the
        last frame is cut short.
        """
        result = self._decode(frames, at_end=True)
        if not self.complete and self.failure is None:
            self.failure = GatewayError(
                error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE
                if self._started
                else error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
                "the provider ended its answer without its end mark",
            )
        return result

    def whole(self, body: bytes) -> list[ChatEvent]:
        """The events of an answer that came in one piece.

        Raises:
            ProtocolViolation: it is JSON, but not an answer.
            GatewayError: it is an error.
            ValueError: it is not JSON, or a member is not what it should be.
        """
        result: list[ChatEvent] = []
        body.decode()
        if not self._read(Frame(b"", body), result) and self.failure is not None:
            raise self.failure
        # There is no end mark in JSON: this is what tells a whole answer.
        if not self._started or not self._ending.reason:
            msg = "the answer has no choice that says why it ended"
            raise ProtocolViolation(msg)
        self._complete(result)
        return result

    def _decode(self, frames: Sequence[Frame], *, at_end: bool) -> list[ChatEvent]:
        result: list[ChatEvent] = []
        if self.failure is not None or self.complete:
            return result
        is_cut = False
        try:
            for frame in frames:
                try:
                    chunk = chunks.frequent.decode(frame.data)
                except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                    if frame.data.strip() == _DONE:
                        # What follows it is no more part of the answer.
                        self._done(result)
                        break
                    if at_end and not json_text.is_json(frame.data.decode(errors="replace")):
                        is_cut = bool(frame.data.strip())
                        break
                    if not self._rare(frame, result):
                        break
                    continue
                if not self._frequent(chunk, result) and not self._rare(frame, result):
                    break
            if at_end and self._ending.reason and not is_cut and self.failure is None and not self.complete:
                self._done(result)
        except GatewayError as error:
            self.failure = error
        except ProtocolViolation as violation:
            self._violation(str(violation))
        except ValueError:
            # Not JSON, not an object, not UTF-8, or a number that no message can hold.
            self._violation("a chunk is not what the API's format says")
        if self.joins:
            self.joined = sum(run.end() for run in self._runs)
            self._runs.clear()
        if (
            self._kept + self._ending.kept + self._blocks.kept > MAX_KEPT_BYTES
            and self.failure is None
            and not self.complete
        ):
            self._violation("the answer has no end")
        return result

    def _frequent(self, chunk: chunks.Chunk, result: list[ChatEvent]) -> bool:
        """Handles a chunk that does no more than append to one thing. False if it does more."""
        if (
            chunk.model != self._model
            or chunk.system_fingerprint != self._fingerprint
            or chunk.service_tier != self._tier
            or chunk.provider != self._provider
        ):
            return False
        tells_usage = chunk.usage != chunks.NULL
        if tells_usage and not bytes(chunk.usage).startswith(b"{"):
            return False
        choice = chunk.choices[0]
        delta = choice.delta
        blocks = self._blocks
        content = delta.content
        thought = delta.reasoning_content or delta.reasoning
        if content:
            if thought or delta.tool_calls is not None:
                return False
            if blocks.kind == "text" and not blocks.half:
                self._append("text", content, result)
            else:
                blocks.append("text", content, result)
        elif delta.tool_calls is not None:
            if thought:
                return False
            for piece in delta.tool_calls:
                self._kept += self._calls.grow(piece, result)
        elif thought:
            if delta.reasoning_content and delta.reasoning:
                return False
            place = "reasoning_content" if delta.reasoning_content else "reasoning"
            if blocks.kind == place and not blocks.half:
                self._append("thinking", thought, result)
            else:
                blocks.append(place, thought, result)
        if tells_usage:
            self._ending.set_usage(chunk.usage)
        elif content or thought or delta.tool_calls is not None:
            self._ending.outdate_usage()
        if choice.content_filter_results:
            self._ending.others["content_filter_results"] = choice.content_filter_results
        return True

    def _append(self, field: str, text: str, result: list[ChatEvent]) -> None:
        """A delta of the block that is open, which has text in that field."""
        index = self._blocks.count - 1
        run = self._runs[-1] if self._runs else None
        if run is not None and run.index == index and result[-1] is run.event:
            run.pieces.append(text)
            return
        event = ChatEvent()
        out = event.block_delta
        out.index = index
        setattr(out, field, text)
        result.append(event)
        if self.joins:
            self._runs.append(Run(index, event, field, text))

    def _rare(self, frame: Frame, result: list[ChatEvent]) -> bool:
        """Handles any chunk, member by member. False if the stream does not go on."""
        if not frame.data.strip():
            return True
        # What passes through as text has to be text, all of it.
        frame.data.decode()
        if not self._read(frame, result):
            return False
        if not self._started:
            # The first choice takes the long way too, which is where the answer begins.
            return True
        self._model = self._ending.model
        self._tier = self._ending.service_tier or None
        self._fingerprint = self._text_beside("system_fingerprint")
        self._provider = self._text_beside("provider")
        return True

    def _text_beside(self, name: str) -> str | None:
        value = self._ending.others.get(name)
        return None if value is None else Fields(b'{"is":%b}' % bytes(value)).text("is")

    def _read(self, frame: Frame, result: list[ChatEvent]) -> bool:
        fields = Fields(frame.data)
        members = fields.remaining()
        error = members.get("error")
        if frame.event == b"error" or (error is not None and bytes(error) != b"null") or _is_error(members):
            self.failure = decode_stream_error(frame.data, self._target)
            return False
        if "choices" not in members and "usage" not in members:
            self._opaque(fields, frame.data, result)
            return True
        choices = fields.items("choices") or ()
        if "choices" in members:
            msg = "the choices are not a list"
            raise ProtocolViolation(msg)
        tells_usage = bytes(members.get("usage", b"null")) != b"null"
        self._ending.envelope(fields)
        if choices:
            self._start(result)
        before = len(result)
        for choice in choices:
            self._kept += self._delta.choice(choice, result)
        if len(result) > before and not tells_usage:
            self._ending.outdate_usage()
        return True

    def _opaque(self, fields: Fields, data: bytes, result: list[ChatEvent]) -> None:
        kind = fields.text("object") or fields.text("type") or ""
        event = ChatEvent(opaque=additions.untyped(kind, data))
        if self._started:
            result.append(event)
        else:
            self._early.append(event)
            self._kept += len(data)

    def _start(self, result: list[ChatEvent]) -> None:
        if self._started:
            return
        self._started = True
        result.append(ChatEvent(start=self._ending.start()))
        result.extend(self._early)
        self._early.clear()

    def _done(self, result: list[ChatEvent]) -> None:
        if not self._started:
            msg = "[DONE] before an answer"
            raise ProtocolViolation(msg)
        self._complete(result)

    def _complete(self, result: list[ChatEvent]) -> None:
        warnings = self._delta.finish(result)
        completion = self._ending.completion(warnings, has_calls=self._calls.any, has_refusal=self._delta.has_refusal)
        self._completion = ChatEvent(completion=completion)
        result.append(self._completion)

    def _violation(self, what: str) -> None:
        self.failure = GatewayError(
            error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
            f"the provider broke its own format: {what}",
        )


def _is_error(members: json_text.RawObject) -> bool:
    """vLLM's older form of an error: its members without an envelope."""
    return "object" in members and json.loads(bytes(members["object"])) == "error"
