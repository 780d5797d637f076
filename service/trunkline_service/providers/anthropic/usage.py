"""Anthropic's usage, in the contract's way of counting.

Anthropic's `input_tokens` leaves out what was read from or written to the cache; the contract's `input_total` does not.
`output_tokens` includes thinking in both.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.v1 import usage_pb2
from trunkline_service import json_text

_MAX = 2**31 - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MAX)]


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: _Count | None = None
    ephemeral_1h_input_tokens: _Count | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens: _Count | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: dict[str, _Count | None] | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None


_decoder = msgspec.json.Decoder(_Usage)


class UsageMeter:
    """The usage of one answer: what `message_start` says, with what each `message_delta` says laid over it.

    Values are totals, not increments; a member that is absent or null keeps what was known.
    """

    def __init__(self) -> None:
        self._members: json_text.RawObject = {}

    def update(self, data: msgspec.Raw) -> None:
        """Raises `JsonTextError` if `data` is neither a JSON object nor null."""
        for name, value in json_text.parse_object(data).items() if bytes(data) != b"null" else ():
            if bytes(value) != b"null" or name not in self._members:
                self._members[name] = value

    def usage(self) -> usage_pb2.Usage:
        """The usage so far."""
        if not self._members:
            return usage_pb2.Usage()
        text = msgspec.json.encode(self._members)
        result = usage_pb2.Usage(provider_usage_json=text.decode())
        try:
            known = _decoder.decode(text)
        except msgspec.DecodeError:
            # A member that is not what it should be: better no number than a wrong one; the text still has them all.
            known = _decoder.decode(msgspec.json.encode({k: v for k, v in self._members.items() if _is_known(k, v)}))
        _fill(result, known)
        return result


def _is_known(name: str, value: msgspec.Raw) -> bool:
    try:
        _decoder.decode(msgspec.json.encode({name: value}))
    except msgspec.DecodeError:
        return False
    return True


def _fill(result: usage_pb2.Usage, known: _Usage) -> None:
    parts = (known.input_tokens, known.cache_read_input_tokens, known.cache_creation_input_tokens)
    if known.input_tokens is not None:
        if (total := sum(part or 0 for part in parts)) <= _MAX:
            result.input_total = total
        result.input_uncached = known.input_tokens
    if known.cache_read_input_tokens is not None:
        result.cache_read = known.cache_read_input_tokens
    if known.cache_creation_input_tokens is not None:
        result.cache_write = known.cache_creation_input_tokens
    if (creation := known.cache_creation) is not None:
        if creation.ephemeral_5m_input_tokens is not None:
            result.cache_write_by_ttl["5m"] = creation.ephemeral_5m_input_tokens
        if creation.ephemeral_1h_input_tokens is not None:
            result.cache_write_by_ttl["1h"] = creation.ephemeral_1h_input_tokens
    if known.output_tokens is not None:
        result.output_total = known.output_tokens
    if known.output_tokens_details is not None and known.output_tokens_details.thinking_tokens is not None:
        result.output_reasoning = known.output_tokens_details.thinking_tokens
    for name, count in (known.server_tool_use or {}).items():
        if count is not None:
            result.server_tool_requests[name] = count
    result.service_tier = known.service_tier or ""
    result.speed = known.speed or ""
    result.inference_geo = known.inference_geo or ""
