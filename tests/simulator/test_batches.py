"""Batches of Anthropic and of OpenAI: items are played as calls would be, and come back in an order of their own."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from simulator.caller import Json, request
from simulator.openai_caller import KEY, chat, response

PATH = "/v1/messages/batches"
MODELS = ("text", "long-n3", "error-429", "cut", "stall", "tool", "html", "thinking")


def items(*models: str) -> list[Json]:
    return [{"custom_id": f"{place}-{model}", "params": request(model)} for place, model in enumerate(models)]


async def lines(http: httpx.AsyncClient, path: str, **headers: str) -> dict[str, Json]:
    answer = await http.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert len({line["custom_id"] for line in found}) == len(found)
    return {line["custom_id"]: line for line in found}


async def test_messages(http: httpx.AsyncClient) -> None:
    made = (await http.post(PATH, json={"requests": items(*MODELS)})).json()
    assert (made["processing_status"], made["results_url"]) == ("in_progress", None)
    assert made["request_counts"]["processing"] == len(MODELS)
    batch = (await http.get(f"{PATH}/{made['id']}")).json()
    assert batch["processing_status"] == "ended"
    assert batch["request_counts"] == {"processing": 0, "succeeded": 4, "errored": 3, "canceled": 0, "expired": 1}
    results = {name: line["result"] for name, line in (await lines(http, f"{PATH}/{made['id']}/results")).items()}
    assert list(results) != [item["custom_id"] for item in items(*MODELS)]
    assert results["0-text"]["message"]["content"][0]["text"] == "You said: hello there"
    assert results["1-long-n3"]["message"]["usage"]["output_tokens"] == 3
    assert results["2-error-429"]["error"]["error"]["type"] == "rate_limit_error"
    assert results["3-cut"]["error"]["error"]["type"] == "api_error"
    assert results["4-stall"] == {"type": "expired"}
    assert results["7-thinking"]["message"]["content"][0]["type"] == "thinking"


async def test_a_wrong_item_fails_alone(http: httpx.AsyncClient) -> None:
    wrong = {"custom_id": "wrong", "params": request("text", nonsense=1)}
    made = (await http.post(PATH, json={"requests": [*items("text"), wrong]})).json()
    results = await lines(http, f"{PATH}/{made['id']}/results")
    assert results["0-text"]["result"]["type"] == "succeeded"
    assert results["wrong"]["result"]["error"]["error"]["type"] == "invalid_request_error"


async def test_a_batch_takes_as_long_as_its_slowest_item(http: httpx.AsyncClient) -> None:
    made = (await http.post(PATH, json={"requests": items("text", "text-t1000")})).json()
    path = f"{PATH}/{made['id']}"
    assert (await http.get(path)).json()["processing_status"] == "in_progress"
    assert (await http.get(f"{path}/results")).status_code == 404
    assert (await http.delete(path)).status_code == 400
    await asyncio.sleep(1)
    assert (await http.get(path)).json()["processing_status"] == "ended"
    assert (await http.delete(path)).json()["type"] == "message_batch_deleted"
    assert (await http.get(path)).status_code == 404


async def test_cancel(http: httpx.AsyncClient) -> None:
    made = (await http.post(PATH, json={"requests": items("text-t60000")})).json()
    path = f"{PATH}/{made['id']}"
    assert (await http.post(f"{path}/cancel")).json()["processing_status"] == "canceling"
    batch = (await http.get(path)).json()
    assert (batch["processing_status"], batch["request_counts"]["canceled"]) == ("ended", 1)
    assert (await lines(http, f"{path}/results"))["0-text-t60000"]["result"] == {"type": "canceled"}


async def test_pages(http: httpx.AsyncClient) -> None:
    made = [(await http.post(PATH, json={"requests": items("text")})).json()["id"] for _ in range(5)]
    first = (await http.get(PATH, params={"limit": "2"})).json()
    rest = (await http.get(PATH, params={"limit": "9", "after_id": first["last_id"]})).json()
    assert [batch["id"] for batch in first["data"] + rest["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert (await http.get(PATH, params={"limit": "0"})).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"requests": []}, {"requests": [{"custom_id": "a"}]}, {"requests": [*items("text"), *items("text")]}],
    ids=range(4),
)
async def test_refused(http: httpx.AsyncClient, body: Json) -> None:
    assert (await http.post(PATH, json=body)).status_code == 400


OPENAI = "/openai/v1"


async def make(http: httpx.AsyncClient, url: str, bodies: list[Json], **more: Any) -> httpx.Response:
    rows = [
        {"custom_id": f"{place}-{body['model']}", "method": "POST", "url": url, "body": body}
        for place, body in enumerate(bodies)
    ]
    data = "\n".join(json.dumps(row) for row in rows).encode()
    files = {"file": ("batch.jsonl", data, "application/jsonl")}
    uploaded = await http.post(f"{OPENAI}/files", data={"purpose": "batch"}, files=files, headers=KEY)
    assert uploaded.json()["bytes"] == len(data)
    asked = {"input_file_id": uploaded.json()["id"], "endpoint": url, "completion_window": "24h", **more}
    return await http.post(f"{OPENAI}/batches", json=asked, headers=KEY)


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/responses"])
async def test_openai(http: httpx.AsyncClient, endpoint: str) -> None:
    body = chat if "chat" in endpoint else response
    made = (
        await make(http, endpoint, [body(model) for model in (*MODELS, "text-n0")] + [body("x", nonsense=1)])
    ).json()
    assert made["status"] == "validating"
    batch = (await http.get(f"{OPENAI}/batches/{made['id']}", headers=KEY)).json()
    assert (batch["status"], batch["request_counts"]["total"]) == ("completed", 10)
    answers = await lines(http, f"{OPENAI}/files/{batch['output_file_id']}/content", **KEY)
    errors = await lines(http, f"{OPENAI}/files/{batch['error_file_id']}/content", **KEY)
    assert {name.partition("-")[2] for name in answers} == {"text", "long-n3", "tool", "thinking", "text-n0"}
    assert answers["0-text"]["response"]["status_code"] == 200
    assert "You said: hello there" in json.dumps(answers["0-text"])
    assert errors["2-error-429"]["response"]["body"]["error"]["code"] == "rate_limit_exceeded"
    assert errors["4-stall"]["error"]["code"] == "batch_expired"
    assert errors["9-x"]["response"]["status_code"] == 400
    for name in (batch["output_file_id"], batch["input_file_id"]):
        assert (await http.delete(f"{OPENAI}/files/{name}", headers=KEY)).json()["deleted"]
        assert (await http.get(f"{OPENAI}/files/{name}/content", headers=KEY)).status_code == 404


async def test_openai_cancel_and_pages(http: httpx.AsyncClient) -> None:
    made = [(await make(http, "/v1/chat/completions", [chat("text-t60000")])).json()["id"] for _ in range(3)]
    first = (await http.get(f"{OPENAI}/batches", params={"limit": "2"}, headers=KEY)).json()
    rest = (await http.get(f"{OPENAI}/batches", params={"after": first["data"][-1]["id"]}, headers=KEY)).json()
    assert [batch["id"] for batch in first["data"] + rest["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    path = f"{OPENAI}/batches/{made[0]}"
    assert (await http.get(path, headers=KEY)).json()["status"] == "in_progress"
    assert (await http.post(f"{path}/cancel", headers=KEY)).json()["status"] == "cancelling"
    batch = (await http.get(path, headers=KEY)).json()
    assert (batch["status"], batch["output_file_id"]) == ("cancelled", None)
    (error,) = (await lines(http, f"{OPENAI}/files/{batch['error_file_id']}/content", **KEY)).values()
    assert error["error"]["code"] == "batch_cancelled"
    assert (await http.post(f"{path}/cancel", headers=KEY)).status_code == 409


@pytest.mark.parametrize(
    "more", [{"endpoint": "/v1/x"}, {"completion_window": "1h"}, {"input_file_id": "none"}], ids=str
)
async def test_openai_refused(http: httpx.AsyncClient, more: Json) -> None:
    answer = await make(http, "/v1/chat/completions", [chat("text")], **more)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
