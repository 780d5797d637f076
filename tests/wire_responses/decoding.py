"""Streams of the Responses API written by hand, and what the decoder makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from trunkline.v1 import chat_input_pb2, chat_service_pb2
from trunkline_service.providers.base import Target
from trunkline_service.providers.openai.responses import ResponsesProvider
from trunkline_service.upstream.sse import SseDecoder
from wire.decoding import Json, Played, fold, grammar, read

__all__ = ["Json", "Played", "fold", "grammar"]

KEY = "sk-of-the-tests"
TARGET = Target(
    provider="openai", model="gpt-6-sol", base_url="https://api.invalid/v1", api_key=KEY, auth="bearer", api="responses"
)
PROVIDER = ResponsesProvider()

USAGE: Json = {
    "input_tokens": 75,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 5},
    "output_tokens": 23,
    "output_tokens_details": {"reasoning_tokens": 7},
    "total_tokens": 98,
}


def play(*pieces: bytes, target: Target = TARGET) -> Played:
    """Reads a body in these pieces, to its end or to where the decoder has had enough, as an attempt does."""
    return read(SseDecoder(), PROVIDER.stream_decoder(target), pieces)


def whole(output: Sequence[Json], **members: Any) -> chat_service_pb2.ChatResponse:
    """What a response with these items is when it comes in one piece."""
    return fold(PROVIDER.decode_message(json.dumps(response(output, **members), ensure_ascii=False).encode(), TARGET))


def response(output: Sequence[Json] = (), **members: Any) -> Json:
    """A response that has ended, with what the API echoes of the request."""
    result: Json = {
        "id": "resp_1", "object": "response", "created_at": 1746812437, "status": "completed", "background": False,
        "error": None, "incomplete_details": None, "instructions": "Be kind.", "model": "gpt-6-sol-2026-08-01",
        "output": list(output), "parallel_tool_calls": True, "previous_response_id": None, "service_tier": "default",
        "store": False, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tools": [], "usage": USAGE,
    }  # fmt: skip
    return result | members


def created(**members: Any) -> Json:
    return {"type": "response.created", "response": response(status="in_progress", usage=None) | members}


def ended(output: Sequence[Json], **members: Any) -> Json:
    final = response(output, **members)
    return {"type": f"response.{final['status']}", "response": final}


def message(*parts: Json, **members: Any) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": list(parts),
    } | members


def text(words: str, **members: Any) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": words} | members


def refusal(words: str) -> Json:
    return {"type": "refusal", "refusal": words}


def reasoning(*summary: str, **members: Any) -> Json:
    parts = [{"type": "summary_text", "text": words} for words in summary]
    return {"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA+/x==", "summary": parts} | members


def function_call(arguments: str, call_id: str = "call_1", **members: Any) -> Json:
    return {
        "id": f"fc_{call_id}", "type": "function_call", "status": "completed", "arguments": arguments,
        "call_id": call_id, "name": "get_weather",
    } | members  # fmt: skip


def custom_call(words: str, call_id: str = "call_1", **members: Any) -> Json:
    return {
        "id": f"ctc_{call_id}", "type": "custom_tool_call", "status": "completed", "call_id": call_id,
        "name": "run_code", "input": words,
    } | members  # fmt: skip


def pieces_of(words: str, size: int = 3) -> list[str]:
    return [words[at : at + size] for at in range(0, len(words), size)]


def item_events(item: Json, index: int, size: int = 3) -> list[Json]:
    """The events by which the API tells an item."""
    added = item | {"status": "in_progress"} if "status" in item else dict(item)
    kind = item.get("type")
    empty = {"message": "content", "reasoning": "summary"}.get(kind or "")
    if empty:
        added |= {empty: []}
    if kind == "function_call":
        added |= {"arguments": ""}
    if kind == "custom_tool_call":
        added |= {"input": ""}
    where = {"item_id": item.get("id"), "output_index": index}
    result: list[Json] = [{"type": "response.output_item.added", "output_index": index, "item": added}]
    match kind:
        case "message":
            for number, part in enumerate(item["content"]):
                result += _part_events(part, where | {"content_index": number}, size)
        case "reasoning":
            for number, part in enumerate(item["summary"]):
                at = where | {"summary_index": number}
                kind = "response.reasoning_summary"
                result.append({"type": f"{kind}_part.added", **at, "part": part | {"text": ""}})
                result += [
                    {"type": f"{kind}_text.delta", **at, "delta": piece, "obfuscation": "xY"}
                    for piece in pieces_of(part["text"], size)
                ]
                result.append({"type": f"{kind}_text.done", **at, "text": part["text"]})
                result.append({"type": f"{kind}_part.done", **at, "part": part})
            for number, part in enumerate(item.get("content") or ()):
                at = where | {"content_index": number}
                result.append({"type": "response.content_part.added", **at, "part": part | {"text": ""}})
                result += [
                    {"type": "response.reasoning_text.delta", **at, "delta": piece}
                    for piece in pieces_of(part["text"], size)
                ]
                result.append({"type": "response.reasoning_text.done", **at, "text": part["text"]})
                result.append({"type": "response.content_part.done", **at, "part": part})
        case "function_call":
            kind = "response.function_call_arguments"
            pieces = pieces_of(item["arguments"], size)
            result += [{"type": f"{kind}.delta", **where, "delta": piece, "obfuscation": "9"} for piece in pieces]
            result.append({"type": f"{kind}.done", **where, "arguments": item["arguments"]})
        case "custom_tool_call":
            kind = "response.custom_tool_call_input"
            pieces = pieces_of(item["input"], size)
            result += [{"type": f"{kind}.delta", **where, "delta": piece} for piece in pieces]
            result.append({"type": f"{kind}.done", **where, "input": item["input"]})
        case "web_search_call":
            for step in ("in_progress", "searching", "completed"):
                result.append({"type": f"response.web_search_call.{step}", **where})
    result.append({"type": "response.output_item.done", "output_index": index, "item": item})
    return result


def _part_events(part: Json, where: Json, size: int) -> list[Json]:
    if part["type"] not in ("output_text", "refusal"):
        return [
            {"type": "response.content_part.added", **where, "part": part},
            {"type": "response.content_part.done", **where, "part": part},
        ]
    member = "text" if part["type"] == "output_text" else "refusal"
    empty = {"text": "", "annotations": [], "logprobs": []} if member == "text" else {"refusal": ""}
    result: list[Json] = [{"type": "response.content_part.added", **where, "part": part | empty}]
    tokens = part.get("logprobs") or []
    if tokens:
        result += [
            {"type": "response.output_text.delta", **where, "delta": token["token"], "logprobs": [token]}
            for token in tokens
        ]
    else:
        kind = "response.output_text.delta" if member == "text" else "response.refusal.delta"
        extra = {"logprobs": [], "obfuscation": "pad"} if member == "text" else {}
        result += [{"type": kind, **where, "delta": piece, **extra} for piece in pieces_of(part[member], size)]
    for number, annotation in enumerate(part.get("annotations") or ()):
        kind = "response.output_text.annotation.added"
        result.append({"type": kind, **where, "annotation_index": number, "annotation": annotation})
    done = "response.output_text.done" if member == "text" else "response.refusal.done"
    result.append({"type": done, **where, member: part[member]})
    result.append({"type": "response.content_part.done", **where, "part": part})
    return result


def sse(*events: Json | bytes) -> bytes:
    """A body of these events, numbered, each with its name; bytes go in as they are."""
    number = count()
    return b"".join(
        event if isinstance(event, bytes) else frame(event | {"sequence_number": next(number)}) for event in events
    )


def frame(event: Json) -> bytes:
    data = json.dumps(event, ensure_ascii=False).encode()
    return b"event: " + str(event.get("type", "")).encode() + b"\ndata: " + data + b"\n\n"


def answer(*items: Json, size: int = 3, **members: Any) -> bytes:
    """A whole stream of these items, one after the other."""
    told = [event for index, item in enumerate(items) for event in item_events(item, index, size)]
    return sse(created(), {**created(), "type": "response.in_progress"}, *told, ended(items, **members))


def sent(chat_input: chat_input_pb2.ChatInput, target: Target = TARGET) -> Json:
    """The body of the request for an input."""
    body: Json = json.loads(PROVIDER.encode_chat(chat_input, target).body)
    return body
