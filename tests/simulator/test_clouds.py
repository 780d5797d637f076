"""The simulator's Bedrock and Vertex: the answers of Anthropic's API in other envelopes, and the checks of those."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from botocore.eventstream import EventStreamBuffer

from simulator.caller import Json, events, fold, request
from trunkline_service.simulator import Simulator

KEY = {"authorization": "Bearer good-key-12345"}
SIGNED = {
    "authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/bedrock/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
    "x-amz-date": "20260101T000000Z",
}
STREAM, WHOLE = "invoke-with-response-stream", "invoke"
VERTEX = "/v1/projects/p/locations/global/publishers/anthropic/models"


@pytest.fixture
async def api(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    # Certificates take long to load.
    async with httpx.AsyncClient(base_url=sim.url, headers=KEY, timeout=5, trust_env=False, verify=False) as client:
        yield client


def invoke(**more: Any) -> Json:
    """The body of InvokeModel."""
    body = request("text") | {"anthropic_version": "bedrock-2023-05-31"} | more
    return {name: value for name, value in body.items() if name not in ("model", "stream") or name in more}


def messages(body: bytes) -> list[Any]:
    """The events in an event stream, by botocore; exceptions by their type and payload."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    found: list[Any] = []
    for held in buffer:
        payload = json.loads(held.payload)
        if held.headers[":message-type"] == "event":
            assert held.headers[":event-type"] == "chunk"
            found.append(json.loads(base64.b64decode(payload["bytes"])))
        else:
            found.append((held.headers[":exception-type"], payload["message"]))
    return found


@pytest.mark.parametrize("headers", [KEY, SIGNED])
async def test_invoke_streams_anthropics_events(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await api.post(f"/model/text/{STREAM}", json=invoke(), headers=headers)
    assert response.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert response.headers["x-amzn-requestid"]
    found = messages(response.content)
    last = found[-1]
    assert last["type"] == "message_stop"
    own = await api.post("/v1/messages", json=request("text", stream=True), headers={"anthropic-version": "2023-06-01"})
    message = fold(found)
    assert message["content"] == fold(events(own.content))["content"]
    assert last["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == message["usage"]["output_tokens"]


async def test_invoke_answers_whole(api: httpx.AsyncClient) -> None:
    response = await api.post(f"/model/text/{WHOLE}", json=invoke())
    assert response.json()["content"] == [{"type": "text", "text": "You said: hello there"}]


async def test_errors_in_a_stream_are_exceptions(api: httpx.AsyncClient) -> None:
    response = await api.post(f"/model/error-event-n2/{STREAM}", json=invoke())
    assert response.status_code == 200
    assert messages(response.content)[-1][0] == "serviceUnavailableException"


@pytest.mark.parametrize(
    ("model", "status", "kind"),
    [
        ("error-429", 429, "ThrottlingException"),
        ("error-429-spend", 429, "ServiceQuotaExceededException"),
        ("error-s500", 500, "InternalServerException"),
        ("error-s404", 404, "ResourceNotFoundException"),
    ],
)
async def test_errors_say_their_type_in_a_header(api: httpx.AsyncClient, model: str, status: int, kind: str) -> None:
    response = await api.post(f"/model/{model}/{STREAM}", json=invoke())
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (status, kind)
    assert response.json().keys() == {"message"}


REFUSED: dict[str, tuple[Json, int]] = {
    "a model": (invoke(model="text"), 400),
    "stream": (invoke(stream=True), 400),
    "no version": (invoke(anthropic_version=None), 400),
    "Anthropic's version": (invoke(anthropic_version="2023-06-01"), 400),
    "betas as text": (invoke(anthropic_beta="a"), 400),
    "no messages": (invoke(messages=[]), 400),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED)
async def test_invoke_is_strict(api: httpx.AsyncClient, body: Json, status: int) -> None:
    response = await api.post(f"/model/text/{STREAM}", json=body)
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (status, "ValidationException")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer bad-key"},
        SIGNED | {"x-amz-date": ""},
        SIGNED | {"authorization": SIGNED["authorization"].replace("AKIA", "badAKIA")},
        SIGNED | {"authorization": SIGNED["authorization"][:-1]},
    ],
)
async def test_bedrock_wants_a_key_or_a_signature(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path in (f"/model/text/{STREAM}", "/anthropic/v1/messages"):
        response = await api.post(path, json=invoke(), headers=headers)
        assert response.status_code == 403


async def test_counts_of_bedrock(api: httpx.AsyncClient) -> None:
    inner = base64.b64encode(json.dumps(invoke()).encode()).decode()
    counted = await api.post("/model/text/count-tokens", json={"input": {"invokeModel": {"body": inner}}})
    headers = {"anthropic-version": "2023-06-01"}
    plain = {name: value for name, value in request("text").items() if name != "max_tokens"}
    mantle = await api.post("/mantle/anthropic/v1/messages/count_tokens", json=plain, headers=headers)
    assert counted.json()["inputTokens"] == mantle.json()["input_tokens"] > 0
    native = await api.post("/anthropic/v1/messages/count_tokens", json=plain, headers=headers)
    assert (native.status_code, "input_tokens" in native.json()) == (200, False)
    incomplete = json.dumps({name: value for name, value in invoke().items() if name != "max_tokens"}).encode()
    for wrong in ("%", base64.b64encode(b"x").decode(), base64.b64encode(incomplete).decode()):
        refused = await api.post("/model/text/count-tokens", json={"input": {"invokeModel": {"body": wrong}}})
        assert refused.status_code == 400


@pytest.mark.parametrize("base", ["/anthropic", "/mantle/anthropic"])
async def test_the_ways_of_anthropics_own(api: httpx.AsyncClient, base: str) -> None:
    headers = {"anthropic-version": "2026-10-21"}
    body = request("text", stream=True, user_profile_id="u")
    response = await api.post(f"{base}/v1/messages", json=body, headers=headers)
    assert fold(events(response.content))["content"][0]["text"] == "You said: hello there"
    assert (await api.post(f"{base}/v1/messages", json=body)).status_code == 400


async def test_vertex(api: httpx.AsyncClient) -> None:
    body = invoke(anthropic_version="vertex-2023-10-16", stream=True)
    response = await api.post(f"{VERTEX}/text:streamRawPredict", json=body)
    assert fold(events(response.content))["content"][0]["text"] == "You said: hello there"
    whole = await api.post(f"{VERTEX}/text:rawPredict", json=invoke(anthropic_version="2026-10-21"))
    assert whole.json()["content"][0]["text"] == "You said: hello there"
    counted = {"model": "text", "messages": request("text")["messages"], "anthropic_version": "vertex-2023-10-16"}
    assert (await api.post(f"{VERTEX}/count-tokens:rawPredict", json=counted)).json()["input_tokens"] > 0


@pytest.mark.parametrize(
    ("model", "more", "headers", "status", "said"),
    [
        ("text", {"model": "text"}, {}, 400, "invalid_request_error"),
        ("text", {"anthropic_version": "2023-06-01"}, {}, 400, "invalid_request_error"),
        ("text", {}, {"authorization": "Bearer bad-token"}, 401, "UNAUTHENTICATED"),
        ("error-429", {}, {}, 429, "RESOURCE_EXHAUSTED"),
        ("error-s529", {}, {}, 529, "overloaded_error"),
    ],
)
async def test_errors_of_vertex(
    api: httpx.AsyncClient, model: str, more: Json, headers: dict[str, str], status: int, said: str
) -> None:
    body = invoke(anthropic_version="vertex-2023-10-16") | more
    response = await api.post(f"{VERTEX}/{model}:streamRawPredict", json=body, headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error.get("status") or error["type"]) == (status, said)
