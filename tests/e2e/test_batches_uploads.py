"""A file that no batch was made of does not stay with the provider."""

from __future__ import annotations

import time
from typing import Any

import grpc
import pytest
from aiohttp import web

from e2e.gateways import call_lines, until
from e2e.test_batches_openai import OpenAi, create, item, stub, upstream
from support.calls import failure_of
from trunkline.v1 import batch_service_pb2 as pb
from trunkline.v1 import batch_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import ProviderSettings, Secret, Settings

__all__ = ["stub", "upstream"]

CREATE = "POST /batches"
MESSAGES = (
    pb.CreateBatchRequest(header=pb.BatchHeader(provider="chat")),
    pb.CreateBatchRequest(items=pb.BatchItems(items=[item("a")])),
    pb.CreateBatchRequest(end=pb.BatchEnd()),
)


async def until_deleted(upstream: OpenAi) -> None:
    await until(lambda: "/files/file-1" in upstream.paths and not upstream.files)


async def test_when_the_provider_refuses_the_batch(stub: Any, upstream: OpenAi) -> None:
    upstream.failing[CREATE] = 400
    failure = await failure_of(create(stub, "chat", item("a")))
    assert (failure.reason, failure.info.metadata["upstream_message"]) == ("UPSTREAM_REJECTED_REQUEST", "Not today")
    await until_deleted(upstream)


@pytest.mark.parametrize("how", ["cancels", "runs out of time"])
async def test_when_the_caller(stub: Any, upstream: OpenAi, how: str) -> None:
    upstream.hanging.add(CREATE)
    call = stub.CreateBatch(iter(MESSAGES), timeout=5 if how == "cancels" else 0.5)
    await until(lambda: "/batches" in upstream.paths)
    assert upstream.files
    if how == "cancels":
        call.cancel()
    assert await call.code() == (grpc.StatusCode.CANCELLED if how == "cancels" else grpc.StatusCode.DEADLINE_EXCEEDED)
    await until_deleted(upstream)


async def test_when_what_was_made_is_no_batch(stub: Any, upstream: OpenAi, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.failing[CREATE] = 200
    failure = await failure_of(create(stub, "chat", item("a")))
    assert failure.reason == "UPSTREAM_PROTOCOL_ERROR"
    await until_deleted(upstream)


async def test_when_the_deletion_fails_too(stub: Any, upstream: OpenAi) -> None:
    upstream.failing |= {CREATE: 503, "DELETE /files/file-1": 500}
    with call_lines() as lines:
        failure = await failure_of(create(stub, "chat", item("a")))
        assert (failure.code, failure.info.metadata["upstream_status"]) == (grpc.StatusCode.UNAVAILABLE, "503")
        await until(
            lambda: any("could not delete" in text and "ERROR_REASON_UPSTREAM_ERROR" in text for text in lines.texts)
        )
    assert upstream.paths.count("/files/file-1") == 1


async def test_a_file_without_an_id(upstream: OpenAi) -> None:
    async def upload(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"object": "file"})

    app = web.Application()
    app.router.add_post("/files", upload)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with (
            Gateway(settings(f"http://127.0.0.1:{runner.addresses[0][1]}")) as gateway,
            grpc.aio.insecure_channel(gateway.address) as channel,
        ):
            failure = await failure_of(batch_service_pb2_grpc.BatchServiceStub(channel).CreateBatch(iter(MESSAGES)))
            assert failure.reason == "UPSTREAM_PROTOCOL_ERROR"
    finally:
        await runner.cleanup()


async def test_a_gateway_that_stops_does_not_wait_for_long(upstream: OpenAi) -> None:
    upstream.failing[CREATE] = 400
    upstream.hanging.add("DELETE /files/file-1")
    async with Gateway(settings(upstream.url)) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        failure = await failure_of(batch_service_pb2_grpc.BatchServiceStub(channel).CreateBatch(iter(MESSAGES)))
        assert failure.reason == "UPSTREAM_REJECTED_REQUEST"
        await until(lambda: "/files/file-1" in upstream.paths)
        began = time.monotonic()
    assert time.monotonic() - began < 3


def settings(url: str) -> Settings:
    key = Secret(env="KEY", environ={"KEY": "sk-of-the-gateway"})
    chat = ProviderSettings(name="chat", type="openai", api="chat", auth="bearer", base_url=url, api_key=key)
    return Settings(listen="127.0.0.1:0", providers={"chat": chat})
