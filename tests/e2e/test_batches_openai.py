"""Batches on OpenAI, of both its APIs, through a gateway in front of a server that keeps files and batches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
import pytest_asyncio
from aiohttp import BodyPartReader, web

from support import calls
from support.calls import failure_of
from trunkline.v1 import batch_service_pb2 as pb
from trunkline.v1 import batch_service_pb2_grpc, chat_input_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.providers.openai.platform import AZURE, OPENAI

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
RESPONSES_USAGE = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}


@dataclass
class OpenAi:
    """The upstream: files and batches by id.

    `hanging` are the methods and paths that it does not answer, `failing` those that it answers with some status.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    hanging: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)

    async def _as_told(self, request: web.Request) -> web.StreamResponse | None:
        self.paths.append(request.path_qs)
        asked = f"{request.method} {request.path}"
        if asked in self.hanging:
            await asyncio.Event().wait()
        if asked not in self.failing:
            return None
        words = {"error": {"message": "Not today", "type": "invalid_request_error"}}
        return web.json_response(words, status=self.failing[asked])

    def keep(self, content: bytes) -> str:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return name

    async def upload(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path_qs)
        # Part by part: read as a whole, a form whose sender goes away would leave a file open.
        parts = await request.multipart()
        form: dict[str | None, bytes] = {}
        while (part := await parts.next()) is not None:
            assert isinstance(part, BodyPartReader)
            form[part.name] = bytes(await part.read())
        assert form["purpose"] == b"batch"
        return web.json_response({"id": self.keep(form["file"]), "object": "file"})

    async def file(self, request: web.Request) -> web.StreamResponse:
        if (told := await self._as_told(request)) is not None:
            return told
        name = request.match_info["id"]
        if name not in self.files:
            return web.json_response(
                {"error": {"message": "No such File", "type": "invalid_request_error"}}, status=404
            )
        if request.method == "DELETE":
            del self.files[name]
            return web.json_response({"id": name, "deleted": True})
        return web.Response(body=self.files[name], content_type="application/octet-stream")

    async def create(self, request: web.Request) -> web.StreamResponse:
        if (told := await self._as_told(request)) is not None:
            return told
        body = await request.json()
        name = f"batch_{len(self.batches) + 1}"
        lines = self.files[body["input_file_id"]].splitlines()
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "status": "validating",
            "created_at": 1_795_400_000,
            "expires_at": 1_795_486_400,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            **body,
        }
        return web.json_response(self.batches[name])

    def end(self, name: str) -> None:
        batch = self.batches[name]
        good, bad = [], []
        for line in self.files[batch["input_file_id"]].splitlines():
            asked = json.loads(line)
            assert asked["url"] == batch["endpoint"]
            custom_id = asked["custom_id"]
            response: dict[str, Any] | None = None
            error: dict[str, Any] | None = None
            match custom_id:
                case "wrong":
                    words = {"error": {"message": "Too sad", "type": "invalid_request_error", "param": "messages"}}
                    response = {"status_code": 400, "request_id": "req_2", "body": words}
                case "late":
                    error = {"code": "batch_expired", "message": "This request could not be executed in time"}
                case "called-off":
                    error = {"code": "batch_cancelled", "message": "cancelled"}
                case _:
                    response = {"status_code": 200, "request_id": "req_1", "body": _answer(asked)}
            result = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error}
            (good if response is not None and response["status_code"] == 200 else bad).append(json.dumps(result))
        batch |= {"status": "completed", "completed_at": 1_795_403_600}
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        for member, lines in (("output_file_id", good), ("error_file_id", bad)):
            batch[member] = self.keep("\n".join(lines).encode()) if lines else None

    async def one(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if name not in self.batches:
            return web.json_response({"error": {"message": "No batch", "type": "invalid_request_error"}}, status=404)
        if request.path.endswith("/cancel"):
            self.batches[name]["status"] = "cancelling"
        return web.json_response(self.batches[name])

    async def page(self, request: web.Request) -> web.StreamResponse:
        names = sorted(self.batches, reverse=True)
        if after := request.query.get("after"):
            names = names[names.index(after) + 1 :]
        limit = int(request.query["limit"])
        data = [self.batches[name] for name in names[:limit]]
        return web.json_response({"object": "list", "data": data, "has_more": len(names) > limit})


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    body = asked["body"]
    assert not {"stream", "stream_options"} & body.keys()
    if asked["url"].endswith("/chat/completions"):
        message = {"role": "assistant", "content": f"You said: {body['messages'][-1]['content']}", "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return {"id": "chatcmpl-1", "object": "chat.completion", "model": body["model"], "choices": [choice]} | {
            "usage": USAGE
        }
    part = {"type": "output_text", "text": f"You said: {_said(body['input'])}", "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    return {"id": "resp_1", "object": "response", "status": "completed", "model": body["model"], "output": [item]} | {
        "usage": RESPONSES_USAGE
    }


def _said(items: Any) -> str:
    content = items if isinstance(items, str) else items[-1]["content"]
    return content if isinstance(content, str) else str(content[0]["text"])


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[OpenAi]:
    openai = OpenAi()
    app = web.Application(client_max_size=2**28)
    for root in ("", "/openai"):
        app.router.add_post(f"{root}/files", openai.upload)
        app.router.add_route("*", f"{root}/files/{{id}}/content", openai.file)
        app.router.add_route("*", f"{root}/files/{{id}}", openai.file)
        app.router.add_post(f"{root}/batches", openai.create)
        app.router.add_get(f"{root}/batches", openai.page)
        app.router.add_post(f"{root}/batches/{{id}}/cancel", openai.one)
        app.router.add_get(f"{root}/batches/{{id}}", openai.one)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    openai.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield openai
    await runner.cleanup()


@pytest_asyncio.fixture
async def stub(upstream: OpenAi) -> AsyncIterator[Any]:
    def one(name: str, kind: str, api: str, **fields: Any) -> ProviderSettings:
        key = Secret(env="KEY", environ={"KEY": "sk-of-the-gateway"})
        return ProviderSettings(name=name, type=kind, api=api, base_url=upstream.url, api_key=key, **fields)

    providers = [
        one("responses", "openai", "responses", auth="bearer"),
        one("chat", "openai", "chat", auth="bearer"),
        one("azure", "azure_openai", "chat", auth="api-key", version="2026-10-01"),
        one("compatible", "openai_compatible", "chat", auth="bearer"),
        one("gemini", "gemini", "", auth="x-goog-api-key"),
    ]
    settings = Settings(listen="127.0.0.1:0", providers={each.name: each for each in providers})
    async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        yield batch_service_pb2_grpc.BatchServiceStub(channel)


def item(custom_id: str, text: str = "Hi") -> pb.BatchItem:
    asked = chat_input_pb2.ChatInput(model="gpt-6-sol", messages=[calls.user(text)])
    return pb.BatchItem(custom_id=custom_id, input=asked)


async def create(stub: Any, provider: str, *items: pb.BatchItem) -> pb.Batch:
    messages = [
        pb.CreateBatchRequest(header=pb.BatchHeader(provider=provider)),
        pb.CreateBatchRequest(items=pb.BatchItems(items=items)),
        pb.CreateBatchRequest(end=pb.BatchEnd()),
    ]
    batch: pb.Batch = (await stub.CreateBatch(iter(messages), timeout=20)).batch
    return batch


async def results_of(stub: Any, name: str) -> dict[str, pb.BatchResult]:
    found = {}
    async for message in stub.StreamBatchResults(pb.StreamBatchResultsRequest(id=name), timeout=10):
        for result in message.results:
            found[result.custom_id] = result
    return found


@pytest.mark.parametrize(
    ("provider", "endpoint", "files"),
    [
        ("responses", "/v1/responses", "/files"),
        ("chat", "/v1/chat/completions", "/files"),
        ("azure", "/chat/completions", "/openai/files?api-version=2026-10-01"),
    ],
)
async def test_from_its_creation_to_its_deletion(
    stub: Any, upstream: OpenAi, provider: str, endpoint: str, files: str
) -> None:
    batch = await create(stub, provider, item("a", "One"), item("wrong"), item("late"), item("called-off"))
    assert (batch.id, batch.state) == (f"{provider}/batch_1", pb.BATCH_STATE_VALIDATING)
    assert (batch.counts.total, batch.counts.processing) == (4, 4)
    assert batch.create_time.seconds == 1_795_400_000
    assert upstream.paths[0] == files
    assert upstream.batches["batch_1"]["endpoint"] == endpoint
    assert upstream.batches["batch_1"]["completion_window"] == "24h"

    failure = await failure_of(stub.DeleteBatch(pb.DeleteBatchRequest(id=batch.id)))
    assert failure.reason == "BATCH_NOT_ENDED"

    upstream.end("batch_1")
    ended = (await stub.GetBatch(pb.GetBatchRequest(id=batch.id))).batch
    assert (ended.state, ended.end_time.seconds) == (pb.BATCH_STATE_ENDED, 1_795_403_600)
    assert (ended.counts.succeeded, ended.counts.failed, ended.counts.processing) == (1, 3, 0)

    found = await results_of(stub, batch.id)
    assert found["a"].response.message.content[0].text.text == "You said: One"
    assert found["a"].response.completion.usage.input_total == 5
    assert found["wrong"].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert found["late"].error.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    assert found["called-off"].error.code == grpc.StatusCode.CANCELLED.value[0]

    await stub.DeleteBatch(pb.DeleteBatchRequest(id=batch.id))
    assert upstream.files == {}
    failure = await failure_of(results_of(stub, batch.id))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")


async def test_page_by_page_and_cancelled(stub: Any, upstream: OpenAi) -> None:
    for _ in range(3):
        await create(stub, "chat", item("a"))
    first = await stub.ListBatches(pb.ListBatchesRequest(provider="chat", page_size=2))
    assert [each.id for each in first.batches] == ["chat/batch_3", "chat/batch_2"]
    second = await stub.ListBatches(
        pb.ListBatchesRequest(provider="chat", page_size=2, page_token=first.next_page_token)
    )
    assert [each.id for each in second.batches] == ["chat/batch_1"]
    assert not second.next_page_token
    cancelled = await stub.CancelBatch(pb.CancelBatchRequest(id="chat/batch_1"))
    assert cancelled.batch.state == pb.BATCH_STATE_CANCELLING


async def test_one_that_failed_as_a_whole(stub: Any, upstream: OpenAi) -> None:
    batch = await create(stub, "chat", item("a"))
    errors = {"object": "list", "data": [{"code": "invalid_json_line", "message": "Line 1 is no JSON", "line": 1}]}
    upstream.batches["batch_1"] |= {"status": "failed", "errors": errors, "failed_at": 1_795_400_100}
    upstream.batches["batch_1"]["request_counts"] = {"total": 0, "completed": 0, "failed": 0}
    failed = (await stub.GetBatch(pb.GetBatchRequest(id=batch.id))).batch
    assert (failed.state, failed.error.message) == (pb.BATCH_STATE_FAILED, "Line 1 is no JSON")
    failure = await failure_of(results_of(stub, batch.id))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UPSTREAM_REJECTED_REQUEST")
    assert failure.info.metadata["upstream_message"] == "Line 1 is no JSON"
    assert failure.info.metadata["provider"] == "chat"
    assert failed.counts.processing == 0


@pytest.mark.parametrize(("state", "lines"), [("cancelled", 1), ("cancelled", 3), ("expired", 1), ("expired", 3)])
async def test_counts_of_one_that_ended_early(stub: Any, upstream: OpenAi, state: str, lines: int) -> None:
    """Whether or not those that were not done have lines, all is there."""
    last = "called-off" if state == "cancelled" else "late"
    batch = await create(stub, "chat", item("a"), item("b"), item(last))
    upstream.end("batch_1")
    upstream.batches["batch_1"] |= {"status": state, f"{state}_at": 1_795_403_600, "completed_at": None}
    upstream.batches["batch_1"]["request_counts"] = {"total": 5, "completed": 2, "failed": 1 if lines == 3 else 0}
    if lines == 1:
        upstream.batches["batch_1"]["error_file_id"] = None
    ended = (await stub.GetBatch(pb.GetBatchRequest(id=batch.id))).batch
    assert (ended.state, ended.provider_state) == (pb.BATCH_STATE_ENDED, state)
    assert (ended.counts.processing, ended.counts.succeeded) == (0, 2)
    rest = 2 if lines == 3 else 3
    assert getattr(ended.counts, state) == rest
    assert not ended.counts.HasField("expired" if state == "cancelled" else "cancelled")
    assert len(await results_of(stub, batch.id)) == (3 if lines == 3 else 2)


async def test_results_that_are_too_few_are_no_success(stub: Any, upstream: OpenAi) -> None:
    batch = await create(stub, "chat", item("a"), item("b"))
    upstream.end("batch_1")
    upstream.files[upstream.batches["batch_1"]["output_file_id"]] = b""
    assert (await failure_of(results_of(stub, batch.id))).reason == "STREAM_INTERRUPTED"


async def test_the_deletion_goes_on_where_a_file_is_gone(stub: Any, upstream: OpenAi) -> None:
    batch = await create(stub, "chat", item("a"), item("wrong"))
    upstream.end("batch_1")
    del upstream.files[upstream.batches["batch_1"]["output_file_id"]]
    await stub.DeleteBatch(pb.DeleteBatchRequest(id=batch.id))
    assert upstream.files == {}
    failure = await failure_of(stub.DeleteBatch(pb.DeleteBatchRequest(id=batch.id)))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")


async def test_a_deletion_that_the_provider_refuses(stub: Any, upstream: OpenAi) -> None:
    batch = await create(stub, "chat", item("a"))
    upstream.end("batch_1")
    upstream.failing[f"DELETE /files/{upstream.batches['batch_1']['output_file_id']}"] = 500
    failure = await failure_of(stub.DeleteBatch(pb.DeleteBatchRequest(id=batch.id)))
    assert failure.reason == "UPSTREAM_ERROR"


async def test_more_items_than_the_provider_takes(stub: Any, upstream: OpenAi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (ChatProvider(OPENAI).max_items, ChatProvider(AZURE).max_items) == (50_000, 100_000)
    monkeypatch.setattr(ChatProvider, "max_items", 2)
    await create(stub, "chat", item("a"), item("b"))
    failure = await failure_of(create(stub, "chat", item("a"), item("b"), item("c")))
    assert (failure.reason, failure.fields) == ("INVALID_REQUEST", ["items"])
    assert len(upstream.batches) == 1


async def test_who_takes_batches(stub: Any, upstream: OpenAi) -> None:
    failure = await failure_of(create(stub, "gemini", item("a")))
    assert failure.reason == "CAPABILITY_NOT_SUPPORTED"
    assert failure.info.metadata["providers"] == "azure, chat, responses"
    # Nobody knows of this one, but it may be asked.
    assert (await create(stub, "compatible", item("a"))).id == "compatible/batch_1"


async def test_a_name_that_would_have_to_change(stub: Any, upstream: OpenAi) -> None:
    one = item("a")
    one.input.tools.add().function.name = "a" * 70
    messages = [
        pb.CreateBatchRequest(header=pb.BatchHeader(provider="chat")),
        pb.CreateBatchRequest(items=pb.BatchItems(items=[one])),
        pb.CreateBatchRequest(end=pb.BatchEnd()),
    ]
    failure = await failure_of(stub.CreateBatch(iter(messages), timeout=5))
    assert (failure.reason, failure.fields) == ("CAPABILITY_NOT_SUPPORTED", ["items[0].input.tools"])
    assert upstream.batches == {}
