"""OpenAI's usage, in the contract's way of counting.

`prompt_tokens` includes what was read from the cache, and `completion_tokens` what went into reasoning, as the
contract's totals do. The Responses API counts the same by other names.
"""

from __future__ import annotations

import msgspec

from trunkline.v1 import usage_pb2
from trunkline_service import json_text
from trunkline_service.providers.counts import Count, decode
from trunkline_service.providers.fields import Fields


class _InputDetails(msgspec.Struct):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None
    # DeepSeek's, which has them in this place.
    prompt_cache_hit_tokens: Count | None = None


_decoder = msgspec.json.Decoder(_Usage)
_CACHE = ("prompt_tokens_details", "input_tokens_details", "prompt_cache_hit_tokens")


def decode_usage(data: bytes | msgspec.Raw, *, service_tier: str = "") -> usage_pb2.Usage:
    """What an answer took. `service_tier` is beside the usage, in the answer itself.

    Raises:
        JsonTextError: it is neither a JSON object nor null.
    """
    result = usage_pb2.Usage(service_tier=service_tier)
    if bytes(data) == b"null":
        return result
    members = json_text.parse_object(data)
    result.provider_usage_json = bytes(data).decode()
    known, unreadable = decode(_decoder, data, members)
    _fill(result, known, is_cache_known=unreadable.isdisjoint(_CACHE))
    return result


def responses_usage(response: bytes | msgspec.Raw) -> usage_pb2.Usage:
    """What an answer took, from the whole object of the Responses API; empty if it does not say.

    Raises:
        JsonTextError: the response, or its usage, is not a JSON object.
    """
    fields = Fields(response)
    return decode_usage(fields.raw("usage") or b"null", service_tier=fields.text("service_tier") or "")


def _fill(result: usage_pb2.Usage, known: _Usage, *, is_cache_known: bool) -> None:
    total = known.prompt_tokens if known.prompt_tokens is not None else known.input_tokens
    details = known.prompt_tokens_details or known.input_tokens_details or _InputDetails()
    read = details.cached_tokens if details.cached_tokens is not None else known.prompt_cache_hit_tokens
    written = details.cache_write_tokens
    if total is not None:
        result.input_total = total
        # Parts that are more than the whole are not parts of it, and what is left is then not known.
        if (uncached := total - (read or 0) - (written or 0)) >= 0 and is_cache_known:
            result.input_uncached = uncached
    if read is not None:
        result.cache_read = read
    if written is not None:
        result.cache_write = written
    output = known.completion_tokens if known.completion_tokens is not None else known.output_tokens
    if output is not None:
        result.output_total = output
    reasoning = (known.completion_tokens_details or known.output_tokens_details or _OutputDetails()).reasoning_tokens
    if reasoning is not None:
        result.output_reasoning = reasoning
