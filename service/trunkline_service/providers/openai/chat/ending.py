"""How an answer of Chat Completions ended, and what there is beside it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.v1 import chat_service_pb2, error_reason_pb2, message_pb2, usage_pb2, warning_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service import json_text
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.platform import PROVIDER_TYPE
from trunkline_service.providers.openai.usage import decode_usage

FINISH_REASONS = {
    "stop": chat_service_pb2.FINISH_REASON_STOP,
    "length": chat_service_pb2.FINISH_REASON_MAX_OUTPUT_TOKENS,
    "tool_calls": chat_service_pb2.FINISH_REASON_TOOL_USE,
    "function_call": chat_service_pb2.FINISH_REASON_TOOL_USE,
    "content_filter": chat_service_pb2.FINISH_REASON_CONTENT_FILTER,
    # Of compatible servers: Together's, Mistral's.
    "eos": chat_service_pb2.FINISH_REASON_STOP,
    "model_length": chat_service_pb2.FINISH_REASON_CONTEXT_WINDOW,
}

# With these, it is not the model that ended the answer: OpenRouter's and Mistral's, vLLM's, DeepSeek's.
_FAILURES: dict[str, ErrorReason.ValueType] = {
    "error": error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR,
    "abort": error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR,
    "insufficient_system_resource": error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED,
}

_KEPT_PER_ITEM = 64

# Where servers tell which stop sequence it was: vLLM, SGLang.
_MATCHED = ("stop_reason", "matched_stop")


class Ending:
    """Collects what chunks say about the whole answer."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.id = ""
        # When the answer was made, as JSON, by its first chunk.
        self.created = msgspec.Raw(b"")
        self.model = ""
        self.reason = ""
        self.service_tier = ""
        # Members of the answer that the contract has no field for; the last word on each counts, and lists add up.
        self.others: json_text.RawObject = {}
        self._lists: dict[str, list[msgspec.Raw]] = {}
        # How many bytes are remembered here.
        self.kept = 0
        self._usage = msgspec.Raw(b"null")
        self._is_outdated = False
        self._first_model = ""
        self._stop_sequence: str | None = None

    def start(self) -> chat_service_pb2.StreamStart:
        """The beginning of the answer, by what is known so far."""
        self._first_model = self.model
        return chat_service_pb2.StreamStart(id=self.id, origin=self._origin(self.model), usage=self._known_usage())

    def envelope(self, fields: Fields) -> None:
        """What is beside the choices of a chunk, or of a whole answer."""
        fields.text("object")
        # Random padding against eavesdroppers, who count bytes.
        fields.text("obfuscation")
        self.id = self.id or fields.text("id") or ""
        fields.text("id")
        self.created = self.created or fields.remaining().get("created", msgspec.Raw(b""))
        self.model = fields.text("model") or self.model
        self.service_tier = fields.text("service_tier") or self.service_tier
        if (usage := fields.object("usage")) is not None:
            self.set_usage(usage)
        self.beside(fields)

    def set_usage(self, usage: msgspec.Raw) -> None:
        """The usage so far: each word on it replaces the one before. Raises `JsonTextError`."""
        json_text.parse_object(usage)
        self._usage = usage
        self._is_outdated = False

    def outdate_usage(self) -> None:
        """More of the answer has come without a word on usage: how long it is now is not known."""
        self._is_outdated = True

    def choice(self, fields: Fields) -> None:
        """What is beside the delta of a choice.

        Raises:
            GatewayError: the provider could not finish the answer, and says so by the reason of its end.
        """
        if reason := fields.text("finish_reason"):
            if (failure := _FAILURES.get(reason)) is not None:
                metadata = {"upstream_status": "200", "upstream_code": reason}
                raise GatewayError(failure, "the provider could not finish the answer", metadata=metadata)
            self.reason = reason
        for name in _MATCHED:
            if (matched := fields.text(name)) is not None:
                self._stop_sequence = matched
        self.beside(fields)

    def beside(self, fields: Fields) -> None:
        """Members that nobody has asked for."""
        for name, value in fields.remaining().items():
            text = bytes(value)
            if text == b"null":
                continue
            if text.startswith(b"["):
                self.add(name, json_text.parse_list(value))
            elif name not in self.others:
                self.others[name] = value
                self.kept += len(name) + len(value)
            elif text != b"{}":
                self.others[name] = value

    def add(self, name: str, items: Sequence[msgspec.Raw]) -> None:
        """More items of a list that the contract has no field for."""
        if items:
            self._lists.setdefault(name, []).extend(items)
            self.kept += sum(_KEPT_PER_ITEM + len(item) for item in items)

    def usage(self) -> usage_pb2.Usage:
        """The usage so far."""
        result = decode_usage(self._usage, service_tier=self.service_tier)
        if self._is_outdated:
            result.ClearField("output_total")
            result.ClearField("output_reasoning")
        return result

    def completion(
        self, warnings: Sequence[warning_pb2.Warning], *, has_calls: bool, has_refusal: bool
    ) -> chat_service_pb2.Completion:
        """The completion, once the end has come."""
        reason = FINISH_REASONS.get(self.reason, chat_service_pb2.FINISH_REASON_OTHER)
        if reason == chat_service_pb2.FINISH_REASON_STOP:
            # The same word also ends refusals and, where a tool was forced, calls.
            if has_refusal:
                reason = chat_service_pb2.FINISH_REASON_REFUSAL
            elif has_calls:
                reason = chat_service_pb2.FINISH_REASON_TOOL_USE
            elif self._stop_sequence is not None:
                reason = chat_service_pb2.FINISH_REASON_STOP_SEQUENCE
        others: dict[str, object] = {**self.others, **self._lists}
        return chat_service_pb2.Completion(
            finish_reason=reason,
            provider_finish_reason=self.reason,
            stop_sequence=self._stop_sequence,
            usage=self.usage(),
            warnings=warnings,
            origin=self._origin(self.model) if self.model != self._first_model else None,
            provider_fields_json=json_text.dump(others) if others else "",
        )

    def _origin(self, model: str) -> message_pb2.Origin:
        return message_pb2.Origin(provider=self._target.provider, provider_type=PROVIDER_TYPE, model=model)

    def _known_usage(self) -> usage_pb2.Usage | None:
        return self.usage() if bytes(self._usage) != b"null" else None
