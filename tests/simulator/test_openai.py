"""OpenAI's two ways to ask: every behaviour means there what it means in Anthropic's format."""

import asyncio
from typing import Any

import httpx
import pytest

from simulator.caller import Json
from simulator.openai_caller import (
    CHAT,
    COMPATIBLE,
    KEY,
    RESPONSES,
    ask_chat,
    ask_response,
    chat,
    data,
    fold_chat,
    response,
)
from trunkline_service.simulator.behaviours import ANSWERS, FAULTS

_SHORTENED = {"slow": "slow-t20", "paced": "paced-g1-n9", "big": "big-n1"}
_REASONS = {
    "tool": "tool_calls",
    "tools": "tool_calls",
    "max-tokens": "length",
    "context-window": "length",
    "content-filter": "content_filter",
}
_INCOMPLETE = {
    "max-tokens": "max_output_tokens",
    "context-window": "max_output_tokens",
    "content-filter": "content_filter",
}
_CHANGING = ("id", "call_id", "created_at", "completed_at")
_BODILESS = {"html", "json", "garbage", "error-413"}
_ERRORS = [
    behaviour.name for behaviour in FAULTS if behaviour.name.startswith("error") and "event" not in behaviour.name
]


def steady(value: object) -> object:
    """Leave out what differs between two calls."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if key not in _CHANGING}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def said(message: Json) -> str:
    return "".join(message[name] or "" for name in ("content", "refusal"))


@pytest.mark.parametrize("name", [behaviour.name for behaviour in ANSWERS])
async def test_answer(http: httpx.AsyncClient, name: str) -> None:
    model = _SHORTENED.get(name, name)
    native = (await http.post("/v1/messages", json=anthropic(model))).json()
    texts = [block["text"] for block in native["content"] if block["type"] == "text"]
    thoughts = [block["thinking"] for block in native["content"] if block["type"] == "thinking"]
    streamed, whole = await ask_chat(http, model, stream=True), await ask_chat(http, model)
    assert steady(streamed) == steady(whole)
    assert said(whole["message"]) == "".join(texts)
    assert "reasoning_content" not in whole["message"]
    for told in (await ask_chat(http, model, COMPATIBLE, stream=True), await ask_chat(http, model, COMPATIBLE)):
        assert told["message"].pop("reasoning_content", "") == "".join(thoughts)
        assert steady(told) == steady(whole)
    assert whole["finish_reason"] == _REASONS.get(name, "stop")
    assert bool(whole["message"]["refusal"]) == (name == "refusal")

    streamed, whole = await ask_response(http, model, stream=True), await ask_response(http, model)
    assert steady(streamed) == steady(whole)
    parts = [item["content"][0] for item in whole["output"] if item["type"] == "message"]
    assert [part[part["type"].removeprefix("output_")] for part in parts] == texts
    summaries = [item["summary"][0]["text"] for item in whole["output"] if item["type"] == "reasoning"]
    assert summaries == thoughts
    assert (whole["incomplete_details"] or {}).get("reason") == _INCOMPLETE.get(name)
    assert whole["status"] == ("incomplete" if name in _INCOMPLETE else "completed")


def anthropic(model: str) -> Json:
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "hello there"}]}


async def test_usage_includes_the_cache(http: httpx.AsyncClient) -> None:
    usage = (await ask_chat(http, "usage"))["usage"]
    assert usage["prompt_tokens"] == 9281 + 5000 + 1300
    assert usage["prompt_tokens_details"]["cached_tokens"] == 5000
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 200
    assert usage["total_tokens"] == usage["prompt_tokens"] + 512
    assert (await ask_response(http, "usage"))["usage"]["output_tokens_details"]["reasoning_tokens"] == 200


async def test_usage_is_streamed_only_when_asked_for(http: httpx.AsyncClient) -> None:
    answer = await http.post(CHAT, json={**chat("text"), "stream": True}, headers=KEY)
    chunks = data(answer.content)
    assert chunks.pop() == "[DONE]"
    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)


async def test_logprobs(http: httpx.AsyncClient) -> None:
    whole = await http.post(CHAT, json=chat("text", logprobs=True, top_logprobs=2), headers=KEY)
    tokens = whole.json()["choices"][0]["logprobs"]["content"]
    assert "".join(bytes(token["bytes"]).decode() for token in tokens) == "You said: hello there"
    assert {len(token["top_logprobs"]) for token in tokens} == {2}
    streamed = await http.post(CHAT, json=chat("text", stream=True, logprobs=True, top_logprobs=2), headers=KEY)
    found = [choice["logprobs"] for chunk in data(streamed.content)[:-1] for choice in chunk["choices"]]
    assert [token for held in found if held for token in held["content"]] == tokens


TOOLS = [
    {"type": "function", "function": {"name": "book", "parameters": {"properties": {"seats": {"type": "integer"}}}}},
    {"type": "custom", "custom": {"name": "route"}},
]
FLAT: list[Json] = [{"type": tool["type"], **tool[tool["type"]]} for tool in TOOLS]  # type: ignore[dict-item]


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_of_the_request_are_called(http: httpx.AsyncClient, stream: bool) -> None:
    calls = (await ask_chat(http, "tools", stream=stream, tools=TOOLS))["message"]["tool_calls"]
    assert calls[0]["function"] == {"name": "book", "arguments": '{"seats": 7}'}
    assert calls[1]["custom"] == {"name": "route", "input": "the northern pass"}
    single = await ask_chat(http, "tools", stream=stream, tools=TOOLS, parallel_tool_calls=False)
    assert len(single["message"]["tool_calls"]) == 1
    chosen = {"type": "custom", "custom": {"name": "route"}}
    (call,) = (await ask_chat(http, "tool", stream=stream, tools=TOOLS, tool_choice=chosen))["message"]["tool_calls"]
    assert call["type"] == "custom"
    assert "tool_calls" not in (await ask_chat(http, "tool", tools=TOOLS, tool_choice="none"))["message"]

    items = (await ask_response(http, "tools", stream=stream, tools=FLAT))["output"]
    assert [item["type"] for item in items] == ["message", "function_call", "custom_tool_call"]
    assert (items[1]["arguments"], items[2]["input"]) == ('{"seats": 7}', "the northern pass")


async def test_fragments_of_two_calls_share_a_chunk(http: httpx.AsyncClient) -> None:
    answer = await http.post(CHAT, json=chat("tools", stream=True), headers=KEY)
    rows = [choice["delta"].get("tool_calls", []) for chunk in data(answer.content)[:-1] for choice in chunk["choices"]]
    assert [fragment["index"] for row in rows for fragment in row if len(row) > 1] == [0, 1]


async def test_tool_results_are_answered(http: httpx.AsyncClient) -> None:
    (call,) = (await ask_chat(http, "tool"))["message"]["tool_calls"]
    turns = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "17 degrees"},
    ]
    assert (await ask_chat(http, "tool", messages=turns))["message"]["content"] == "The tool answered: 17 degrees"
    thought, item = (await ask_response(http, "thinking", include=["reasoning.encrypted_content"]))["output"]
    assert thought["encrypted_content"]
    (called,) = (await ask_response(http, "tool"))["output"]
    output = {"type": "function_call_output", "call_id": called["call_id"], "output": "17 degrees"}
    given = [{"role": "user", "content": "weather?"}, thought, called, output]
    assert item["type"] == "message"
    message = (await ask_response(http, "tool", input=given))["output"][0]
    assert message["content"][0]["text"] == "The tool answered: 17 degrees"


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize("name", _ERRORS)
async def test_error(http: httpx.AsyncClient, name: str, path: str) -> None:
    body = chat(name) if path == CHAT else response(name)
    native = await http.post("/v1/messages", json=anthropic(name))
    answer = await http.post(path, json=body, headers=KEY)
    assert answer.status_code == native.status_code
    assert answer.headers.get("retry-after", "")[:1] == native.headers.get("retry-after", "")[:1]
    if name not in _BODILESS:
        assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
        assert answer.headers["x-request-id"].startswith("req_")


async def test_two_meanings_of_429(http: httpx.AsyncClient) -> None:
    found = {}
    for name in ("error-429", "error-429-spend"):
        answer = await http.post(CHAT, json=chat(name), headers=KEY)
        found[name] = answer.json()["error"]["code"]
    assert found == {"error-429": "rate_limit_exceeded", "error-429-spend": "insufficient_quota"}


async def stream_of(http: httpx.AsyncClient, path: str, model: str, patience: float = 10) -> tuple[bytes, str]:
    """What a stream brings, and how it ends: "complete", "reset", or "open" after `patience` seconds."""
    body = chat(model, stream=True) if path == CHAT else response(model, stream=True)
    found = b""
    try:
        async with asyncio.timeout(patience), http.stream("POST", path, json=body, headers=KEY) as answer:
            async for piece in answer.aiter_bytes():
                found += piece
    except httpx.TransportError:
        return found, "reset"
    except TimeoutError:
        return found, "open"
    return found, "complete"


# How the stream ends, and whether it lacks its end mark.
_ENDS = {
    "reset": ("reset", True),
    "silence": ("open", True),
    "silence-headers": ("open", True),
    "stall": ("open", True),
    "stall-pings-g5": ("open", True),
    "cut": ("reset", True),
    "cut-clean": ("complete", True),
    "cut-tool": ("reset", True),
    "error-event": ("complete", True),
    "error-event-api": ("complete", True),
    "error-event-rate-limit": ("complete", True),
    "error-event-invalid": ("complete", True),
    "no-stop": ("complete", True),
    "no-delta": ("complete", False),
    "malformed": ("complete", False),
    "text": ("complete", False),
}


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize("name", _ENDS)
async def test_end_of_stream(http: httpx.AsyncClient, path: str, name: str) -> None:
    found, end = await stream_of(http, path, name, patience=1 if _ENDS[name][0] == "open" else 10)
    mark = b"data: [DONE]" if path == CHAT else b'"type":"response.completed"'
    assert (end, mark not in found) == _ENDS[name]
    if name in ("stall", "cut", "cut-clean", "error-event"):
        assert found.count(b'"delta":{"content"') + found.count(b'"delta":"') == 3
        assert b'"finish_reason":"stop"' not in found
    if name.startswith("error-event"):
        assert b"event: error" in found or b"response.failed" in found or b'data: {"error":{' in found
    if name == "stall-pings-g5":
        assert found.count(b": keep-alive") > 5


async def test_no_reason(http: httpx.AsyncClient) -> None:
    assert fold_chat(data((await stream_of(http, CHAT, "no-reason"))[0]))["finish_reason"] is None
    found, _ = await stream_of(http, CHAT, "no-delta")
    assert b'finish_reason":"' not in found
    found, _ = await stream_of(http, CHAT, "no-stop")
    assert b'"finish_reason":"stop"' in found


async def test_count(http: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"model": "text", "input": "word " * 400, "tools": FLAT}
    counted = await http.post(f"{RESPONSES}/input_tokens", json=body, headers=KEY)
    answered = await http.post(RESPONSES, json=body, headers=KEY)
    assert counted.json()["object"] == "response.input_tokens"
    assert counted.json()["input_tokens"] == answered.json()["usage"]["input_tokens"] > 400
    refused = await http.post(f"{RESPONSES}/input_tokens", json={**body, "stream": True}, headers=KEY)
    assert refused.json()["error"]["code"] == "unknown_parameter"
