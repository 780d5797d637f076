"""Reads a conversation out of a request as the provider received it: the same list for every wire format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from trunkline_service.simulator import ReceivedCall

Json = dict[str, Any]


class Part(NamedTuple):
    """What stands in a conversation.

    `kind` is "system", "user" or "assistant" for texts; "thought"; "state" for what only the provider that wrote it
    can read; "call" for a tool call of the name `tool`, whose `value` is the parsed JSON of its arguments; "result" for
    what that tool said, and "failed" where it is marked as failed. `marked` is whether it is to be cached.
    """

    kind: str
    value: Any
    tool: str = ""
    marked: bool = False


def told(call: ReceivedCall) -> list[Part]:
    """The parts in order; anything that is none of them is a KeyError."""
    path = call.path.partition("?")[0]
    if path.endswith("/chat/completions"):
        return list(_chat(call.json))
    if path.endswith("/responses"):
        return list(_responses(call.json))
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return list(_gemini(call.json))
    return list(_anthropic(call.json))


def _anthropic(body: Json) -> Iterator[Part]:
    for block in body.get("system", ()):
        yield Part("system", block["text"], marked="cache_control" in block)
    names = {}
    for message in body["messages"]:
        for block in message["content"]:
            marked = "cache_control" in block
            match message["role"], block["type"]:
                case ("user" | "assistant") as role, "text":
                    yield Part(role, block["text"], marked=marked)
                case "assistant", "thinking":
                    yield Part("thought", block["thinking"])
                    yield Part("state", block["signature"])
                case "assistant", "tool_use":
                    names[block["id"]] = block["name"]
                    yield Part("call", block["input"], block["name"], marked)
                case "user", "tool_result":
                    kind = "failed" if block.get("is_error") else "result"
                    yield Part(kind, _text(block["content"]), names[block["tool_use_id"]], marked)
                case other:
                    raise KeyError(other)


def _responses(body: Json) -> Iterator[Part]:
    if "instructions" in body:
        yield Part("system", body["instructions"])
    names = {}
    for item in body["input"]:
        match item["type"]:
            case "message":
                wanted = "output_text" if item["role"] == "assistant" else "input_text"
                for part in item["content"]:
                    marked = "prompt_cache_breakpoint" in part
                    yield Part(item["role"], {wanted: part["text"]}[part["type"]], marked=marked)
            case "reasoning":
                yield from (Part("thought", part["text"]) for part in item["summary"])
                yield Part("state", item["encrypted_content"])
            case "function_call":
                names[item["call_id"]] = item["name"]
                yield Part("call", json.loads(item["arguments"]), item["name"])
            case "function_call_output":
                yield Part("result", _text(item["output"]), names[item["call_id"]])
            case other:
                raise KeyError(other)


def _chat(body: Json) -> Iterator[Part]:
    names = {}
    for message in body["messages"]:
        if message["role"] == "tool":
            yield Part("result", _text(message["content"]), names[message["tool_call_id"]])
            continue
        if "reasoning_content" in message:
            yield Part("thought", message["reasoning_content"])
        if message["content"] is not None:
            marked = "prompt_cache_breakpoint" in message["content"][-1]
            yield Part(message["role"], _text(message["content"]), marked=marked)
        for call in message.get("tool_calls", ()):
            names[call["id"]] = call["function"]["name"]
            yield Part("call", json.loads(call["function"]["arguments"]), call["function"]["name"])


def _gemini(body: Json) -> Iterator[Part]:
    for part in body.get("systemInstruction", {"parts": ()})["parts"]:
        yield Part("system", part["text"])
    names = {}
    for content in body["contents"]:
        role = {"user": "user", "model": "assistant"}[content["role"]]
        for part in content["parts"]:
            if "thoughtSignature" in part:
                yield Part("state", part["thoughtSignature"])
            if "functionCall" in part:
                call = part["functionCall"]
                names[call.get("id", call["name"])] = call["name"]
                yield Part("call", call["args"], call["name"])
            elif "functionResponse" in part:
                result = part["functionResponse"]
                ((member, text),) = result["response"].items()
                kind = {"output": "result", "error": "failed"}[member]
                assert names[result.get("id", result["name"])] == result["name"]
                yield Part(kind, text, result["name"])
            elif part["text"] or "thoughtSignature" not in part:
                yield Part("thought" if part.get("thought") else role, part["text"])


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
