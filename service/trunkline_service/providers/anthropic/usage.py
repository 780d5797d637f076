"""Anthropic's usage, in the contract's way of counting.

Anthropic's `input_tokens` leaves out what was read from or written to the cache; the contract's `input_total` does not.
`output_tokens` includes thinking in both.
"""

from __future__ import annotations

import msgspec

from trunkline.v1 import usage_pb2
from trunkline_service import json_text
from trunkline_service.providers.counts import MAX, Count, decode


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: Count | None = None


class _Usage(msgspec.Struct):
    input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens: Count | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: dict[str, Count | None] | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None


_decoder = msgspec.json.Decoder(_Usage)
_PARTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class UsageMeter:
    """The usage of one answer: what `message_start` says, with what each `message_delta` says laid over it.

    Values are totals, not increments; a member that is absent or null keeps what was known.
    """

    def __init__(self) -> None:
        self._members: json_text.RawObject = {}
        self._has_output = False

    def start(self, data: msgspec.Raw) -> None:
        """What `message_start` says; its numbers of the output stand for what is still to come. See `update`."""
        self.update(data)
        self._has_output = False

    def update(self, data: msgspec.Raw) -> None:
        """Raises `JsonTextError` if `data` is neither a JSON object nor null."""
        for name, value in json_text.parse_object(data).items() if bytes(data) != b"null" else ():
            if bytes(value) != b"null" or name not in self._members:
                self._members[name] = value
                self._has_output = self._has_output or name == "output_tokens"

    def usage(self) -> usage_pb2.Usage:
        """The usage so far."""
        if not self._members:
            return usage_pb2.Usage()
        text = msgspec.json.encode(self._members)
        result = usage_pb2.Usage(provider_usage_json=text.decode())
        known, unreadable = decode(_decoder, text, self._members)
        _fill_input(result, known, unreadable)
        if self._has_output:
            _fill_output(result, known)
        for name, count in (known.server_tool_use or {}).items():
            if count is not None:
                result.server_tool_requests[name] = count
        for word in ("service_tier", "speed", "inference_geo"):
            # As it stands, if it is no word: what it does to prices is then not known.
            if text_of_it := bytes(self._members[word]).decode() if word in unreadable else getattr(known, word):
                setattr(result, word, text_of_it)
        return result


def _fill_input(result: usage_pb2.Usage, known: _Usage, unreadable: frozenset[str]) -> None:
    parts = (known.input_tokens, known.cache_read_input_tokens, known.cache_creation_input_tokens)
    if known.input_tokens is not None:
        if (total := sum(part or 0 for part in parts)) <= MAX and unreadable.isdisjoint(_PARTS):
            result.input_total = total
        result.input_uncached = known.input_tokens
    if known.cache_read_input_tokens is not None:
        result.cache_read = known.cache_read_input_tokens
    # What each of them costs is not known if it is not known how long they are kept.
    if known.cache_creation_input_tokens is not None and "cache_creation" not in unreadable:
        result.cache_write = known.cache_creation_input_tokens
    if (creation := known.cache_creation) is not None:
        if creation.ephemeral_5m_input_tokens is not None:
            result.cache_write_by_ttl["5m"] = creation.ephemeral_5m_input_tokens
        if creation.ephemeral_1h_input_tokens is not None:
            result.cache_write_by_ttl["1h"] = creation.ephemeral_1h_input_tokens


def _fill_output(result: usage_pb2.Usage, known: _Usage) -> None:
    if known.output_tokens is not None:
        result.output_total = known.output_tokens
    if known.output_tokens_details is not None and known.output_tokens_details.thinking_tokens is not None:
        result.output_reasoning = known.output_tokens_details.thinking_tokens
