"""What upstream would refuse is refused, in its words; what it takes is taken."""

from typing import Any

import httpx
import pytest

from simulator.caller import Json, request
from trunkline_service.simulator.behaviours import BEHAVIOURS

USER = {"role": "user", "content": "hi"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
TEXT = {"type": "text", "text": "x"}


def turns(*turns: tuple[str, Any]) -> Json:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


REFUSED = [
    ({"model": None}, "model: Input should be a valid string"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    ({"nonsense": 1}, "nonsense: Extra inputs are not permitted"),
    ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
    ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
    ({"temperature": -0.1}, "temperature: Input should be greater than or equal to 0"),
    ({"top_p": 2}, "top_p: Input should be less than or equal to 1"),
    ({"messages": "hi"}, "messages: Input should be a valid list"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": ["hi"]}, "messages.0: Input does not match the expected shape."),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [{**USER, "name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
    (turns(("tool", "hi")), "messages.0.role: Input should be 'user', 'assistant' or 'system'"),
    (turns(("user", 7)), "messages.0.content: Input should be a valid list"),
    (turns(("user", "")), "messages.0: all messages must have non-empty content"),
    (turns(("user", [{"type": "text", "text": ""}])), "messages: text content blocks must be non-empty"),
    (turns(("user", [{"type": "text"}])), "messages.0.content.0.text.text: Field required"),
    (turns(("user", [{**TEXT, "x": 1}])), "messages.0.content.0.text.x: Extra inputs are not permitted"),
    (turns(("user", [{"type": "song"}])), "messages.0.content.0: Input tag 'song' found using 'type'"),
    (turns(("user", [{"type": ["text"]}])), "messages.0.content.0: Input tag '['text']' found using 'type'"),
    (turns(("user", [CALL])), "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages"),
    (turns(("user", [{"type": "image"}])), "messages.0.content.0.image.source: Field required"),
    (
        turns(("user", [{"type": "image", "source": {"type": "base64", "data": ""}}])),
        "messages.0.content.0.image.source.base64.media_type: Field required",
    ),
    (
        turns(("user", [RESULT])),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks",
    ),
    (
        turns(("user", "a"), ("assistant", [CALL]), ("user", "b")),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    (
        turns(("user", "a"), ("assistant", [CALL]), ("user", [TEXT, RESULT])),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    (
        turns(("user", "a"), ("assistant", [CALL]), ("user", [RESULT, RESULT])),
        "messages.2: each `tool_use` must have a single result.",
    ),
    (turns(("system", "a"), ("user", "b")), "messages.0: role 'system' must follow a user message"),
    (
        turns(("user", "a"), ("system", "b"), ("user", "c")),
        "messages.1: role 'system' must be last or followed",
    ),
    (turns(("user", "a"), ("assistant", "b ")), "messages: final assistant content cannot end with trailing"),
    ({"system": 5}, "system: Input should be a valid list"),
    ({"system": [{"type": "image"}]}, "system.0.type: Input should be 'text'"),
    ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [{**TOOL, "name": "a b"}]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{"name": "f", "input_schema": {}}]}, "tools.0.custom.input_schema.type: Field required"),
    ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    ({"tool_choice": {"type": "auto"}}, "tool_choice: may only be specified while providing tools"),
    ({"tools": [TOOL], "tool_choice": {"type": "must"}}, "tool_choice: Input tag 'must' found using 'type'"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "Tool 'g' not found in provided tools"),
    ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 9}},
        "thinking.enabled.budget_tokens: Input should be gr",
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "`max_tokens` must be greater than"),
    ({"output_config": {"effort": "huge"}}, "output_config.effort: Input should be 'low', 'medium'"),
    ({"stop_sequences": [" "]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    ({"metadata": {"email": "x"}}, "metadata.email: Extra inputs are not permitted"),
    ({"service_tier": "gold"}, "service_tier: Input should be 'auto' or 'standard_only'"),
    (
        turns(("user", [{**TEXT, "cache_control": {"type": "ephemeral"}}] * 5)),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        turns(("user", [{**TEXT, "cache_control": {"type": "ephemeral", "ttl": "2h"}}])),
        "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
    ),
]
TAKEN: list[Json] = [
    {"temperature": 0.5},
    {"system": "be brief", "stop_sequences": ["END"], "metadata": {"user_id": "u1"}},
    {"system": [{**TEXT, "cache_control": {"type": "ephemeral"}}]},
    {"tools": [TOOL, {"type": "web_search_20260318", "name": "web_search"}], "tool_choice": {"type": "any"}},
    {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    {"diagnostics": {"previous_message_id": None}, "inference_geo": None, "container": "c1"},
    turns(("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("system", "e")),
    turns(("user", "a"), ("assistant", [CALL]), ("assistant", "more"), ("user", [RESULT]), ("user", "thanks")),
    turns(("user", [{"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}}, TEXT])),
    turns(("user", [{"type": "document", "source": {"type": "file", "file_id": "file_1"}, "title": "T"}])),
    turns(("user", "a"), ("assistant", [{"type": "thinking", "thinking": "", "signature": "s"}, CALL]))
    | {"tools": [TOOL]},
]


async def refusal(http: httpx.AsyncClient, body: Any, path: str = "/v1/messages", **headers: str) -> tuple[int, str]:
    answer = await http.post(path, json=body, headers=headers)
    error = answer.json()
    assert error["type"] == "error"
    assert error["request_id"] == answer.headers["request-id"]
    return answer.status_code, error["error"]["message"]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[str(message) for _, message in REFUSED])
async def test_refused(http: httpx.AsyncClient, change: Json, message: str) -> None:
    status, said = await refusal(http, {**request("text"), **change})
    assert (status, said[: len(message)]) == (400, message)


@pytest.mark.parametrize("change", TAKEN, ids=range(len(TAKEN)))
async def test_taken(http: httpx.AsyncClient, change: Json) -> None:
    answer = await http.post("/v1/messages", json=request("text", **change))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", ["model", "messages", "max_tokens"])
async def test_required(http: httpx.AsyncClient, name: str) -> None:
    body = request("text")
    del body[name]
    assert await refusal(http, body) == (400, f"{name}: Field required")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_bodies_that_are_no_request(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/v1/messages", content=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_latest_version_is_stricter(http: httpx.AsyncClient) -> None:
    latest = {"anthropic-version": "2026-10-21"}
    for name in ("temperature", "top_p", "top_k"):
        body = {**request("text"), name: 1}
        assert await refusal(http, body, **latest) == (400, f"{name}: Extra inputs are not permitted")
    document = {"type": "document", "source": {"type": "file", "file_id": "f"}}
    cited = {**TEXT, "citations": [{"type": "char_location"}]}
    found = {"type": "search_result", "source": "s", "title": "t", "content": [cited]}
    for change in (
        turns(("user", "a"), ("assistant", [document])),
        turns(("user", [cited])),
        turns(("user", [found])),
    ):
        assert (await http.post("/v1/messages", json=request("text", **change))).status_code == 200
        assert (await refusal(http, request("text", **change), **latest))[0] == 400
    assert (await http.post("/v1/messages", json=request("text"), headers=latest)).status_code == 200


async def test_versions(http: httpx.AsyncClient) -> None:
    message = 'anthropic-version: "2024-01-01" is not a valid version'
    assert await refusal(http, request("text"), **{"anthropic-version": "2024-01-01"}) == (400, message)
    del http.headers["anthropic-version"]
    assert await refusal(http, request("text")) == (400, "anthropic-version: header is required")


async def test_credentials(http: httpx.AsyncClient) -> None:
    del http.headers["x-api-key"]
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        assert (await refusal(http, {}, path))[0] == 401
    assert (await http.get("/v1/models")).status_code == 401
    for headers, status in (
        ({"x-api-key": "k"}, 200),
        ({"authorization": "Bearer k"}, 200),
        ({"authorization": "Bearer k", "x-api-key": "k"}, 200),
        ({"authorization": "Bearer k", "x-api-key": "other"}, 401),
        ({"x-api-key": "bad-key"}, 401),
        ({"authorization": "Bearer bad"}, 401),
        ({"authorization": "Basic k"}, 401),
    ):
        assert (await http.post("/v1/messages", json=request("text"), headers=headers)).status_code == status


async def test_betas_open_beta_fields(http: httpx.AsyncClient) -> None:
    body = request("text", context_management={"edits": []})
    beta = {"anthropic-beta": "context-management-2025-06-27"}
    assert (await http.post("/v1/messages", json=body, headers=beta)).status_code == 200


async def test_body_too_large(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/messages", content=b" " * (33 << 20))
    assert answer.status_code == 413
    assert answer.text.startswith("<html>")


async def test_count_tokens(http: httpx.AsyncClient) -> None:
    path = "/v1/messages/count_tokens"
    body = {"model": "text", "messages": [USER], "system": "word " * 400, "tools": [TOOL]}
    counted = (await http.post(path, json=body)).json()["input_tokens"]
    answered = (await http.post("/v1/messages", json={**body, "max_tokens": 5})).json()
    assert counted == answered["usage"]["input_tokens"] > 400
    for name in ("max_tokens", "stream", "metadata", "stop_sequences", "service_tier", "temperature"):
        assert await refusal(http, {**body, name: 1}, path) == (
            400,
            f"{name}: Extra inputs are not permitted",
        )


async def test_models(http: httpx.AsyncClient) -> None:
    page = (await http.get("/v1/models?limit=1000")).json()
    ids = [model["id"] for model in page["data"]]
    assert {*BEHAVIOURS, "claude-sonnet-4-5"} <= set(ids)
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, ids[0], ids[-1])
    for model in (ids[0], "long-n5-g1", "claude-sonnet-4-5-n9"):
        found = (await http.get(f"/v1/models/{model}")).json()
        assert found["id"] == model
        assert found["capabilities"]["thinking"]["types"]["adaptive"]["supported"]
        assert found["max_input_tokens"] >= 200_000
    missing = await http.get("/v1/models/not-there")
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
    assert missing.json()["error"]["message"] == "model: not-there"


async def test_models_page_by_page(http: httpx.AsyncClient) -> None:
    ids: list[str] = []
    query: dict[str, str] = {"limit": "7"}
    while True:
        page = (await http.get("/v1/models", params=query)).json()
        ids += [model["id"] for model in page["data"]]
        if not page["has_more"]:
            break
        query["after_id"] = page["last_id"]
    assert len(ids) == len(set(ids)) == 5 + len(BEHAVIOURS)
    before = (await http.get("/v1/models", params={"limit": "2", "before_id": ids[5]})).json()
    assert [model["id"] for model in before["data"]] == ids[3:5]
    assert before["has_more"]
    old = (await http.get("/v1/models", params={"lifecycle[]": "deprecated"})).json()
    assert [model["id"] for model in old["data"]] == ["claude-sonnet-4-5"]
    for wrong in ({"limit": "0"}, {"limit": "x"}, {"after_id": "none"}):
        assert (await http.get("/v1/models", params=wrong)).status_code == 400


async def test_other_paths(http: httpx.AsyncClient) -> None:
    assert (await refusal(http, {}, "/v1/complete"))[0] == 404
    assert (await http.get("/v1/messages")).status_code == 404
