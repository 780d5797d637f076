"""How an answer of Gemini's ended, and what it says beside its content."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.v1 import chat_service_pb2, message_pb2, usage_pb2, warning_pb2
from trunkline_service import json_text
from trunkline_service.providers.fields import Fields

_FILTERED = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
)  # fmt: skip
FINISH_REASONS = {
    "STOP": chat_service_pb2.FINISH_REASON_STOP,
    "MAX_TOKENS": chat_service_pb2.FINISH_REASON_MAX_OUTPUT_TOKENS,
    **dict.fromkeys(_FILTERED, chat_service_pb2.FINISH_REASON_CONTENT_FILTER),
}
# Said anew with each chunk.
_LATEST = ("safetyRatings",)
# Stands for nothing said, as everywhere in Google's APIs.
_UNSAID = ("", "FINISH_REASON_UNSPECIFIED")


class Ending:
    """Collects what chunks say beside content and usage.

    `size` is how many bytes of it are remembered, `reason` why the answer ended, in Gemini's own word.
    """

    def __init__(self) -> None:
        self.size = 0
        self.reason = ""
        self._candidate: dict[str, object] = {}
        self._others: dict[str, object] = {}

    @property
    def known(self) -> bool:
        """Whether Gemini has said why the answer ended. Until it has, the answer is not whole."""
        return bool(self.reason)

    @property
    def message(self) -> str:
        """What Gemini says about the end in a sentence."""
        said = self._candidate.get("finishMessage")
        return (Fields(b'{"is":%b}' % bytes(said)).text("is") or "") if isinstance(said, msgspec.Raw) else ""

    def candidate(self, candidate: Fields) -> None:
        """What is left of a candidate once its content was taken."""
        reason = candidate.text("finishReason") or ""
        if reason not in _UNSAID:
            self.reason = reason
        self._keep(self._candidate, candidate.remaining())

    def beside(self, chunk: Fields) -> None:
        """What is left of a chunk once its candidates and usage were taken."""
        self._keep(self._others, chunk.remaining())

    def completion(
        self,
        *,
        called: bool,
        usage: usage_pb2.Usage,
        warnings: Sequence[warning_pb2.Warning],
        origin: message_pb2.Origin | None,
    ) -> chat_service_pb2.Completion:
        """The completion, once the body has ended; `called` says whether the answer holds calls.

        What the candidate says beside its content is under `candidates` in `provider_fields_json`, as on the wire.
        """
        finish_reason = FINISH_REASONS.get(self.reason, chat_service_pb2.FINISH_REASON_OTHER)
        if called and finish_reason == chat_service_pb2.FINISH_REASON_STOP:
            finish_reason = chat_service_pb2.FINISH_REASON_TOOL_USE
        others = {"candidates": [self._candidate], **self._others} if self._candidate else self._others
        return chat_service_pb2.Completion(
            finish_reason=finish_reason,
            provider_finish_reason=self.reason,
            usage=usage,
            warnings=warnings,
            origin=origin,
            provider_fields_json=json_text.dump(others) if others else "",
        )

    def _keep(self, known: dict[str, object], members: json_text.RawObject) -> None:
        for name, value in members.items():
            before = known.get(name)
            if bytes(value) == b"null" or before == value:
                continue
            if before is None or name in _LATEST:
                self.size += len(name) + len(value) - (len(before) if isinstance(before, msgspec.Raw) else 0)
                # A copy: the value itself is a view of all of the chunk.
                known[name] = value.copy()
            else:
                self.size += len(value)
                known[name] = _joined(before, value.copy())


def _joined(before: object, after: msgspec.Raw) -> object:
    """Two values of the same member, from two chunks. Some members grow, some tell what is new, and nothing says which:
    a list is replaced by one that begins with it, and goes on with any other; anything but lists and objects is
    replaced.
    """
    text = bytes(after).lstrip()
    if text.startswith(b"{"):
        known = before if isinstance(before, dict) else _object(before)
        if known is None:
            return after
        for name, value in json_text.parse_object(after).items():
            known[name] = _joined(known[name], value) if name in known else value
        return known
    if text.startswith(b"["):
        items = before if isinstance(before, list) else _list(before)
        if items is None:
            return after
        more = json_text.parse_list(after)
        if len(more) >= len(items) and all(bytes(a) == bytes(b) for a, b in zip(items, more, strict=False)):
            return more
        return [*items, *more]
    return after


def _object(value: object) -> dict[str, object] | None:
    if isinstance(value, msgspec.Raw) and bytes(value).startswith(b"{"):
        return dict(json_text.parse_object(value))
    return None


def _list(value: object) -> list[msgspec.Raw] | None:
    if isinstance(value, msgspec.Raw) and bytes(value).startswith(b"["):
        return json_text.parse_list(value)
    return None
