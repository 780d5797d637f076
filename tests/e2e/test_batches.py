"""Batches on Anthropic, through a gateway in front of a server that keeps them as Anthropic does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
import pytest_asyncio
from aiohttp import web

from e2e.gateways import provider, until
from support import calls
from support.calls import Failure, failure_of
from trunkline.v1 import batch_service_pb2 as pb
from trunkline.v1 import batch_service_pb2_grpc, chat_input_pb2, message_pb2, route_pb2, warning_pb2
from trunkline_service.app import Gateway
from trunkline_service.config import Settings

MODEL = "claude-haiku-4-5"
UNKNOWN = "msgbatch_nowhere"


@dataclass
class Anthropic:
    """The upstream: batches by id, what it received, and how it is to answer."""

    url: str = ""
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seen: list[web.Request] = field(default_factory=list)
    broken: int = 0
    results_cut: bool = False

    async def create(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        try:
            body = await request.json()
        except Exception:
            self.broken += 1
            raise
        name = f"msgbatch_{len(self.batches) + 1}"
        self.requests[name] = body["requests"]
        self.batches[name] = {
            "id": name,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0),
            "created_at": "2026-11-23T10:00:00.5Z",
            "expires_at": "2026-11-24T10:00:00.5Z",
            "ended_at": None,
            "results_url": None,
        }
        self.batches[name]["request_counts"]["processing"] = len(body["requests"])
        return web.json_response(self.batches[name])

    def end(self, name: str) -> None:
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for result in self.results_of(name):
            counts[result["result"]["type"]] += 1
        self.batches[name] |= {
            "processing_status": "ended",
            "ended_at": "2026-11-23T11:00:00Z",
            "request_counts": counts,
            "results_url": "https://elsewhere.example.com/results",
        }

    def results_of(self, name: str) -> Iterable[dict[str, Any]]:
        for request in reversed(self.requests[name]):
            yield {"custom_id": request["custom_id"], "result": _result(request)}

    async def one(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        name = request.match_info["id"]
        if name not in self.batches:
            return web.json_response(_error("not_found_error", f"{name} not found"), status=404)
        if request.method == "DELETE":
            del self.batches[name]
            return web.json_response({"id": name, "type": "message_batch_deleted"})
        if request.path.endswith("/cancel"):
            self.batches[name]["processing_status"] = "canceling"
        return web.json_response(self.batches[name])

    async def page(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        names = sorted(self.batches, reverse=True)
        if after := request.query.get("after_id"):
            names = names[names.index(after) + 1 :]
        limit = int(request.query["limit"])
        shown = names[:limit]
        data = [self.batches[name] for name in shown]
        ids = {"first_id": shown[0] if shown else None, "last_id": shown[-1] if shown else None}
        return web.json_response({"data": data, "has_more": len(names) > limit, **ids})

    async def results(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        response = web.StreamResponse(headers={"content-type": "application/x-jsonl"})
        await response.prepare(request)
        lines = [json.dumps(each).encode() + b"\n" for each in self.results_of(request.match_info["id"])]
        if self.results_cut:
            lines = lines[:-1]
        for line in lines:
            await response.write(line[:7])
            await response.write(line[7:])
        return response


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _result(request: dict[str, Any]) -> dict[str, Any]:
    match request["custom_id"]:
        case "wrong":
            return {"type": "errored", "error": _error("invalid_request_error", "messages: too sad")}
        case "late":
            return {"type": "expired"}
        case "called-off":
            return {"type": "canceled"}
    text = f"You said: {request['params']['messages'][-1]['content'][0]['text']}"
    return {
        "type": "succeeded",
        "message": {
            "id": f"msg_{request['custom_id']}",
            "type": "message",
            "role": "assistant",
            "model": request["params"]["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 4},
        },
    }


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Anthropic]:
    anthropic = Anthropic()
    app = web.Application(client_max_size=2**28)
    root = "/v1/messages/batches"
    app.router.add_post(root, anthropic.create)
    app.router.add_get(root, anthropic.page)
    app.router.add_get(f"{root}/{{id}}/results", anthropic.results)
    app.router.add_post(f"{root}/{{id}}/cancel", anthropic.one)
    app.router.add_route("*", f"{root}/{{id}}", anthropic.one)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    anthropic.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield anthropic
    await runner.cleanup()


@pytest_asyncio.fixture
async def stub(upstream: Anthropic) -> AsyncIterator[Any]:
    providers = {"anthropic": provider(upstream.url), "vertexes": provider(upstream.url, "vertexes")}
    async with (
        Gateway(Settings(listen="127.0.0.1:0", providers=providers)) as gateway,
        grpc.aio.insecure_channel(gateway.address) as channel,
    ):
        yield batch_service_pb2_grpc.BatchServiceStub(channel)


def item(custom_id: str, text: str = "Hi", **generation: Any) -> pb.BatchItem:
    asked = chat_input_pb2.ChatInput(model=MODEL, messages=[calls.user(text)])
    if generation:
        asked.generation.CopyFrom(chat_input_pb2.GenerationParams(**generation))
    return pb.BatchItem(custom_id=custom_id, input=asked)


def header(name: str = "anthropic", **fields: Any) -> pb.CreateBatchRequest:
    return pb.CreateBatchRequest(header=pb.BatchHeader(provider=name, **fields))


def items(*each: pb.BatchItem) -> pb.CreateBatchRequest:
    return pb.CreateBatchRequest(items=pb.BatchItems(items=each))


END = pb.CreateBatchRequest(end=pb.BatchEnd())


async def create(stub: Any, *messages: pb.CreateBatchRequest) -> pb.CreateBatchResponse:
    response: pb.CreateBatchResponse = await stub.CreateBatch(iter(messages), timeout=20)
    return response


async def refused(stub: Any, *messages: pb.CreateBatchRequest) -> Failure:
    return await failure_of(stub.CreateBatch(iter(messages), timeout=10))


async def results_of(stub: Any, name: str) -> dict[str, pb.BatchResult]:
    found = {}
    async for message in stub.StreamBatchResults(pb.StreamBatchResultsRequest(id=name), timeout=50):
        for result in message.results:
            found[result.custom_id] = result
    return found


async def test_from_its_creation_to_its_deletion(stub: Any, upstream: Anthropic) -> None:
    sent = [header(), items(item("a", "One"), item("wrong")), items(item("late"), item("called-off", "Two")), END]
    created = await create(stub, *sent)
    batch = created.batch
    assert (batch.id, batch.provider) == ("anthropic/msgbatch_1", "anthropic")
    assert (batch.state, batch.provider_state) == (pb.BATCH_STATE_IN_PROGRESS, "in_progress")
    assert (batch.counts.total, batch.counts.processing) == (4, 4)
    assert batch.create_time.ToJsonString() == "2026-11-23T10:00:00.500Z"
    assert not batch.HasField("end_time")
    assert json.loads(batch.provider_batch_json)["id"] == "msgbatch_1"

    first, *_ = upstream.requests["msgbatch_1"]
    assert first["custom_id"] == "a"
    assert first["params"]["model"] == MODEL
    assert "stream" not in first["params"]
    assert upstream.seen[0].headers["anthropic-version"] == "2023-06-01"
    (warning,) = created.warnings
    assert warning.field == "items[0].input.generation.max_output_tokens"
    assert warning.code == warning_pb2.WARNING_CODE_DEFAULT_APPLIED
    assert "4 items" in warning.message

    failure = await failure_of(stub.StreamBatchResults(pb.StreamBatchResultsRequest(id=batch.id)).read())
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_NOT_ENDED")
    assert failure.info.metadata["state"] == "in_progress"

    upstream.end("msgbatch_1")
    ended = (await stub.GetBatch(pb.GetBatchRequest(id=batch.id))).batch
    assert ended.state == pb.BATCH_STATE_ENDED
    assert (ended.counts.succeeded, ended.counts.failed, ended.counts.cancelled, ended.counts.expired) == (1, 1, 1, 1)

    found = await results_of(stub, batch.id)
    assert found["a"].response.message.content[0].text.text == "You said: One"
    assert found["a"].response.completion.usage.output_total == 4
    assert found["a"].response.message.origin.provider == "anthropic"
    assert found["wrong"].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert found["late"].error.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    assert found["called-off"].error.code == grpc.StatusCode.CANCELLED.value[0]
    # The key goes to no other host than the configured one.
    assert upstream.seen[-1].path == "/v1/messages/batches/msgbatch_1/results"

    await stub.DeleteBatch(pb.DeleteBatchRequest(id=batch.id))
    assert upstream.batches == {}


async def test_an_answer_of_a_batch_costs_half(stub: Any, upstream: Anthropic) -> None:
    created = await create(stub, header(), items(item("a")), END)
    upstream.end("msgbatch_1")
    found = await results_of(stub, created.batch.id)
    # 10 tokens at a dollar a million and 4 at five, halved.
    assert found["a"].response.completion.cost.total_nano_usd == (10 * 1000 + 4 * 5000) // 2


async def test_page_by_page(stub: Any, upstream: Anthropic) -> None:
    for _ in range(5):
        await create(stub, header(), items(item("a")), END)
    found, token = [], ""
    while True:
        request = pb.ListBatchesRequest(provider="anthropic", page_size=2, page_token=token)
        page = await stub.ListBatches(request)
        found += [batch.id for batch in page.batches]
        token = page.next_page_token
        if not token:
            break
    assert found == [f"anthropic/msgbatch_{number}" for number in (5, 4, 3, 2, 1)]


async def test_cancel(stub: Any, upstream: Anthropic) -> None:
    created = await create(stub, header(), items(item("a")), END)
    batch = (await stub.CancelBatch(pb.CancelBatchRequest(id=created.batch.id))).batch
    assert (batch.state, batch.provider_state) == (pb.BATCH_STATE_CANCELLING, "canceling")


@pytest.mark.parametrize(
    ("method", "request_type"),
    [
        ("GetBatch", pb.GetBatchRequest),
        ("CancelBatch", pb.CancelBatchRequest),
        ("DeleteBatch", pb.DeleteBatchRequest),
    ],
)
async def test_one_that_is_not_there(stub: Any, method: str, request_type: Any) -> None:
    failure = await failure_of(getattr(stub, method)(request_type(id=f"anthropic/{UNKNOWN}")))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")


@pytest.mark.parametrize("name", ["", "anthropic", "anthropic/", "/msgbatch_1"])
async def test_no_id(stub: Any, name: str) -> None:
    failure = await failure_of(stub.GetBatch(pb.GetBatchRequest(id=name)))
    assert (failure.reason, failure.fields) == ("INVALID_REQUEST", ["id"])


async def test_another_provider_is_not_known(stub: Any) -> None:
    failure = await failure_of(stub.GetBatch(pb.GetBatchRequest(id="nowhere/msgbatch_1")))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "header"),
        ([items(item("a")), END], "header"),
        ([header("")], "header.provider"),
        ([header(api_key="ä")], "header.api_key"),
        ([header(), END], "items"),
        ([header(), items(item("a"))], "end"),
        ([header(), header(), END], "kind"),
        ([header(), items(item("")), END], "items[0].custom_id"),
        ([header(), items(item("a b")), END], "items[0].custom_id"),
        ([header(), items(item("a"), item("a")), END], "items[1].custom_id"),
        ([header(), items(item("a")), items(item("b", temperature=7)), END], "items[1].input.generation.temperature"),
        (
            [header(), items(pb.BatchItem(custom_id="a", input=chat_input_pb2.ChatInput(model=MODEL))), END],
            "items[0].input.messages",
        ),
    ],
)
async def test_mistakes(stub: Any, upstream: Anthropic, messages: list[pb.CreateBatchRequest], field: str) -> None:
    failure = await refused(stub, *messages)
    assert failure.reason == "INVALID_REQUEST"
    assert field in failure.fields
    assert upstream.batches == {}


async def test_what_holds_for_the_whole_batch_is_not_an_item_s_own(stub: Any, upstream: Anthropic) -> None:
    one = item("a")
    one.input.anthropic.betas.append("some-beta")
    failure = await refused(stub, header(), items(one), END)
    assert (failure.reason, failure.fields) == ("CAPABILITY_NOT_SUPPORTED", ["items[0].input.anthropic.betas"])


async def test_of_warnings_none_is_crowded_out(stub: Any, upstream: Anthropic) -> None:
    """What is said of the first items leaves room for what is said of the last."""

    def one(number: int) -> pb.BatchItem:
        return item(f"row-{number}", **({"seed": 7, "max_output_tokens": 5} if number == 1499 else {}))

    dropping = header(unsupported_fields=route_pb2.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING)
    created = await create(stub, dropping, items(*map(one, range(1500))), END)
    assert {warning.field: warning.code for warning in created.warnings} == {
        "items[0].input.generation.max_output_tokens": warning_pb2.WARNING_CODE_DEFAULT_APPLIED,
        "items[1499].input.generation.seed": warning_pb2.WARNING_CODE_FIELD_DROPPED,
    }
    default, dropped = created.warnings
    assert "1499 items" in default.message
    assert default.value
    assert "items" not in dropped.message


async def test_of_too_many_kinds_of_warnings_the_number_is_told(stub: Any, upstream: Anthropic) -> None:
    many = item("a", max_output_tokens=5)
    image = message_pb2.Media(data=b"x", media_type="image/png")
    detailed = message_pb2.ImageBlock(media=image, detail="low")
    many.input.messages[0].content.extend(message_pb2.ContentBlock(image=detailed) for _ in range(1200))
    dropping = header(unsupported_fields=route_pb2.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING)
    created = await create(stub, dropping, items(many), END)
    assert len(created.warnings) == 1000
    assert len({warning.field for warning in created.warnings}) == 1000
    assert "200 more" in created.warnings[-1].message
    assert not any("more" in warning.message for warning in created.warnings[:-1])


async def test_another_provider_s_model(stub: Any, upstream: Anthropic) -> None:
    one = item("a")
    one.input.model = f"vertexes/{MODEL}"
    failure = await refused(stub, header(), items(one), END)
    assert (failure.reason, failure.fields) == ("INVALID_REQUEST", ["items[0].input.model"])
    one.input.model = f"anthropic/{MODEL}"
    await create(stub, header(), items(one), END)
    assert upstream.requests["msgbatch_1"][0]["params"]["model"] == MODEL


@pytest.mark.parametrize("how", ["cancels", "leaves"])
async def test_a_caller_that_breaks_off_creates_nothing(stub: Any, upstream: Anthropic, how: str) -> None:
    call = stub.CreateBatch(timeout=5)
    await call.write(header())
    await call.write(items(item("a"), item("b")))
    await until(lambda: upstream.seen)
    if how == "cancels":
        call.cancel()
    else:
        await call.done_writing()
        failure = await failure_of(call)
        assert (failure.reason, failure.fields) == ("INVALID_REQUEST", ["end"])
    await until(lambda: upstream.broken)
    assert upstream.batches == {}


async def test_results_that_break_off_are_no_success(stub: Any, upstream: Anthropic) -> None:
    created = await create(stub, header(), items(item("a"), item("b"), item("c")), END)
    upstream.end("msgbatch_1")
    upstream.results_cut = True
    failure = await failure_of(results_of(stub, created.batch.id))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "STREAM_INTERRUPTED")
    assert failure.info.metadata["events_sent"] == "2"


async def test_by_the_thousand(stub: Any, upstream: Anthropic) -> None:
    """Neither items nor results are held together, and other calls go on."""
    count, each = 3000, 500

    def messages() -> Iterable[pb.CreateBatchRequest]:
        yield header()
        for start in range(0, count, each):
            yield items(*(item(f"row-{start + number}", max_output_tokens=5) for number in range(each)))
        yield END

    created = await stub.CreateBatch(messages(), timeout=50)
    assert created.batch.counts.total == count
    upstream.end("msgbatch_1")
    assert len(await results_of(stub, created.batch.id)) == count
