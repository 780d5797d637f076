"""How an answer of Anthropic's ended."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.v1 import chat_service_pb2, message_pb2, usage_pb2, warning_pb2
from trunkline_service import json_text
from trunkline_service.providers.anthropic import blocks_out, events
from trunkline_service.providers.base import Target
from trunkline_service.providers.fields import Fields

FINISH_REASONS = {
    "end_turn": chat_service_pb2.FINISH_REASON_STOP,
    "stop_sequence": chat_service_pb2.FINISH_REASON_STOP_SEQUENCE,
    "max_tokens": chat_service_pb2.FINISH_REASON_MAX_OUTPUT_TOKENS,
    "model_context_window_exceeded": chat_service_pb2.FINISH_REASON_CONTEXT_WINDOW,
    "tool_use": chat_service_pb2.FINISH_REASON_TOOL_USE,
    "pause_turn": chat_service_pb2.FINISH_REASON_PAUSE,
    "refusal": chat_service_pb2.FINISH_REASON_REFUSAL,
    "compaction": chat_service_pb2.FINISH_REASON_COMPACTION,
}

# Members of the message that have a place of their own elsewhere. Content comes in blocks of its own.
_TYPED_ELSEWHERE = ("type", "role", "usage", "id", "model")


class Ending:
    """Collects what message_start and message_delta say about the end of an answer."""

    def __init__(self) -> None:
        self._reason = ""
        self._stop_sequence: str | None = None
        self._refusal: chat_service_pb2.RefusalDetails | None = None
        self._others: json_text.RawObject = {}
        self._origin: message_pb2.Origin | None = None

    def envelope(self, message: Fields) -> None:
        """The message of a message_start, or a whole one."""
        self.delta(message)
        for name in _TYPED_ELSEWHERE:
            self._others.pop(name, None)
        if "content" in self._others and bytes(self._others["content"]) == b"[]":
            del self._others["content"]

    def note_fallback(self, block: message_pb2.Opaque, target: Target) -> None:
        """A `fallback` block: the provider went on with another of its models, which wrote what follows."""
        if block.type != "fallback":
            return
        to = Fields(block.raw_json.encode()).object("to")
        if to is not None and (model := Fields(to).text("model")):
            self._origin = blocks_out.origin(target, model)

    def begin(self) -> None:
        """A message that says nothing of its end yet. See `envelope`."""
        self._reason = ""
        self._stop_sequence = None

    def stop(self, stop: events.Stop) -> None:
        """A `delta` that says no more than nearly all of them do. See `delta`."""
        self._reason = stop.stop_reason
        self._stop_sequence = stop.stop_sequence
        if stop.stop_details is None:
            self._refusal = None

    def delta(self, delta: Fields) -> None:
        """The `delta` of a message_delta: what it names replaces what was known, null included."""
        members = delta.remaining()
        if "stop_reason" in members:
            self._reason = delta.text("stop_reason") or ""
        if "stop_sequence" in members:
            self._stop_sequence = delta.text("stop_sequence")
        if "stop_details" in members:
            self._refusal = None
        if (details := delta.object("stop_details")) is not None:
            self._refusal = _refusal(details)
            if self._refusal is None:
                delta.put_back("stop_details", details)
        self._others.update(members)

    @property
    def known(self) -> bool:
        """Whether the provider has said why the answer ended. Until it has, the answer is not whole."""
        return bool(self._reason)

    def beside_delta(self, event: Fields) -> None:
        """Members of the message_delta event beside `delta`, such as context_management."""
        self._others.update(event.remaining())

    def completion(
        self, usage: usage_pb2.Usage, warnings: Sequence[warning_pb2.Warning]
    ) -> chat_service_pb2.Completion:
        """The completion, once the end mark has come."""
        others = {name: value for name, value in self._others.items() if bytes(value) != b"null"}
        return chat_service_pb2.Completion(
            finish_reason=FINISH_REASONS.get(self._reason, chat_service_pb2.FINISH_REASON_OTHER),
            provider_finish_reason=self._reason,
            stop_sequence=self._stop_sequence,
            refusal_details=self._refusal,
            usage=usage,
            warnings=warnings,
            origin=self._origin,
            provider_fields_json=json_text.dump(others) if others else "",
        )


def _refusal(data: msgspec.Raw) -> chat_service_pb2.RefusalDetails | None:
    """What is said about a refusal; None if it is about something else."""
    details = Fields(data)
    if details.text("type") != "refusal":
        return None
    return chat_service_pb2.RefusalDetails(
        category=details.text("category") or "",
        explanation=details.text("explanation") or "",
        provider_fields_json=details.rest(),
    )
