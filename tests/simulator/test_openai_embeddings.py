"""Embeddings and models in OpenAI's form."""

import base64
import math
import struct
from typing import Any

import httpx
import pytest

from simulator.caller import Json
from simulator.openai_caller import KEY
from trunkline_service.simulator.behaviours import BEHAVIOURS

PATH = "/openai/v1/embeddings"


async def embed(http: httpx.AsyncClient, given: Any, **more: Any) -> Json:
    answer = await http.post(PATH, json={"model": "text", "input": given, **more}, headers=KEY)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    assert [item["index"] for item in body["data"]] == list(range(len(body["data"])))
    return body


async def vectors(http: httpx.AsyncClient, given: Any, **more: Any) -> list[Any]:
    return [item["embedding"] for item in (await embed(http, given, **more))["data"]]


async def test_vectors_depend_on_their_input_alone(http: httpx.AsyncClient) -> None:
    one, two, again = await vectors(http, ["one", "two", "one"])
    assert one == again != two
    assert len(one) == 1536
    assert math.isclose(sum(number * number for number in one), 1, rel_tol=1e-5)
    assert await vectors(http, "one") == [one]


async def test_dimensions_and_base64(http: httpx.AsyncClient) -> None:
    (numbers,) = await vectors(http, "one", dimensions=8)
    (text,) = await vectors(http, "one", dimensions=8, encoding_format="base64")
    assert list(struct.unpack("<8f", base64.b64decode(text))) == numbers


async def test_tokens(http: httpx.AsyncClient) -> None:
    assert (await embed(http, [1, 2, 3]))["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    both = await embed(http, [[1, 2, 3], [4]])
    assert (len(both["data"]), both["usage"]["prompt_tokens"]) == (2, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"input": ""},
        {"input": []},
        {"input": ["a", ""]},
        {"input": [[1, "a"]]},
        {"input": ["a"] * 2049},
        {"input": [[1] * 8193]},
        {"dimensions": 4096},
        {"encoding_format": "hex"},
        {"nonsense": 1},
    ],
    ids=str,
)
async def test_refused(http: httpx.AsyncClient, change: Json) -> None:
    answer = await http.post(PATH, json={"model": "text", "input": "a", **change}, headers=KEY)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"]


async def test_faults_are_for_embeddings_too(http: httpx.AsyncClient) -> None:
    async def status(model: str) -> int:
        return (await http.post(PATH, json={"model": model, "input": "a"}, headers=KEY)).status_code

    assert [await status(name) for name in ("error-429", "error-529", "error-event-api", "text")] == [
        429,
        529,
        500,
        200,
    ]
    assert [await status("flaky-1-text") for _ in range(2)] == [529, 200]
    with pytest.raises(httpx.TransportError):
        await status("cut")


async def test_models(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/openai/v1/models", headers=KEY)).json()
    assert {*BEHAVIOURS, "gpt-6-sol"} <= {model["id"] for model in listed["data"]}
    one = (await http.get("/openai/v1/models/long-n5-g1", headers=KEY)).json()
    assert (one["id"], one["object"]) == ("long-n5-g1", "model")
    missing = await http.get("/openai/v1/models/not-there", headers=KEY)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


async def test_other_paths(http: httpx.AsyncClient) -> None:
    missing = await http.post("/openai/v1/completions", json={}, headers=KEY)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_url")
