"""Gemini's streamed answers.

Each chunk is a whole response that says what is new; blocks are made of its parts here. Text and thoughts go on in the
open block, until a part is of another kind or holds more than text: such a part is a block of its own, with its
signature. There is no end mark: an answer is whole when its body has ended and a reason to finish has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from trunkline.v1 import chat_service_pb2, error_reason_pb2, message_pb2, usage_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service import json_text
from trunkline_service.errors import GatewayError
from trunkline_service.providers import surrogates
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.gemini import chunks, citations, logprobs, parts_out
from trunkline_service.providers.gemini.ending import Ending
from trunkline_service.providers.gemini.failures import blocked, decode_stream_error, failed_finish
from trunkline_service.providers.gemini.usage import UsageMeter
from trunkline_service.upstream.framing import Frame

# What is remembered of one answer: what it says beside its content. No answer has that much, but a provider that never
# ends one would fill the memory.
MAX_KEPT_BYTES = 16 * 2**20

_PLAIN = frozenset({"text", "thought"})


class GeminiStream:
    """A `StreamDecoder` for the chunks of streamGenerateContent."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._started = False
        # What the last chunk said about itself: its model, the answer's id and time. The same again says nothing new.
        self._envelope = ("", "", "")
        self._model = self._answer_id = ""
        self._origin = message_pb2.Origin()
        # The blocks that have begun, the kind of the one that is open ("text", "thinking" or none), and the calls.
        self._blocks = 0
        self._kind = ""
        self._calls = 0
        self.pending_surrogate = ""
        self._cited: set[bytes] = set()
        self._kept = 0
        self._meter = UsageMeter()
        self._ending = Ending()
        self._complete = False
        self.failure: GatewayError | None = None
        self.joins = False
        self.joined = 0

    @property
    def complete(self) -> bool:
        """Whether the body has ended, and the answer with it."""
        return self._complete

    @property
    def usage(self) -> usage_pb2.Usage:
        """The usage so far."""
        return self._meter.usage()

    def decode(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The events of these frames; what goes wrong is in `failure` afterwards, and ends the stream."""
        result: list[ChatEvent] = []
        if self.failure is not None or self._complete:
            return result
        for frame in frames:
            try:
                chunk = chunks.frequent.decode(frame.data)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                if not self._rare(frame, result):
                    break
                continue
            envelope = (chunk.model_version, chunk.response_id, chunk.create_time)
            if envelope != self._envelope or self.pending_surrogate or not self._started:
                if not self._rare(frame, result):
                    break
                continue
            for part in chunk.candidates[0].content.parts:
                if part.text:
                    self._say("thinking" if part.thought else "text", part.text, result)
            if not chunk.usage_metadata:
                self._meter.outdate()
            elif not self._count(chunk.usage_metadata):
                break
        if self._kept + self._ending.size > MAX_KEPT_BYTES and self.failure is None:
            self._violation("the answer has no end")
        return result

    def finish(self, frames: Sequence[Frame]) -> list[ChatEvent]:
        """The body has ended. With a last frame that is cut short, the answer is not whole."""
        whole = [
            frame
            for frame in frames
            if not frame.data.strip() or json_text.is_json(frame.data.decode(errors="replace"))
        ]
        result = self.decode(whole)
        if self.failure is not None or self._complete:
            return result
        if self._ending.known and len(whole) == len(frames):
            self._close(result)
            completion = self._ending.completion(
                called=bool(self._calls), usage=self.usage, warnings=(), origin=self._late_origin()
            )
            result.append(ChatEvent(completion=completion))
            self._complete = True
        else:
            self.failure = GatewayError(
                error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE
                if self._started
                else error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
                "the provider ended its answer without saying why",
            )
        return result

    def _rare(self, frame: Frame, result: list[ChatEvent]) -> bool:
        """Handles any frame, member by member. False if the stream does not go on."""
        data = frame.data.strip()
        if not data:
            return True
        try:
            # What passes through as text has to be text, all of it.
            data.decode()
            for item in json_text.parse_list(data) if data.startswith(b"[") else [msgspec.Raw(data)]:
                self._chunk(item, result)
                if self.failure is not None:
                    break
        except ProtocolViolation as violation:
            self._violation(str(violation))
        except (ValueError, RecursionError):
            # Not JSON, not an object, not UTF-8, or a number that no message can hold.
            self._violation("a chunk is not what the API's format says")
        return self.failure is None

    def _violation(self, what: str) -> None:
        self.failure = GatewayError(
            error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
            f"the provider broke its own format: {what}",
        )

    def _count(self, usage: msgspec.Raw) -> bool:
        try:
            self._kept += self._meter.update(usage)
        except ValueError:
            self._violation("its usage is not what the API's format says")
        return self.failure is None

    def _chunk(self, data: msgspec.Raw, result: list[ChatEvent]) -> None:
        fields = Fields(data)
        if "error" in fields.remaining():
            self.failure = decode_stream_error(bytes(data), self._target)
            return
        if (usage := fields.raw("usageMetadata")) is not None and not self._count(usage):
            return
        candidates = fields.items("candidates") or []
        if not candidates and (feedback := fields.object("promptFeedback")) is not None:
            self.failure = blocked(feedback, self._target)
            if self.failure is not None:
                return
            fields.put_back("promptFeedback", feedback)
        self._begin(fields, result)
        if len(candidates) > 1:
            msg = "there are several answers, though one was asked for"
            raise ProtocolViolation(msg)
        before = len(result)
        for candidate in candidates:
            self._candidate(Fields(candidate), result)
        if usage is None and len(result) > before:
            self._meter.outdate()
        self._ending.beside(fields)

    def _begin(self, fields: Fields, result: list[ChatEvent]) -> None:
        """Notes what the chunk says about itself; the first one begins the answer."""
        model, answer_id = fields.text("modelVersion") or "", fields.text("responseId") or ""
        created = fields.remaining().get("createTime")
        self._envelope = (model, answer_id, "" if created is None else bytes(created).decode().strip('"'))
        if self._started:
            if model:
                self._model = model
            return
        self._started = True
        self._model, self._answer_id = model, answer_id
        self._origin = parts_out.origin(self._target, model)
        result.append(
            ChatEvent(start=chat_service_pb2.StreamStart(id=answer_id, origin=self._origin, usage=self.usage))
        )

    def _late_origin(self) -> message_pb2.Origin | None:
        """Who wrote the answer, if that is not what its start said."""
        return None if self._model == self._origin.model else parts_out.origin(self._target, self._model)

    def _candidate(self, candidate: Fields, result: list[ChatEvent]) -> None:
        if candidate.integer("index") or "index" in candidate.remaining():
            msg = "there are several answers, though one was asked for"
            raise ProtocolViolation(msg)
        # What is cited was written by now, unless the answer comes in one piece.
        cited_before = self._kind == "text"
        if cited_before:
            self._cite(candidate.remaining(), result)
        if (content := candidate.object("content")) is not None:
            members = Fields(content)
            for part in members.items("parts") or ():
                self._part(part, result)
            members.text("role")
            if rest := members.rest():
                candidate.put_back("content", msgspec.Raw(rest.encode()))
        if not cited_before and self._kind == "text":
            self._cite(candidate.remaining(), result)
        if self._kind == "text" and (probabilities := candidate.object("logprobsResult")) is not None:
            self._tell_logprobs(probabilities, candidate, result)
        self._ending.candidate(candidate)
        self.failure = failed_finish(self._ending.reason, self._ending.message, self._target)

    def _part(self, part: msgspec.Raw, result: list[ChatEvent]) -> None:
        members = json_text.parse_object(part)
        thought = bytes(members.get("thought", b"false"))
        if members.keys() <= _PLAIN and bytes(members.get("text", b"")).startswith(b'"') and thought in _BOOLEANS:
            kind = _BOOLEANS[thought]
            if kind != self._kind:
                # Half of a surrogate pair waits for the rest of its own block only.
                self._close(result)
            text = Fields(surrogates.mend(part, self)).text("text") or ""
            if text or (self.pending_surrogate and not self._kind):
                self._say(kind, text, result)
            return
        self._close(result)
        block = parts_out.decode_part(part, self._answer_id, self._calls)
        self._calls += block.HasField("tool_use")
        event = ChatEvent()
        event.block_start.index = self._blocks
        event.block_start.block.CopyFrom(block)
        result.append(event)
        end = ChatEvent()
        end.block_end.index = self._blocks
        result.append(end)
        self._blocks += 1

    def _say(self, kind: str, text: str, result: list[ChatEvent]) -> None:
        """Text or thought: the open block goes on if it is of this kind, or else another begins."""
        event = ChatEvent()
        if self._kind == kind:
            delta = event.block_delta
            delta.index = self._blocks - 1
            if kind == "text":
                delta.text = text
            else:
                delta.thinking = text
        else:
            self._close(result)
            start = event.block_start
            start.index = self._blocks
            if kind == "text":
                start.block.text.text = text
            else:
                start.block.thinking.text = text
            self._blocks += 1
            self._kind = kind
        result.append(event)

    def _close(self, result: list[ChatEvent]) -> None:
        """Ends the open block, if there is one."""
        if not self._kind:
            return
        if self.pending_surrogate:
            self.pending_surrogate = ""
            self._say(self._kind, "\ufffd", result)
        event = ChatEvent()
        event.block_end.index = self._blocks - 1
        result.append(event)
        self._kind = ""

    def _cite(self, candidate: json_text.RawObject, result: list[ChatEvent]) -> None:
        """Cites in the open block of text; what is cited stays in the candidate, too."""
        found: list[Iterable[message_pb2.Citation]] = []
        if (grounding := candidate.get("groundingMetadata")) is not None:
            found.append(citations.of_grounding(grounding))
        if (repeated := candidate.get("citationMetadata")) is not None:
            found.append(citations.of_citations(repeated))
        for citation in (each for group in found for each in group):
            # Chunks may tell again what earlier ones told.
            key = citation.SerializeToString(deterministic=True)
            if key not in self._cited:
                self._cited.add(key)
                self._kept += len(key)
                event = ChatEvent()
                event.block_delta.index = self._blocks - 1
                event.block_delta.citation.CopyFrom(citation)
                result.append(event)

    def _tell_logprobs(self, probabilities: msgspec.Raw, candidate: Fields, result: list[ChatEvent]) -> None:
        tokens = logprobs.decode(probabilities)
        if tokens is None:
            candidate.put_back("logprobsResult", probabilities)
            return
        event = ChatEvent()
        event.block_delta.index = self._blocks - 1
        event.block_delta.logprobs.CopyFrom(tokens)
        event.block_delta.provider_fields_json = json_text.dump({"logprobsResult": probabilities})
        result.append(event)


_BOOLEANS = {b"false": "text", b"true": "thinking"}
