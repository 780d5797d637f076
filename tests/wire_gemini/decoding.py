"""Gemini's streams written by hand, and what the decoder makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from trunkline.v1 import message_pb2
from trunkline_service.providers.base import Target
from trunkline_service.providers.gemini import GeminiProvider, VertexGeminiProvider
from wire.decoding import Json, Played, read

KEY = "AIza-of-the-tests"
TARGET = Target(
    provider="gemini",
    model="gemini-3.8-flash",
    base_url="https://gemini.invalid/v1beta",
    auth="x-goog-api-key",
    api_key=KEY,
)
ON_VERTEX = Target(
    provider="vertex",
    model="gemini-3.8-flash",
    base_url="https://vertex.invalid/v1",
    auth="bearer",
    api_key="ya29.token",
    region="europe-west4",
    project="acme",
)
PROVIDER = GeminiProvider()
VERTEX = VertexGeminiProvider()

USAGE: Json = {"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14}


def play(*pieces: bytes, target: Target = TARGET) -> Played:
    """Reads a body in these pieces, to its end or to where the decoder has had enough, as an attempt does."""
    return read(PROVIDER.framing(2**20), PROVIDER.stream_decoder(target), pieces)


def chunk(*parts: Json, finish: str = "", candidate: Json | None = None, **beside: Any) -> Json:
    """A chunk with these parts; `candidate` and `beside` are further members of the candidate and of the chunk."""
    held: Json = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        held["finishReason"] = finish
    return {
        "candidates": [held | (candidate or {})],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-3.8-flash",
        "responseId": "resp-1",
        **beside,
    }


def text(words: str, **beside: Any) -> Json:
    return {"text": words, **beside}


def thought(words: str, **beside: Any) -> Json:
    return {"text": words, "thought": True, **beside}


def call(name: str = "get_weather", args: Any = None, **beside: Any) -> Json:
    return {"functionCall": {"name": name, "args": {"city": "Oslo"} if args is None else args, **beside}}


def sse(*chunks: Json | bytes, newline: bytes = b"\r\n") -> bytes:
    """A body of these chunks, as Google ends its lines; bytes go in as they are."""
    return b"".join(
        each if isinstance(each, bytes) else b"data: " + json.dumps(each).encode() + newline * 2 for each in chunks
    )


def answer(*parts: Json, finish: str = "STOP") -> bytes:
    """A whole stream with one chunk for each part."""
    *before, last = parts
    return sse(*map(chunk, before), chunk(last, finish=finish))


def blocks(*played_parts: Json) -> list[message_pb2.ContentBlock]:
    """What the parts of an answer become."""
    played = play(answer(*played_parts))
    assert played.succeeded, played.failure
    return list(played.response.message.content)


def kinds(content: Iterable[message_pb2.ContentBlock]) -> list[str]:
    return [block.WhichOneof("kind") or "" for block in content]


def error(code: int, status: str, message: str = "m", *details: Json) -> Json:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def detail(kind: str, **members: Any) -> Json:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **members}
