"""Gemini's usage, in the contract's way of counting.

Its `promptTokenCount` includes what was read from the cache, but not what tools of its own brought into the prompt; its
`candidatesTokenCount` leaves out the thoughts. The contract's totals have all of it.
"""

from __future__ import annotations

import msgspec

from trunkline.v1 import usage_pb2
from trunkline_service import json_text
from trunkline_service.providers.counts import MAX, Count, decode


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    candidates_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    service_tier: str | None = None
    traffic_type: str | None = None


_decoder = msgspec.json.Decoder(_Usage)
_OUTPUT = ("candidatesTokenCount", "thoughtsTokenCount")
_WORDS = ("serviceTier", "trafficType")


class UsageMeter:
    """The usage of one answer. Each chunk tells the totals so far; what one leaves out keeps what was known."""

    def __init__(self) -> None:
        self._members: json_text.RawObject = {}
        self._is_outdated = False

    def update(self, data: msgspec.Raw) -> int:
        """Takes a `usageMetadata`; returns how many bytes of it are remembered beyond what was.

        Raises ValueError if it is not UTF-8, or neither a JSON object nor null.
        """
        added = 0
        bytes(data).decode()
        for name, value in json_text.parse_object(data).items() if bytes(data) != b"null" else ():
            if name not in self._members:
                added += len(name) + len(value)
            # A copy: the value itself is a view of all of the chunk.
            self._members[name] = value.copy()
            if name in _OUTPUT:
                self._is_outdated = False
        return added

    def usage(self) -> usage_pb2.Usage:
        """The usage so far."""
        if not self._members:
            return usage_pb2.Usage()
        text = msgspec.json.encode(self._members)
        result = usage_pb2.Usage(provider_usage_json=text.decode())
        known, unreadable = decode(_decoder, text, self._members)
        _fill_input(result, known, unreadable)
        if not self._is_outdated and unreadable.isdisjoint(_OUTPUT):
            _fill_output(result, known)
        # As it stands, if it is no word: what it does to prices is then not known.
        words = [bytes(self._members[name]).decode() for name in _WORDS if name in unreadable]
        result.service_tier = "".join(words) or known.service_tier or known.traffic_type or ""
        return result

    def outdate(self) -> None:
        """More of the answer has come without a word on usage: how long it is now is not known."""
        self._is_outdated = True


def _fill_input(result: usage_pb2.Usage, known: _Usage, unreadable: frozenset[str]) -> None:
    if known.prompt_token_count is not None and "toolUsePromptTokenCount" not in unreadable:
        total = known.prompt_token_count + (known.tool_use_prompt_token_count or 0)
        uncached = total - (known.cached_content_token_count or 0)
        if total <= MAX:
            result.input_total = total
        if 0 <= uncached <= MAX and "cachedContentTokenCount" not in unreadable:
            result.input_uncached = uncached
    if known.cached_content_token_count is not None:
        result.cache_read = known.cached_content_token_count


def _fill_output(result: usage_pb2.Usage, known: _Usage) -> None:
    if known.candidates_token_count is not None or known.thoughts_token_count is not None:
        output = (known.candidates_token_count or 0) + (known.thoughts_token_count or 0)
        if output <= MAX:
            result.output_total = output
    if known.thoughts_token_count is not None:
        result.output_reasoning = known.thoughts_token_count
