"""A caller of OpenAI's APIs made for these tests: it insists on the rules of the streams, and makes answers of them."""

import json
from typing import Any

import httpx

from simulator.caller import Json

CHAT, RESPONSES = "/openai/v1/chat/completions", "/openai/v1/responses"
COMPATIBLE = "/v1/chat/completions"
KEY = {"authorization": "Bearer sk-test-key-1234"}


def chat(model: str, *, stream: bool = False, text: str = "hello there", **more: Any) -> Json:
    body: Json = {"model": model, "messages": [{"role": "user", "content": text}]}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body | more


def response(model: str, *, stream: bool = False, text: str = "hello there", **more: Any) -> Json:
    body: Json = {"model": model, "input": text, "reasoning": {"summary": "auto"}}
    return body | ({"stream": True} if stream else {}) | more


def data(body: bytes) -> list[Any]:
    """The data of the events, which are JSON but for [DONE]."""
    lines = [line for line in body.replace(b"\r\n", b"\n").split(b"\n") if line.startswith(b"data: ")]
    return [line[6:].decode() if line == b"data: [DONE]" else json.loads(line[6:]) for line in lines]


def fold_chat(chunks: list[Any]) -> Json:
    """Make the completion of chunks, by OpenAI's rules."""
    assert chunks.pop() == "[DONE]"
    chunks = [chunk for chunk in chunks if "prompt_filter_results" not in chunk]
    usage = chunks.pop()
    assert usage["choices"] == []
    assert {chunk["id"] for chunk in chunks} == {usage["id"]}
    assert all(chunk["usage"] is None for chunk in chunks)
    message: Json = {"content": None, "refusal": None}
    for chunk in chunks:
        (choice,) = chunk["choices"]
        for name, value in choice["delta"].items():
            if name == "tool_calls":
                _add_calls(message.setdefault(name, []), value)
            elif isinstance(value, str) and name != "role":
                message[name] = (message.get(name) or "") + value
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["delta"] == {}
    message["content"] = message["content"] or None
    return {"message": message, "usage": usage["usage"], "finish_reason": chunks[-1]["choices"][0]["finish_reason"]}


def _add_calls(calls: list[Json], fragments: list[Json]) -> None:
    for fragment in fragments:
        if fragment["index"] == len(calls):
            calls.append({"id": fragment["id"], "type": fragment["type"]})
        call = calls[fragment["index"]]
        for name, value in fragment[call["type"]].items():
            held = call.setdefault(call["type"], {})
            held[name] = held.get(name, "") + value


def fold_response(events: list[Json]) -> Json:
    """Give the response that the last event holds, after a look at whether the others tell the same."""
    numbers = [event["sequence_number"] for event in events]
    assert numbers == sorted(set(numbers))
    grown: dict[tuple[int, str], str] = {}
    for event in events:
        if event["type"].endswith(".delta"):
            key = event["output_index"], event["type"].removesuffix(".delta")
            grown[key] = grown.get(key, "") + event["delta"]
        elif (event.get("output_index"), event["type"].removesuffix(".done")) in grown:
            said = next(event[name] for name in ("text", "arguments", "refusal", "input") if name in event)
            assert said == grown[event["output_index"], event["type"].removesuffix(".done")]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    last: Json = events[-1]["response"]
    assert events[-1]["type"] == f"response.{last['status']}"
    assert last["output"] == done
    return last


async def ask_chat(http: httpx.AsyncClient, model: str, path: str = CHAT, **more: Any) -> Json:
    answer = await http.post(path, json=chat(model, **more), headers=KEY)
    assert answer.status_code == 200, answer.text
    if more.get("stream"):
        return fold_chat(data(answer.content))
    body = answer.json()
    (choice,) = body["choices"]
    message = {name: value for name, value in choice["message"].items() if name not in ("role", "annotations")}
    return {"message": message, "usage": body["usage"], "finish_reason": choice["finish_reason"]}


async def ask_response(http: httpx.AsyncClient, model: str, **more: Any) -> Json:
    answer = await http.post(RESPONSES, json=response(model, **more), headers=KEY)
    assert answer.status_code == 200, answer.text
    if not more.get("stream"):
        return answer.json()  # type: ignore[no-any-return]
    events = [event for event in data(answer.content) if event["type"] != "keepalive"]
    return fold_response([event for event in events if "hologram" not in event["type"]])
