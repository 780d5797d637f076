"""Streams of Chat Completions written by hand, and what the decoder makes of them."""

from __future__ import annotations

import json
from typing import Any

from trunkline.v1 import chat_service_pb2
from trunkline_service.providers.base import Target
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.providers.openai.platform import AZURE, COMPATIBLE, OPENAI
from trunkline_service.upstream.sse import SseDecoder
from wire.decoding import Json, Played, fold, grammar, read

__all__ = ["Json", "Played", "fold", "grammar"]

KEY = "sk-of-the-tests"
TARGET = Target(
    provider="openai", model="gpt-6-sol", base_url="https://api.invalid/v1", api_key=KEY, auth="bearer", api="chat"
)
PROVIDER = ChatProvider(OPENAI)
COMPATIBLE_PROVIDER = ChatProvider(COMPATIBLE)
AZURE_PROVIDER = ChatProvider(AZURE)

USAGE: Json = {
    "prompt_tokens": 75,
    "completion_tokens": 23,
    "total_tokens": 98,
    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0},
}
DONE = b"data: [DONE]\n\n"


def play(*pieces: bytes, target: Target = TARGET, joins: bool = False) -> Played:
    """Reads a body in these pieces, to its end or to where the decoder has had enough, as an attempt does."""
    decoder = PROVIDER.stream_decoder(target)
    decoder.joins = joins
    return read(SseDecoder(), decoder, pieces)


def sse(*chunks: Json | bytes) -> bytes:
    """A body of these chunks; bytes go in as they are."""
    return b"".join(each if isinstance(each, bytes) else frame(each) for each in chunks)


def frame(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def chunk(delta: Json | None = None, finish_reason: str | None = None, **beside: Any) -> Json:
    """A chunk with one choice; `beside` are members of the chunk, or of the choice where it has such."""
    choice: Json = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish_reason}
    for name in ("logprobs", "stop_reason", "content_filter_results"):
        if name in beside:
            choice[name] = beside.pop(name)
    return envelope(choices=[choice], usage=None) | beside


def envelope(**members: Any) -> Json:
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1775237393, "model": "gpt-6-sol-2026",
        "service_tier": "default", "system_fingerprint": "fp_1",
    } | members  # fmt: skip


FIRST = chunk({"role": "assistant", "content": "", "refusal": None})
USED = envelope(choices=[], usage=USAGE)


def text(*pieces: str) -> list[Json]:
    return [chunk({"content": piece}) for piece in pieces]


def piece(index: int | None, arguments: str | None = None, *, name: str | None = None, **members: Any) -> Json:
    """A fragment of a call of a function."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    held: Json = {"function": function} | members
    if name is not None:
        held = {"type": "function"} | held
    return held if index is None else {"index": index} | held


def calls(*pieces: Json) -> Json:
    return chunk({"tool_calls": list(pieces)})


def answer(*chunks: Json | bytes, finish_reason: str = "stop") -> bytes:
    """A whole stream around the chunks of its content."""
    return sse(FIRST, *chunks, chunk({}, finish_reason), USED, DONE)


def message(message: Json, finish_reason: str = "stop", **beside: Any) -> bytes:
    """An answer in one piece; `beside` are members of the choice."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason, **beside}
    whole = envelope(object="chat.completion", choices=[choice], usage=USAGE)
    return json.dumps(whole, ensure_ascii=False).encode()


def whole(*args: Any, **kwargs: Any) -> chat_service_pb2.ChatResponse:
    """What such an answer is in the contract's terms."""
    return fold(PROVIDER.decode_message(message(*args, **kwargs), TARGET))
