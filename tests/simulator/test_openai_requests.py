"""What OpenAI would not take is refused in its form, with the member that is to blame."""

import httpx
import pytest

from simulator.caller import Json
from simulator.openai_caller import CHAT, KEY, RESPONSES, chat, response

LONG = "n" * 65
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MARK = {"mode": "explicit", "ttl": "5m"}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
FLAT = {"type": "function", "name": "f", "parameters": {"type": "object"}}
USER = {"role": "user", "content": "hi"}
ASKED = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}


def turns(*messages: Json) -> Json:
    return {"messages": list(messages)}


THOUGHTFUL = turns({"role": "assistant", "content": "x", "reasoning_content": "thought"}, USER)
# What is changed in a good request; the param and the code of the refusal.
CHAT_REFUSED: list[tuple[Json, str | None, str | None]] = [
    ({"nonsense": 1}, "nonsense", None),
    ({"model": None}, "model", None),
    ({"messages": []}, "messages", "empty_array"),
    ({"messages": "hi"}, "messages", "invalid_type"),
    (turns({"role": "robot", "content": "hi"}), "messages[0].role", "invalid_value"),
    (turns({"content": "hi"}), "messages[0].role", "missing_required_parameter"),
    (turns({"role": "user", "content": None}), "messages[0].content", "invalid_type"),
    (turns({"role": "user", "content": [{"type": "song"}]}), "messages[0].content[0].type", "invalid_value"),
    (turns({**USER, "thinking": "x"}), "messages[0].thinking", "unknown_parameter"),
    (THOUGHTFUL, "messages[0].reasoning_content", "unknown_parameter"),
    (turns({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}), None, None),
    (turns({"role": "user", "content": [{"type": "file", "file": {"filename": "x"}}]}), None, None),
    (turns({"role": "user", "content": [{"type": "input_audio", "input_audio": {"format": "ogg"}}]}), None, None),
    (turns({"role": "tool", "content": "x"}), "messages[0].tool_call_id", "missing_required_parameter"),
    (turns({"role": "tool", "tool_call_id": "c", "content": "x"}), "messages[0].role", None),
    (
        turns({"role": "tool", "tool_call_id": "c", "content": [{"type": "image_url", "image_url": {}}]}),
        "messages[0].content[0].type",
        "invalid_value",
    ),
    (turns({"role": "assistant", "content": None, "tool_calls": [CALL]}, USER), "messages", None),
    (turns({"role": "assistant", "tool_calls": [{"type": "function"}]}), "messages[0].tool_calls[0].id", None),
    (
        turns({"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": "c" * 41}]}),
        "messages[0].tool_calls[0].id",
        "string_above_max_length",
    ),
    (
        turns({"role": "user", "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": {}}]}),
        "messages[0].content[0].prompt_cache_breakpoint.mode",
        None,
    ),
    (
        turns({"role": "user", "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": MARK}]}),
        "messages[0].content[0].prompt_cache_breakpoint.ttl",
        "invalid_value",
    ),
    ({"tools": []}, "tools", "empty_array"),
    (
        {"tools": [{"type": "function", "function": {"name": LONG}}]},
        "tools[0].function.name",
        "string_above_max_length",
    ),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "invalid_value"),
    ({"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, None, None),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type", "invalid_value"),
    ({"tool_choice": "auto"}, "tool_choice", None),
    ({"parallel_tool_calls": False}, "parallel_tool_calls", None),
    ({"tools": [FUNCTION], "tool_choice": "must"}, "tool_choice", "invalid_value"),
    ({"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice", None),
    ({"temperature": 2.5}, "temperature", None),
    ({"top_p": "x"}, "top_p", "invalid_type"),
    ({"top_logprobs": 2}, "top_logprobs", None),
    ({"max_completion_tokens": 0}, "max_completion_tokens", None),
    ({"max_completion_tokens": 5, "max_tokens": 5}, None, None),
    ({"stop": ["a"] * 5}, "stop", None),
    ({"stream_options": {"include_usage": True}}, "stream_options", None),
    ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"),
    ({"service_tier": "gold"}, "service_tier", "invalid_value"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, None, "missing_required_parameter"),
]
CHAT_TAKEN: list[Json] = [
    turns({"role": "developer", "content": "be brief"}, {"role": "system", "content": "be kind"}, USER, USER),
    turns(
        USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "x"},
    ),
    turns({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}),
    turns({"role": "user", "content": [{"type": "file", "file": {"file_data": "x", "filename": "a.pdf"}}]}),
    {"tools": [FUNCTION, {"type": "custom", "custom": {"name": "g"}}], "tool_choice": "required"},
    {"temperature": 2, "seed": 7, "logit_bias": {"5": 1}, "stop": "x", "metadata": {"a": "b"}, "store": False},
]
RESPONSES_REFUSED: list[tuple[Json, str | None, str | None]] = [
    ({"messages": [USER]}, "messages", "unknown_parameter"),
    ({"input": 7}, "input", "invalid_type"),
    ({"input": [{"type": "song"}]}, "input[0].type", "invalid_value"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "invalid_value"),
    ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input[0].content[0].type", None),
    ({"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]}, None, "invalid_value"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url", None),
    ({"input": [USER, ASKED]}, "input", None),
    ({"input": [USER, {"type": "function_call_output", "call_id": "c1", "output": "x"}]}, "input", None),
    ({"input": [USER, THOUGHT]}, "input", None),
    ({"tools": [{**FLAT, "name": LONG}]}, "tools[0].name", "string_above_max_length"),
    ({"max_output_tokens": 5}, "max_output_tokens", None),
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value"),
    ({"previous_response_id": "x"}, "previous_response_id", "previous_response_not_found"),
    ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema", "missing_required_parameter"),
]
RESPONSES_TAKEN: list[Json] = [
    {"input": [THOUGHT, ASKED, {"type": "function_call_output", "call_id": "c1", "output": "x"}]},
    {"instructions": "be brief", "tools": [FLAT, {"type": "web_search"}], "tool_choice": "required"},
    {"previous_response_id": "resp_1", "store": False, "max_output_tokens": 16},
]


async def refused(http: httpx.AsyncClient, path: str, body: Json) -> Json:
    answer = await http.post(path, json={name: value for name, value in body.items() if value is not None}, headers=KEY)
    assert answer.status_code == 400, answer.text
    error: Json = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error


@pytest.mark.parametrize(("change", "param", "code"), CHAT_REFUSED, ids=[str(c)[:50] for c, _, _ in CHAT_REFUSED])
async def test_chat_refused(http: httpx.AsyncClient, change: Json, param: str | None, code: str | None) -> None:
    error = await refused(http, CHAT, {**chat("text"), **change})
    assert param in (None, error["param"])
    assert code in (None, error["code"])


@pytest.mark.parametrize("change", CHAT_TAKEN, ids=range(len(CHAT_TAKEN)))
async def test_chat_taken(http: httpx.AsyncClient, change: Json) -> None:
    answer = await http.post(CHAT, json={**chat("text"), **change}, headers=KEY)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("change", "param", "code"), RESPONSES_REFUSED, ids=range(len(RESPONSES_REFUSED)))
async def test_response_refused(http: httpx.AsyncClient, change: Json, param: str | None, code: str | None) -> None:
    error = await refused(http, RESPONSES, {**response("text"), **change})
    assert param in (None, error["param"])
    assert code in (None, error["code"])


@pytest.mark.parametrize("change", RESPONSES_TAKEN, ids=range(len(RESPONSES_TAKEN)))
async def test_response_taken(http: httpx.AsyncClient, change: Json) -> None:
    answer = await http.post(RESPONSES, json={**response("text"), **change}, headers=KEY)
    assert answer.status_code == 200, answer.text


async def test_compatible_servers_take_what_they_do_not_know(http: httpx.AsyncClient) -> None:
    for path in ("/v1/chat/completions", "/chat/completions"):
        assert (await http.post(path, json=chat("text", top_k=5), headers=KEY)).status_code == 200
        assert (await http.post(path, json={**chat("text"), **THOUGHTFUL}, headers=KEY)).status_code == 200


async def test_azure_has_the_model_in_the_path(http: httpx.AsyncClient) -> None:
    body = chat("unused")
    del body["model"]
    path = "/openai/deployments/long-n3/chat/completions?api-version=2024-10-21"
    answer = await http.post(path, json=body, headers={"api-key": "k"})
    assert (answer.json()["model"], answer.json()["usage"]["completion_tokens"]) == ("long-n3", 3)


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_credentials(http: httpx.AsyncClient, path: str) -> None:
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer k"}, 200),
        ({"api-key": "k"}, 200),
        ({"authorization": "Bearer bad"}, 401),
        ({"authorization": "Basic k"}, 401),
    ):
        answer = await http.post(path, json=chat("text") if path == CHAT else response("text"), headers=headers)
        assert answer.status_code == status
        if status == 401:
            assert answer.json()["error"]["code"] in ("invalid_api_key", "missing_api_key")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000])
async def test_bodies_that_are_no_request(http: httpx.AsyncClient, body: bytes) -> None:
    for path in (CHAT, RESPONSES):
        answer = await http.post(path, content=body, headers=KEY)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
