"""Every answer means the same as one message and as a stream, and means what its name says."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from simulator.caller import Json, events, fold, request
from support.timing import in_time, timely
from trunkline_service.simulator import Simulator
from trunkline_service.simulator.behaviours import ANSWERS

_CHANGING = ("id", "tool_use_id")


async def ask(http: httpx.AsyncClient, model: str, **more: Any) -> Json:
    answer = await http.post("/v1/messages", json=request(model, **more))
    assert answer.status_code == 200, answer.text
    return fold(events(answer.content)) if more.get("stream") else answer.json()


def texts(message: Json) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def kinds(message: Json) -> list[str]:
    return [block["type"] for block in message["content"]]


def stopped(reason: str) -> Callable[[Json], bool]:
    return lambda m: m["stop_reason"] == reason


def echoes(message: Json) -> bool:
    return texts(message) == "You said: hello there"


EXPECTED: dict[str, tuple[Callable[[Json], bool], ...]] = {
    "text": (echoes, stopped("end_turn")),
    "long": (lambda m: len(texts(m).split()) == 500, lambda m: m["usage"]["output_tokens"] == 500),
    "paced": (lambda m: len(texts(m).split()) == 64,),
    "slow": (echoes,),
    "cache": (echoes,),
    "tool": (
        stopped("tool_use"),
        lambda m: m["content"][0]["name"] == "get_weather",
        lambda m: m["content"][0]["input"] == {"location": "Zürich"},
    ),
    "tools": (stopped("tool_use"), lambda m: kinds(m) == ["text", "tool_use", "tool_use"]),
    "thinking": (
        echoes,
        lambda m: kinds(m) == ["thinking", "text"],
        lambda m: m["content"][0]["signature"] != "",
    ),
    "thinking-unsigned": (echoes, lambda m: m["content"][0]["thinking"] and m["content"][0]["signature"] == ""),
    "redacted": (echoes, lambda m: kinds(m) == ["redacted_thinking", "text"]),
    "citations": (lambda m: len({b["citations"][0]["type"] for b in m["content"]}) == 5,),
    "search": (
        lambda m: kinds(m) == ["server_tool_use", "web_search_tool_result", "text"],
        lambda m: m["content"][0]["input"] == {"query": "tides"},
        lambda m: m["content"][1]["tool_use_id"] == m["content"][0]["id"],
        lambda m: m["usage"]["server_tool_use"]["web_search_requests"] == 1,
        lambda m: m["usage"]["input_tokens"] > 7000,
    ),
    "compaction": (
        stopped("compaction"),
        lambda m: kinds(m) == ["compaction"],
        lambda m: m["content"][0]["content"].startswith("Summary"),
        lambda m: m["context_management"]["applied_edits"][0]["type"] == "compact_20260112",
    ),
    "compaction-text": (echoes, lambda m: kinds(m) == ["compaction", "text"]),
    "refusal": (
        stopped("refusal"),
        lambda m: m["stop_details"]["category"] == "cyber",
        lambda m: texts(m) != "",
    ),
    "max-tokens": (stopped("max_tokens"),),
    "stop-sequence": (stopped("stop_sequence"), lambda m: m["stop_sequence"] == "STOP"),
    "pause": (stopped("pause_turn"), lambda m: kinds(m) == ["text", "server_tool_use"]),
    "content-filter": (stopped("content_filter"),),
    "structured": (lambda m: texts(m) == '{"location": "Zürich"}',),
    "context-window": (stopped("model_context_window_exceeded"),),
    "usage": (
        lambda m: m["usage"]["cache_creation"] == {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 300},
        lambda m: m["usage"]["output_tokens_details"]["thinking_tokens"] == 200,
        lambda m: m["usage"]["input_tokens"] == 9281,
        lambda m: m["usage"]["speed"] == "fast" and m["usage"]["inference_geo"] == "us",
        lambda m: m["usage"]["service_tier"] == "priority" and len(m["usage"]["iterations"]) == 1,
    ),
    "pings": (echoes,),
    "unknown": (lambda m: kinds(m) == ["hologram", "text"], stopped("end_turn")),
    "unicode": (lambda m: all(c in texts(m) for c in "\u2028\u2029\x85東👩"),),
    "crlf": (echoes,),
    "no-final-newline": (echoes,),
    "no-prefill": (echoes,),
    "big": (lambda m: len(m["content"][1]["content"][0]["encrypted_content"]) == 1 << 20,),
}
# As the default would take too long, or too many bytes, for a test.
_SHORTENED = {"slow": "slow-t20", "paced": "paced-g1", "big": "big-n1"}


def steady(value: object) -> object:
    """Leave out what differs between two calls."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if key not in (*_CHANGING, "voxels")}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def test_all_answers_are_tested() -> None:
    assert set(EXPECTED) == {behaviour.name for behaviour in ANSWERS}


@pytest.mark.parametrize("name", EXPECTED)
async def test_answer(http: httpx.AsyncClient, name: str) -> None:
    model = _SHORTENED.get(name, name)
    streamed, whole = await ask(http, model, stream=True), await ask(http, model)
    for check in EXPECTED[name]:
        assert check(streamed)
        assert check(whole)
    assert steady(streamed) == steady(whole)
    assert whole["model"] == model


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-7", "n2-nothing-known"])
async def test_other_names_are_text(http: httpx.AsyncClient, model: str) -> None:
    assert texts(await ask(http, model)) == ("The river" if "n2" in model else "You said: hello there")


@timely
async def test_parameters_stand_in_any_name(http: httpx.AsyncClient) -> None:
    started = time.monotonic()
    message = await ask(http, "claude-sonnet-4-5-n4-g20-t30", stream=True)
    assert texts(message) == "The river runs past"
    assert time.monotonic() - started > 0.085
    in_time(started, 0.5)


async def test_long_texts_repeat_their_words(http: httpx.AsyncClient) -> None:
    streamed, whole = await ask(http, "long-n200", stream=True), await ask(http, "long-n200")
    assert texts(streamed) == texts(whole)
    assert texts(whole).count("river") > 1


async def test_one_event_a_write(http: httpx.AsyncClient, sim: Simulator) -> None:
    answer = await http.post("/v1/messages", json=request("long-n40", stream=True))
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert sim.calls[-1].frames_sent == len(events(answer.content)) == 40 + 6


async def test_tool_arguments_are_split_inside_an_escape(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/messages", json=request("tool", stream=True))
    deltas = [e["delta"] for e in events(answer.content) if e["type"] == "content_block_delta"]
    pieces = [delta["partial_json"] for delta in deltas]
    assert pieces[0] == ""
    assert any(piece.endswith("\\u00") for piece in pieces)


TOOLS = [
    {"name": "book", "input_schema": {"type": "object", "properties": {"seats": {"type": "integer"}}}},
    {"name": "cancel", "input_schema": {"type": "object", "properties": {"why": {"enum": ["late"]}}}},
]


async def test_tools_of_the_request_are_called(http: httpx.AsyncClient) -> None:
    message = await ask(http, "tool", tools=TOOLS)
    assert (message["content"][0]["name"], message["content"][0]["input"]) == ("book", {"seats": 7})
    chosen = await ask(http, "tool", tools=TOOLS, tool_choice={"type": "tool", "name": "cancel"})
    assert chosen["content"][0]["input"] == {"why": "late"}
    assert kinds(await ask(http, "tool", tools=TOOLS, tool_choice={"type": "none"})) == ["text"]
    both = await ask(http, "tools", tools=TOOLS, stream=True)
    assert [block.get("name") for block in both["content"]] == [None, "book", "cancel"]
    single = {"type": "auto", "disable_parallel_tool_use": True}
    assert kinds(await ask(http, "tools", tools=TOOLS, tool_choice=single)) == ["text", "tool_use"]


async def test_tool_result_is_answered(http: httpx.AsyncClient) -> None:
    called = await ask(http, "tool")
    result = {"type": "tool_result", "tool_use_id": called["content"][0]["id"], "content": "17 degrees"}
    turns = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": called["content"]},
        {"role": "user", "content": [result]},
    ]
    message = await ask(http, "tool", messages=turns)
    assert texts(message) == "The tool answered: 17 degrees"
    assert message["stop_reason"] == "end_turn"


async def test_citations_come_before_text(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/messages", json=request("citations", stream=True))
    first: dict[int, str] = {}
    for event in events(answer.content):
        if event["type"] == "content_block_delta":
            first.setdefault(event["index"], event["delta"]["type"])
    assert list(first.values()) == ["citations_delta"] * 5


async def test_omitted_thinking_is_empty_but_signed(http: httpx.AsyncClient) -> None:
    message = await ask(http, "thinking", thinking={"type": "adaptive", "display": "omitted"})
    assert message["content"][0]["thinking"] == ""
    assert message["content"][0]["signature"]


async def test_message_delta_usage_is_partial(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/messages", json=request("usage", stream=True))
    delta = next(e for e in events(answer.content) if e["type"] == "message_delta")
    assert "cache_creation" not in delta["usage"]
    assert "service_tier" not in delta["usage"]


async def test_noise(http: httpx.AsyncClient) -> None:
    body = (await http.post("/v1/messages", json=request("pings", stream=True))).content
    assert body.startswith(b": connected\n\nevent: ping\n")
    assert b" }\n\n" in body
    after = body.split(b"event: message_stop")[1]
    assert b"event: ping" in after
    assert b"event: message\n" in after
    found = [event["type"] for event in events(body)]
    assert "upstream_notice" in found[: found.index("message_start")]


async def test_framing(http: httpx.AsyncClient) -> None:
    crlf = (await http.post("/v1/messages", json=request("crlf", stream=True))).content
    assert crlf.count(b"\n") == crlf.count(b"\r\n")
    assert crlf.endswith(b"\r\n\r\n")
    bare = (await http.post("/v1/messages", json=request("no-final-newline", stream=True))).content
    assert bare.endswith(b'{"type":"message_stop"}')
    raw = (await http.post("/v1/messages", json=request("unicode", stream=True))).content
    assert "\u2028".encode() in raw


async def test_unknown_events_and_deltas(http: httpx.AsyncClient) -> None:
    stream = events((await http.post("/v1/messages", json=request("unknown", stream=True))).content)
    assert "progress" in [event["type"] for event in stream]
    deltas = {event["delta"]["type"] for event in stream if event["type"] == "content_block_delta"}
    assert {"tint_delta", "hologram_delta", "text_delta"} <= deltas


async def test_cache_is_written_then_read(http: httpx.AsyncClient) -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    system = [{"type": "text", "text": "long rules " * 200, "cache_control": mark}]
    first = (await ask(http, "cache", system=system, stream=True))["usage"]
    second = (await ask(http, "text", system=system, text="another question"))["usage"]
    written = first["cache_creation_input_tokens"]
    assert written > 500
    assert first["cache_creation"]["ephemeral_1h_input_tokens"] == written
    assert first["cache_read_input_tokens"] == 0
    assert second["cache_read_input_tokens"] == written
    assert second["cache_creation_input_tokens"] == 0
    assert second["input_tokens"] < 50


async def test_each_account_has_a_cache_of_its_own(http: httpx.AsyncClient) -> None:
    system = [{"type": "text", "text": "long rules " * 200, "cache_control": {"type": "ephemeral"}}]

    async def read(key: str) -> int:
        answer = await http.post("/v1/messages", json=request("text", system=system), headers={"x-api-key": key})
        return int(answer.json()["usage"]["cache_read_input_tokens"])

    assert [await read("sk-one") == 0, await read("sk-other") == 0] == [True, True]
    assert min(await read("sk-one"), await read("sk-other")) > 0


async def test_no_tokens_asked_for(http: httpx.AsyncClient) -> None:
    message = await ask(http, "text", max_tokens=0)
    assert message["content"] == []
    assert message["stop_reason"] == "max_tokens"


async def test_headers(http: httpx.AsyncClient) -> None:
    for stream in (False, True):
        answer = await http.post("/v1/messages", json=request("text", stream=stream))
        assert answer.headers["request-id"].startswith("req_")
        assert answer.headers["anthropic-organization-id"]
        assert answer.headers["anthropic-ratelimit-requests-limit"] == "4000"
        assert answer.headers["anthropic-ratelimit-output-tokens-reset"].endswith("Z")


async def test_events_are_compact_json(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/messages", json=request("text", stream=True))
    for line in answer.content.split(b"\n"):
        if line.startswith(b"data: ") and b"ping" not in line:
            assert msgspec.json.encode(msgspec.json.decode(line[6:])) == line[6:]
