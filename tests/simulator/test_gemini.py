"""What Gemini would not take is refused in Google's form, with the field that is to blame; the rest is answered."""

import base64
import json
from typing import Any

import httpx
import pytest

from simulator.caller import Json
from trunkline_service.simulator.gemini.rendering import SIGNATURE

DEVELOPER = "/v1beta/models"
VERTEX = "/v1/projects/p/locations/l/publishers/google/models"
KEY = {"x-goog-api-key": "AIza-test"}
TOKEN = {"authorization": "Bearer ya29.test"}
HELLO: Json = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


async def post(http: httpx.AsyncClient, model: str, verb: str, body: Any, *, vertex: bool = False) -> httpx.Response:
    path, headers = (VERTEX, TOKEN) if vertex else (DEVELOPER, KEY)
    return await http.post(f"{path}/{model}:{verb}", json=body, headers=headers)


def turn(*parts: Json, role: str = "user") -> Json:
    return {"role": role, "parts": list(parts)}


def turns(*contents: Json) -> Json:
    return {"contents": list(contents)}


def chunks(body: bytes) -> list[Json]:
    lines = body.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


CALL: Json = {"functionCall": {"name": "f", "args": {}}}
RESULT: Json = {"functionResponse": {"name": "f", "response": {}}}

# What is changed in a good request, and the field that is to blame.
REFUSED: list[tuple[Json, str | None]] = [
    ({"nonsense": 1}, "nonsense"),
    ({"labels": {}}, "labels"),
    ({"contents": []}, "contents"),
    (turns(turn({"text": "x"}, role="assistant")), "contents[0].role"),
    (turns(turn()), "contents[0].parts"),
    (turns(turn({"text": "x", "inlineData": {}})), "contents[0].parts[0]"),
    (turns(turn({"thought": True})), "contents[0].parts[0]"),
    (turns(turn({"text": "x", "song": 1})), "contents[0].parts[0].song"),
    (turns(turn({"text": "x", "thoughtSignature": "AAAA"})), "contents[0].parts[0].thought_signature"),
    (turns(turn({"inlineData": {"data": ""}})), "contents[0].parts[0].inline_data"),
    (turns(turn({"inlineData": {"mimeType": "image/png", "data": "?"}})), "contents[0].parts[0].inline_data"),
    (turns(turn({"fileData": {}})), "contents[0].parts[0].file_data.file_uri"),
    (turns(turn({"functionCall": {"name": "a/b"}})), "contents[0].parts[0].function_call.name"),
    (turns(turn({"functionCall": {"name": "a", "args": []}})), "contents[0].parts[0].function_call.args"),
    (
        turns(turn({"functionResponse": {"name": "a", "response": "x"}})),
        "contents[0].parts[0].function_response.response",
    ),
    (turns(turn(RESULT)), None),
    (turns(turn(CALL, CALL, role="model"), turn(RESULT)), None),
    (turns(turn({"functionCall": {"name": "f", "id": "1"}}, role="model"), turn(RESULT)), None),
    (turns(turn({"functionCall": {"name": "g"}}, role="model"), turn(RESULT)), None),
    ({"systemInstruction": {"parts": []}}, "system_instruction.parts"),
    ({"tools": [{"hammer": {}}]}, "tools[0].hammer"),
    ({"tools": [{"functionDeclarations": [{"name": "n" * 65}]}]}, "tools[0].function_declarations[0].name"),
    (
        {"tools": [{"functionDeclarations": [{"name": "f", "strict": True}]}]},
        "tools[0].function_declarations[0].strict",
    ),
    ({"toolConfig": {"functionCallingConfig": {"mode": "MUST"}}}, "tool_config"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}}, "tool_config"),
    ({"generationConfig": {"warmth": 1}}, "generation_config.warmth"),
    ({"generationConfig": {"temperature": 2.1}}, "generation_config.temperature"),
    ({"generationConfig": {"responseJsonSchema": {}}}, "generation_config"),
    (
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}},
        "generation_config.thinking_config",
    ),
]


@pytest.mark.parametrize(("change", "field"), REFUSED, ids=[str(change)[:60] for change, _ in REFUSED])
async def test_a_bad_request_is_refused(http: httpx.AsyncClient, change: Json, field: str | None) -> None:
    response = await post(http, "text", "generateContent", HELLO | change)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    violations = [each for detail in error.get("details", ()) for each in detail.get("fieldViolations", ())]
    assert [each["field"] for each in violations] == ([field] if field else [])


@pytest.mark.parametrize(
    ("path", "headers", "status", "name"),
    [
        (DEVELOPER, {}, 403, "PERMISSION_DENIED"),
        (DEVELOPER, {"x-goog-api-key": "bad"}, 400, "INVALID_ARGUMENT"),
        (VERTEX, {}, 401, "UNAUTHENTICATED"),
        (VERTEX, {"authorization": "Bearer bad"}, 401, "UNAUTHENTICATED"),
        (VERTEX, KEY, 401, "UNAUTHENTICATED"),
    ],
)
async def test_keys(http: httpx.AsyncClient, path: str, headers: dict[str, str], status: int, name: str) -> None:
    response = await http.post(f"{path}/text:generateContent", json=HELLO, headers=headers)
    assert (response.status_code, response.json()["error"]["status"]) == (status, name)


async def test_a_stream_is_the_same_answer_in_chunks(http: httpx.AsyncClient) -> None:
    tools = {"tools": [{"functionDeclarations": [{"name": "f"}]}]}
    show = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    for model, more in (("text", {}), ("thinking", show), ("tools", tools), ("search", {})):
        whole = (await post(http, model, "generateContent", HELLO | more)).json()
        response = await post(http, model, "streamGenerateContent?alt=sse", HELLO | more)
        assert response.headers["content-type"] == "text/event-stream"
        streamed = chunks(response.content)
        assert len({chunk["responseId"] for chunk in streamed}) == 1
        parts: list[Json] = []
        for part in (part for chunk in streamed for part in chunk["candidates"][0]["content"]["parts"]):
            if parts and "text" in part and part.keys() == parts[-1].keys():
                parts[-1]["text"] += part["text"]
            elif part != {"text": ""}:
                parts.append(part)
        # Arguments and ids are made anew for each answer.
        assert [part.keys() for part in whole["candidates"][0]["content"]["parts"]] == [part.keys() for part in parts]
        assert streamed[-1]["candidates"][0]["finishReason"] == whole["candidates"][0]["finishReason"] == "STOP"
        assert streamed[-1]["usageMetadata"] == whole["usageMetadata"]
        assert all("finishReason" not in chunk["candidates"][0] for chunk in streamed[:-1])


async def test_logprobs_are_told_to_who_asks(http: httpx.AsyncClient) -> None:
    asked = HELLO | {"generationConfig": {"responseLogprobs": True}}
    whole = (await post(http, "text-n4", "generateContent", asked)).json()["candidates"][0]
    tokens = whole["logprobsResult"]["chosenCandidates"]
    assert "".join(token["token"] for token in tokens) == whole["content"]["parts"][0]["text"]
    assert len(tokens) == len(whole["logprobsResult"]["topCandidates"]) == 4
    response = await post(http, "text-n4", "streamGenerateContent?alt=sse", asked)
    streamed = [chunk["candidates"][0].get("logprobsResult") for chunk in chunks(response.content)]
    assert [token for each in streamed if each for token in each["chosenCandidates"]] == tokens
    assert "logprobsResult" not in (await post(http, "text-n4", "generateContent", HELLO)).json()["candidates"][0]


async def test_signatures_stand_where_they_belong(http: httpx.AsyncClient) -> None:
    tools = {"tools": [{"functionDeclarations": [{"name": "f"}]}]}
    for vertex in (False, True):
        called = (await post(http, "tools", "generateContent", HELLO | tools, vertex=vertex)).json()
        _, first, second = called["candidates"][0]["content"]["parts"]
        assert (first["thoughtSignature"], "thoughtSignature" in second) == (SIGNATURE, False)
        assert ("id" in first["functionCall"]) != vertex
    thought = (await post(http, "thinking", "generateContent", HELLO)).json()
    assert thought["candidates"][0]["content"]["parts"][-1] == {"text": "", "thoughtSignature": SIGNATURE}
    assert not any("thought" in part for part in thought["candidates"][0]["content"]["parts"])
    base64.b64decode(SIGNATURE, validate=True)


@pytest.mark.parametrize(
    ("signature", "later", "status"),
    [
        (None, [], 400),
        (SIGNATURE, [], 200),
        ("skip_thought_signature_validator", [], 200),
        # What was called before the user spoke again is not looked at.
        (None, [turn({"text": "a"}, role="model"), turn({"text": "And?"})], 200),
    ],
)
async def test_calls_want_signatures(
    http: httpx.AsyncClient, signature: str | None, later: list[Json], status: int
) -> None:
    call = CALL | ({"thoughtSignature": signature} if signature else {})
    body = turns(turn({"text": "Hello"}), turn(call, role="model"), turn(RESULT), *later)
    assert (await post(http, "text", "generateContent", body)).status_code == status


async def test_a_blocked_prompt_has_no_candidates(http: httpx.AsyncClient) -> None:
    body = (await post(http, "refusal-n0", "generateContent", HELLO)).json()
    assert body["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in body


async def test_an_error_in_a_stream_is_no_event(http: httpx.AsyncClient) -> None:
    response = await post(http, "error-event", "streamGenerateContent?alt=sse", HELLO)
    *_, last = response.content.split(b"\r\n\r\n")
    assert response.status_code == 200
    assert last.startswith(b"{\n")
    assert json.loads(last)["error"]["status"] == "UNAVAILABLE"


async def test_counts(http: httpx.AsyncClient) -> None:
    wrapped = {"generateContentRequest": {"model": "models/text", **HELLO}}
    counts = [
        await post(http, "text", "countTokens", HELLO),
        await post(http, "text", "countTokens", wrapped),
        await post(http, "text", "countTokens", HELLO, vertex=True),
    ]
    assert len({count.text for count in counts}) == 1
    assert counts[0].json()["totalTokens"] > 1
    for body in ({**wrapped, **HELLO}, {"generateContentRequest": HELLO}, {"systemInstruction": {}}):
        assert (await post(http, "text", "countTokens", body)).status_code == 400
    assert (await post(http, "text", "countTokens", {**HELLO, "toolConfig": {}}, vertex=True)).status_code == 400


async def test_models(http: httpx.AsyncClient) -> None:
    listed = (await http.get(DEVELOPER, headers=KEY)).json()["models"]
    assert "models/gemini-3.8-flash" in [model["name"] for model in listed]
    assert (await http.get(f"{DEVELOPER}/long-n9", headers=KEY)).json()["outputTokenLimit"] == 65_536
    assert (await http.get(f"{DEVELOPER}/nobody", headers=KEY)).status_code == 404


EMBED: Json = {"model": "models/text", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 4}


@pytest.mark.parametrize(
    "request_",
    [{"model": "models/other"}, {"content": {}}, {"taskType": "X"}, {"outputDimensionality": 0}, {"song": 1}],
    ids=str,
)
async def test_embeddings(http: httpx.AsyncClient, request_: Json) -> None:
    answered = (await post(http, "text", "batchEmbedContents", {"requests": [EMBED, EMBED]})).json()
    assert answered["embeddings"][0] == answered["embeddings"][1]
    assert sum(value * value for value in answered["embeddings"][0]["values"]) == pytest.approx(1)
    assert (await post(http, "text", "batchEmbedContents", {"requests": [EMBED | request_]})).status_code == 400
    assert (await post(http, "text", "batchEmbedContents", {"requests": [EMBED] * 101})).status_code == 400
