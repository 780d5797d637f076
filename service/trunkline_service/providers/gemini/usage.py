"""Gemini's usage, in the contract's way of counting.

Its `promptTokenCount` includes what was read from the cache, but not what tools of its own brought into the prompt; its
`candidatesTokenCount` leaves out the thoughts. The contract's totals have all of it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.v1 import usage_pb2
from trunkline_service import json_text

_MAX = 2**31 - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MAX)]


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: _Count | None = None
    cached_content_token_count: _Count | None = None
    tool_use_prompt_token_count: _Count | None = None
    candidates_token_count: _Count | None = None
    thoughts_token_count: _Count | None = None
    service_tier: str | None = None
    traffic_type: str | None = None


_decoder = msgspec.json.Decoder(_Usage)


class UsageMeter:
    """The usage of one answer. Each chunk tells the totals so far; what one leaves out keeps what was known."""

    def __init__(self) -> None:
        self._members: json_text.RawObject = {}

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
        return added

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
    if known.prompt_token_count is not None:
        total = known.prompt_token_count + (known.tool_use_prompt_token_count or 0)
        uncached = total - (known.cached_content_token_count or 0)
        if total <= _MAX:
            result.input_total = total
        if 0 <= uncached <= _MAX:
            result.input_uncached = uncached
    if known.cached_content_token_count is not None:
        result.cache_read = known.cached_content_token_count
    if known.candidates_token_count is not None or known.thoughts_token_count is not None:
        output = (known.candidates_token_count or 0) + (known.thoughts_token_count or 0)
        if output <= _MAX:
            result.output_total = output
    if known.thoughts_token_count is not None:
        result.output_reasoning = known.thoughts_token_count
    result.service_tier = known.service_tier or known.traffic_type or ""
