"""A gateway in front of Bedrock, with keys from a file of AWS's: the API is a server on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from e2e.gateways import running, until
from support.calls import Stub, chat_failure, events_of, request, said, stream_failure, stream_request, to_target
from support.upstream import STREAM, Answer, ScriptedUpstream
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import ProviderSettings, Secret
from wire.decoding import answer, block_start, start, text_block, text_delta
from wire_bedrock.aws import ACCESS, EVENT_STREAM, SECRET, TOKEN, chunk, exception, is_signed, wrapped

MODEL = "us.anthropic.claude-opus-5-5-v1:0"
REGION = "eu-central-1"
# The tokens of an answer.
INPUT, OUTPUT = 10, 5
SSE = answer(*text_block("Hel", "lo"))
ANSWER = Answer(wrapped(SSE), headers=EVENT_STREAM | {"x-amzn-requestid": "aws-1"})
BEGUN = b"".join(map(chunk, [start(), block_start({"type": "text", "text": ""}), text_delta("Hel")]))


class Bedrock:
    """The gateway's stub, and the server behind it."""

    def __init__(self, stub: Stub, api: ScriptedUpstream) -> None:
        self.stub = stub
        self.api = api


@pytest.fixture
async def bedrock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bedrock]:
    """Its providers are `invoke`, `messages` and `mantle`, and `keyed` with a key in the place of a signature."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "credentials").write_text(
        f"[gateway]\naws_access_key_id={ACCESS}\naws_secret_access_key={SECRET}\naws_session_token={TOKEN}\n"
    )
    async with ScriptedUpstream() as api:
        own: dict[str, Any] = {"type": "bedrock", "auth": "bearer", "region": REGION}
        signed = {
            name: ProviderSettings(name=name, base_url=api.url + path, api=name, profile="gateway", **own)
            for name, path in (("invoke", ""), ("messages", "/anthropic"), ("mantle", "/anthropic"))
        }
        key = Secret(env="KEY", environ={"KEY": "bedrock-api-key-1"})
        keyed = ProviderSettings(name="keyed", base_url=api.url, api="invoke", api_key=key, **own)
        async with running(providers=signed | {"keyed": keyed}) as front:
            api.answer(ANSWER)
            yield Bedrock(front.stub, api)


async def test_invoke(bedrock: Bedrock) -> None:
    events = await events_of(bedrock.stub, stream_request(f"invoke/{MODEL}"))
    assert "".join(event.block_delta.text for event in events) == "Hello"
    whole = await bedrock.stub.Chat(request(f"invoke/{MODEL}"), timeout=5)
    assert said(whole) == "Hello"
    assert (whole.message.origin.provider, whole.message.origin.provider_type) == ("invoke", "anthropic")
    [attempt] = whole.completion.route_report.attempts
    assert (attempt.upstream_request_id, attempt.model) == ("aws-1", MODEL)
    for received in bedrock.api.received:
        assert received.path == f"/model/{MODEL}/invoke-with-response-stream"
        assert received.json["anthropic_version"] == "2026-10-21"
        assert not {"model", "stream"} & received.json.keys()
        assert received.headers["x-amz-security-token"] == TOKEN
        assert is_signed(received, "bedrock", REGION)


@pytest.mark.parametrize(
    ("model", "tier", "expected"),
    [
        # 110 % of $4 and $20.
        (MODEL, "", (4_400, 22_000)),
        (MODEL, "default", (4_400, 22_000)),
        ("global.anthropic.claude-opus-5-5", "", (4_000, 20_000)),
        ("anthropic.claude-opus-5-5", "", None),
        # Costs something else, and the answer does not tell that it was had.
        (MODEL, "flex", None),
    ],
)
async def test_cost_is_by_geography(bedrock: Bedrock, model: str, tier: str, expected: tuple[int, int] | None) -> None:
    asked = request(f"invoke/{model}")
    asked.input.service_tier = tier
    completion = (await bedrock.stub.Chat(asked, timeout=5)).completion
    usage = completion.usage
    assert (usage.input_total, usage.output_total) == (INPUT, OUTPUT)
    if expected is None:
        assert not completion.HasField("cost")
        return
    cost = completion.cost
    assert (cost.input_nano_usd, cost.output_nano_usd) == (INPUT * expected[0], OUTPUT * expected[1])


async def test_a_large_request_is_signed_byte_for_byte(bedrock: Bedrock) -> None:
    asked = request(f"invoke/{MODEL}")
    asked.input.messages[0].content[0].text.text = "é\u2028" * 400_000
    await bedrock.stub.Chat(asked, timeout=10)
    [received] = bedrock.api.received
    assert len(received.body) > 2**20
    assert is_signed(received, "bedrock", REGION)


async def test_an_arn(bedrock: Bedrock) -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc"
    await bedrock.stub.Chat(request(f"invoke/{arn}"), timeout=5)
    [received] = bedrock.api.received
    assert received.path == f"/model/{arn.replace('/', '%2F')}/invoke-with-response-stream"
    # Nobody knows which model that is.
    assert received.json["anthropic_version"] == "bedrock-2023-05-31"
    assert is_signed(received, "bedrock", REGION)


@pytest.mark.parametrize(("name", "service"), [("messages", "bedrock"), ("mantle", "bedrock-mantle")])
async def test_the_ways_of_anthropics_own(bedrock: Bedrock, name: str, service: str) -> None:
    bedrock.api.answer(Answer(SSE, headers=STREAM))
    assert said(await bedrock.stub.Chat(request(f"{name}/{MODEL}"), timeout=5)) == "Hello"
    [received] = bedrock.api.received
    assert received.path == "/anthropic/v1/messages"
    assert received.json["model"] == MODEL
    assert is_signed(received, service, REGION)


async def test_a_key_in_the_place_of_a_signature(bedrock: Bedrock) -> None:
    await bedrock.stub.Chat(request(f"keyed/{MODEL}"), timeout=5)
    asked = request(MODEL)
    asked.routing.CopyFrom(to_target("invoke", MODEL, api_key="key-of-the-caller"))
    await bedrock.stub.Chat(asked, timeout=5)
    keys = [received.headers["authorization"] for received in bedrock.api.received]
    assert keys == ["Bearer bedrock-api-key-1", "Bearer key-of-the-caller"]
    assert "x-amz-date" not in bedrock.api.received[1].headers


async def test_an_answer_in_one_piece(bedrock: Bedrock) -> None:
    body = (
        b'{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"Hi"}],'
        b'"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}'
    )
    bedrock.api.answer(Answer(body))
    assert said(await bedrock.stub.Chat(request(f"invoke/{MODEL}"), timeout=5)) == "Hi"


CORRUPT = bytearray(chunk(text_delta("lo")))
CORRUPT[-20] ^= 1
HOLE = bytearray(chunk(text_delta("lo")))
HOLE[2] ^= 0x40
BROKEN: dict[str, tuple[bytes, bool, str]] = {
    "an exception": (exception("throttlingException", message="m"), True, "UPSTREAM_RATE_LIMITED"),
    "a model that fails": (
        exception("modelStreamErrorException", message="m", originalStatusCode=529),
        True,
        "UPSTREAM_OVERLOADED",
    ),
    "a corrupt payload": (bytes(CORRUPT) + wrapped(SSE), True, "UPSTREAM_PROTOCOL_ERROR"),
    "a corrupt head": (bytes(HOLE) + wrapped(SSE), True, "UPSTREAM_PROTOCOL_ERROR"),
    "another wire": (SSE, True, "UPSTREAM_PROTOCOL_ERROR"),
    "a message cut short": (chunk(text_delta("lo"))[:-1], True, "UPSTREAM_UNREACHABLE"),
    "no end mark": (b"", True, "UPSTREAM_UNREACHABLE"),
    "a connection cut": (b"", False, "UPSTREAM_UNREACHABLE"),
}


@pytest.mark.parametrize(("rest", "ends", "cause"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("apart", [False, True])
async def test_a_stream_that_breaks(bedrock: Bedrock, rest: bytes, ends: bool, cause: str, apart: bool) -> None:
    """What came before is given out, in one read with what is broken or not."""
    body = [BEGUN, rest] if apart else [BEGUN + rest]
    bedrock.api.answer(Answer(body, headers=EVENT_STREAM, ends=ends, pause=0.02 if apart else 0.0))
    events, failed = await stream_failure(bedrock.stub, stream_request(f"invoke/{MODEL}"))
    assert "".join(event.block_delta.text for event in events) == "Hel"
    assert (failed.reason, failed.info.metadata["cause"]) == ("STREAM_INTERRUPTED", f"ERROR_REASON_{cause}")
    assert failed.code == grpc.StatusCode.ABORTED


async def test_a_stream_that_breaks_before_it_begins(bedrock: Bedrock) -> None:
    bedrock.api.answer(Answer(exception("serviceUnavailableException", message="m"), headers=EVENT_STREAM))
    failed = await chat_failure(bedrock.stub, request(f"invoke/{MODEL}"))
    assert (failed.reason, failed.retry is not None) == ("UPSTREAM_OVERLOADED", True)
    bedrock.api.answer(Answer(b"\0" * 50, headers=EVENT_STREAM))
    failed = await chat_failure(bedrock.stub, request(f"invoke/{MODEL}"))
    assert failed.reason == "UPSTREAM_PROTOCOL_ERROR"


async def test_an_error_before_the_stream(bedrock: Bedrock) -> None:
    headers = {"content-type": "application/json", "x-amzn-errortype": "ServiceQuotaExceededException"}
    bedrock.api.answer(Answer(b'{"message":"account 123"}', 400, headers | {"x-amzn-requestid": "aws-2"}))
    failed = await chat_failure(bedrock.stub, request(f"invoke/{MODEL}"))
    assert (failed.code, failed.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "UPSTREAM_QUOTA_EXHAUSTED")
    assert failed.retry is None
    assert failed.info.metadata["upstream_request_id"] == "aws-2"
    assert "123" not in failed.message


async def test_counts(bedrock: Bedrock) -> None:
    bedrock.api.answer(Answer(b'{"inputTokens":7}'), Answer(b'{"inputTokens":9}'), Answer(b'{"input_tokens":8}'))
    for name, count in (("invoke", 7), ("messages", 9), ("mantle", 8)):
        asked = chat_service_pb2.CountTokensRequest(input=request(f"{name}/{MODEL}").input)
        assert (await bedrock.stub.CountTokens(asked, timeout=5)).input_tokens == count
    invoke, messages, mantle = bedrock.api.received
    assert (messages.path, messages.body) == (invoke.path, invoke.body)
    assert is_signed(messages, "bedrock", REGION)
    assert invoke.path == f"/model/{MODEL.removeprefix('us.')}/count-tokens"
    assert json.loads(base64.b64decode(invoke.json["input"]["invokeModel"]["body"]))["max_tokens"] == 100
    assert is_signed(invoke, "bedrock", REGION)
    assert mantle.path == "/anthropic/v1/messages/count_tokens"
    assert is_signed(mantle, "bedrock-mantle", REGION)


VALIDATION = {"content-type": "application/json", "x-amzn-errortype": "ValidationException"}


@pytest.mark.parametrize(
    ("answer", "is_counted"),
    [
        (Answer(b'{"message":"The provided model doesn\'t support counting tokens."}', 400, VALIDATION), True),
        # The model itself is not here; the profile of a geography, which was asked for, may be.
        (Answer(b'{"message":"The provided model identifier is invalid."}', 400, VALIDATION), True),
        (Answer(b"{}", 404), True),
        (Answer(b'{"message":"Malformed input request"}', 400, VALIDATION), False),
        (Answer(b'{"message":"slow down"}', 429), False),
    ],
)
async def test_what_is_not_counted_there_is_estimated(bedrock: Bedrock, answer: Answer, is_counted: bool) -> None:
    bedrock.api.answer(answer)
    asked = chat_service_pb2.CountTokensRequest(input=request(f"invoke/{MODEL}").input)
    if not is_counted:
        with pytest.raises(grpc.aio.AioRpcError):
            await bedrock.stub.CountTokens(asked, timeout=5)
        return
    counted = await bedrock.stub.CountTokens(asked, timeout=5)
    assert counted.method == chat_service_pb2.COUNT_METHOD_ESTIMATE
    assert counted.input_tokens
    assert counted.origin.model == MODEL
    [attempt] = counted.route_report.attempts
    assert attempt.upstream_status == answer.status
    assert attempt.reason
    # It is a model that is not there if that very model was asked for.
    if b"identifier" in answer.body:
        asked.input.model = f"invoke/{MODEL.removeprefix('us.')}"
        with pytest.raises(grpc.aio.AioRpcError, match="does not know the model"):
            await bedrock.stub.CountTokens(asked, timeout=5)


async def test_a_call_that_is_cancelled_closes_the_connection(bedrock: Bedrock) -> None:
    pieces = [BEGUN, *[chunk(text_delta("x"))] * 1000]
    bedrock.api.answer(Answer(pieces, headers=EVENT_STREAM, pause=0.01))
    call: Any = bedrock.stub.StreamChat(stream_request(f"invoke/{MODEL}"), timeout=20)
    await call.read()
    call.cancel()
    await until(lambda: not bedrock.api._connections)
