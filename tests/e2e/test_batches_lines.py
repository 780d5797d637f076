"""Lines of results that are not as they should be: each is the business of its item alone."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from e2e.test_batches_openai import OpenAi, create, item, results_of, stub, upstream
from support.calls import failure_of
from trunkline.v1 import batch_service_pb2 as pb

__all__ = ["stub", "upstream"]

CHAT = {"object": "chat.completion", "id": "chatcmpl-1", "model": "gpt-6-sol"}
RESPONSE = {"object": "response", "id": "resp_1", "model": "gpt-6-sol", "output": []}
GOOD = {
    "chat": {
        **CHAT,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine"}, "finish_reason": "stop"}],
    },
    "responses": {
        **RESPONSE,
        "status": "completed",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Fine", "annotations": []}],
            }
        ],
    },
}


def line(custom_id: str, body: Any, **members: Any) -> bytes:
    return json.dumps(
        {"id": "r", "custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None, **members}
    ).encode()


async def delivered(stub: Any, upstream: OpenAi, provider: str, *lines: bytes) -> str:
    """A batch whose results are these lines, of which it says that there are as many."""
    batch = await create(stub, provider, *(item(f"item-{number}") for number in range(len(lines))))
    upstream.end("batch_1")
    upstream.files[upstream.batches["batch_1"]["output_file_id"]] = b"\n".join(lines)
    return batch.id


def reason_of(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


FAILED_RESPONSE = {**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "Oh dear"}}
FAILED_CHAT = {
    **CHAT,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "error"}],
}


@pytest.mark.parametrize(
    ("provider", "bad", "reason"),
    [
        ("responses", line("bad", FAILED_RESPONSE), "UPSTREAM_ERROR"),
        ("chat", line("bad", FAILED_CHAT), "UPSTREAM_ERROR"),
        ("chat", line("bad", {"choices": 3}), "UPSTREAM_PROTOCOL_ERROR"),
        ("chat", line("bad", 3), "UPSTREAM_PROTOCOL_ERROR"),
        ("chat", line("bad", None, response=None), "UPSTREAM_PROTOCOL_ERROR"),
        ("chat", line("bad", None, response={"status_code": 200}), "UPSTREAM_PROTOCOL_ERROR"),
        ("chat", line("bad", None, response=None, error={"code": "odd", "message": "Oh dear"}), "UPSTREAM_ERROR"),
    ],
)
async def test_a_bad_one_leaves_the_others(stub: Any, upstream: OpenAi, provider: str, bad: bytes, reason: str) -> None:
    good = GOOD[provider]
    found = await results_of(
        stub, await delivered(stub, upstream, provider, line("a", good), bad, line("b", good), line("c", good))
    )
    assert sorted(found) == ["a", "b", "bad", "c"]
    assert {found[name].response.message.content[0].text.text for name in "abc"} == {"Fine"}
    info = reason_of(found["bad"].error)
    assert (info.reason, info.domain, info.metadata["provider"]) == (f"ERROR_REASON_{reason}", "trunkline", provider)
    assert found["bad"].error.code == grpc.StatusCode.UNAVAILABLE.value[0]


@pytest.mark.parametrize("bad", [b'{"response": {}}', b'{"custom_id": ""}', b'{"custom_id": 7}', b"[]", b"oh", b"\xff"])
async def test_one_of_nobody_ends_the_stream_after_those_before_it(stub: Any, upstream: OpenAi, bad: bytes) -> None:
    good = GOOD["chat"]
    name = await delivered(stub, upstream, "chat", line("a", good), bad, line("b", good))
    call = stub.StreamBatchResults(pb.StreamBatchResultsRequest(id=name), timeout=10)
    first = await call.read()
    assert [result.custom_id for result in first.results] == ["a"]
    failure = await failure_of(call.read())
    assert (failure.reason, failure.info.metadata["cause"]) == (
        "STREAM_INTERRUPTED",
        "ERROR_REASON_UPSTREAM_PROTOCOL_ERROR",
    )
    assert failure.info.metadata["events_sent"] == "1"
    assert failure.message.count("broke off") == 1


async def test_one_of_nobody_as_the_first(stub: Any, upstream: OpenAi) -> None:
    name = await delivered(stub, upstream, "chat", b"{}", line("a", GOOD["chat"]))
    failure = await failure_of(results_of(stub, name))
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL_ERROR")


async def test_a_file_that_is_gone_after_the_first(stub: Any, upstream: OpenAi) -> None:
    batch = await create(stub, "chat", item("a"), item("wrong"))
    upstream.end("batch_1")
    del upstream.files[upstream.batches["batch_1"]["error_file_id"]]
    failure = await failure_of(results_of(stub, batch.id))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "STREAM_INTERRUPTED")
    assert failure.info.metadata["events_sent"] == "1"
