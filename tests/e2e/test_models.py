"""`ModelService`: what the providers tell, what the catalogue knows, and what is said when neither does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import pytest_asyncio

from e2e.gateways import KEY, Running, provider, running, until
from support.calls import Failure, failure
from support.upstream import JSON, Answer, ScriptedUpstream
from trunkline.v1 import (
    batch_service_pb2,
    batch_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    route_pb2,
    warning_pb2,
)
from trunkline.v1.model_service_pb2 import (
    FACT_SOURCE_CATALOG,
    FACT_SOURCE_CONFIGURATION,
    FACT_SOURCE_PROVIDER,
    MODEL_CAPABILITY_BATCH,
    MODEL_CAPABILITY_CITATIONS,
    MODEL_CAPABILITY_SAMPLING,
    MODEL_CAPABILITY_WEB_SEARCH,
    MODEL_LIFECYCLE_DEPRECATED,
    MODEL_LIFECYCLE_RETIRED,
    GetModelRequest,
    ListModelsRequest,
    Model,
)
from trunkline_service.app import _routing
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.providers.base import ModelLister
from trunkline_service.routing import listing, models

HAIKU = {
    "type": "model", "id": "claude-haiku-4-5-20251001", "display_name": "Claude Haiku 4.5", "lifecycle": "active",
    "created_at": "2025-10-01T00:00:00Z", "max_input_tokens": 200001, "max_tokens": 64001,
    "capabilities": {
        "batch": {"supported": True}, "citations": {"supported": False}, "image_input": True, "effort": {"low": 1},
        "server_tools": {"supported": True, "web_search": {"supported": False}},
    },
}  # fmt: skip
NEWCOMER = {"id": "claude-new-6", "lifecycle": "deprecated", "retires_at": "2099-01-31T00:00:00Z"}


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        yield upstream


@asynccontextmanager
async def behind(upstream: ScriptedUpstream, **settings: Any) -> AsyncIterator[Running]:
    async with running(providers={"anthropic": provider(upstream.url)}, **settings) as own:
        yield own


@pytest_asyncio.fixture
async def own(upstream: ScriptedUpstream) -> AsyncIterator[Running]:
    async with behind(upstream) as own:
        yield own


def page(*models: dict[str, Any], more: bool = False) -> Answer:
    last = models[-1]["id"] if models else None
    return Answer(json.dumps({"data": models, "has_more": more, "last_id": last}).encode(), headers=JSON)


def stub(own: Running) -> Any:
    return model_service_pb2_grpc.ModelServiceStub(own.channel)


async def listed(own: Running, **fields: Any) -> model_service_pb2.ListModelsResponse:
    response: model_service_pb2.ListModelsResponse = await stub(own).ListModels(ListModelsRequest(**fields), timeout=10)
    return response


async def got(own: Running, model: str) -> model_service_pb2.GetModelResponse:
    response: model_service_pb2.GetModelResponse = await stub(own).GetModel(GetModelRequest(model=model), timeout=10)
    return response


async def refused(call: Any) -> Failure:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return failure(error)
    raise AssertionError("the call did not fail")


def ids(models: Any) -> list[str]:
    return [model.id for model in models]


async def test_what_the_provider_tells_goes_first(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(page(HAIKU, NEWCOMER))
    response = await listed(own, provider="anthropic")
    assert not response.warnings
    assert ids(response.models) == ["claude-haiku-4-5-20251001", "claude-new-6"]
    haiku, newcomer = response.models
    assert (haiku.provider, haiku.provider_type, haiku.display_name) == ("anthropic", "anthropic", "Claude Haiku 4.5")
    assert (haiku.context_window, haiku.max_output_tokens) == (200_001, 64_001)
    assert haiku.aliases == ["claude-haiku-4-5"]
    assert haiku.create_time.ToJsonString() == "2025-10-01T00:00:00Z"
    assert json.loads(haiku.provider_model_json) == HAIKU
    assert {MODEL_CAPABILITY_BATCH, MODEL_CAPABILITY_SAMPLING} <= set(haiku.capabilities)
    # The catalogue says otherwise.
    assert {MODEL_CAPABILITY_CITATIONS, MODEL_CAPABILITY_WEB_SEARCH} <= set(haiku.missing_capabilities)
    assert haiku.prices.tiers[0].input_nano_usd == 1_000_000_000
    told = dict(haiku.sources)
    assert {told[name] for name in ("id", "display_name", "context_window", "capabilities", "lifecycle")} == {
        FACT_SOURCE_PROVIDER
    }
    assert {told[name] for name in ("prices", "aliases", "capabilities.sampling")} == {FACT_SOURCE_CATALOG}
    assert {told[name] for name in ("provider", "provider_type")} == {FACT_SOURCE_CONFIGURATION}
    assert newcomer.lifecycle == MODEL_LIFECYCLE_DEPRECATED
    assert newcomer.retire_time.ToJsonString() == "2099-01-31T00:00:00Z"
    assert not newcomer.HasField("prices")
    for model in response.models:
        fields = {field.name for field, _ in model.ListFields()}
        assert fields - {"sources"} == {name for name in model.sources if "." not in name}
    (asked,) = upstream.received
    assert asked.path.startswith("/v1/models?limit=1000&lifecycle%5B%5D=active")
    assert asked.headers["x-api-key"]


async def test_all_pages_are_fetched_and_kept(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(page(NEWCOMER, more=True), page(HAIKU))
    both = ["claude-haiku-4-5-20251001", "claude-new-6"]
    found = await asyncio.gather(*(listed(own, provider="anthropic") for _ in range(5)))
    assert [ids(each.models) for each in found] == [both] * 5
    assert ids((await listed(own, provider="anthropic")).models) == both
    assert [call.path.partition("after_id=")[2] for call in upstream.received] == ["", "claude-new-6"]


async def test_a_list_without_end_ends(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(page(HAIKU, more=True))
    response = await listed(own, provider="anthropic")
    assert response.warnings[0].code == warning_pb2.WARNING_CODE_PROVIDER_UNAVAILABLE
    assert len(upstream.received) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"{}", status=500),
        Answer(b"{}", status=401),
        Answer(b"<html>", headers={"content-type": "text/html"}),
        Answer(b"[]"),
        Answer(b"{}"),
        Answer(b'{"data": [1]}'),
        Answer(b'{"data": [{"id": ""}]}'),
        Answer(b'{"data": [{"id": "\xff"}]}'),
        Answer(b'{"data": [', ends=False),
    ],
)
async def test_a_provider_that_does_not_tell(own: Running, upstream: ScriptedUpstream, answer: Answer) -> None:
    upstream.answer(answer)
    response = await listed(own, provider="anthropic")
    (warning,) = response.warnings
    assert warning.code == warning_pb2.WARNING_CODE_PROVIDER_UNAVAILABLE
    assert warning.value == "anthropic"
    found = {model.id: model for model in response.models}
    assert found["claude-haiku-5-5"].sources["context_window"] == FACT_SOURCE_CATALOG
    assert "claude-3-opus" not in found
    # Asked again the next time.
    upstream.answer(page(NEWCOMER))
    again = await listed(own, provider="anthropic")
    assert (ids(again.models), list(again.warnings)) == (["claude-new-6"], [])


async def test_a_provider_that_hangs_holds_up_nobody_for_longer_than_the_deadline(
    own: Running, upstream: ScriptedUpstream
) -> None:
    upstream.answer(Answer([b'{"data"', b":"], pause=60))
    response = await stub(own).ListModels(ListModelsRequest(), timeout=1.5)
    assert [warning.value for warning in response.warnings] == ["anthropic"]
    assert {model.provider for model in response.models} == {"anthropic", "simulator"}


async def test_one_model_of_a_provider_that_hangs(
    own: Running, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer(Answer([b'{"data"', b":"], pause=60))
    asked = GetModelRequest(model="anthropic/claude-new-6")
    late = await refused(stub(own).GetModel(asked, timeout=1))
    assert (late.code, late.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    monkeypatch.setattr(models, "WAIT_SECONDS", 0.3)
    slow = await refused(stub(own).GetModel(asked, timeout=10))
    assert (slow.code, slow.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_TIMEOUT")
    assert slow.retry is not None


async def test_a_caller_that_leaves_takes_nothing_from_the_others(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(Answer([page(HAIKU).body[:5], page(HAIKU).body[5:]], pause=0.3))  # type: ignore[list-item,index]
    leaving = stub(own).ListModels(ListModelsRequest(provider="anthropic"), timeout=10)
    staying = asyncio.create_task(listed(own, provider="anthropic"))
    await until(lambda: upstream.received)
    leaving.cancel()
    assert ids((await staying).models) == ["claude-haiku-4-5-20251001"]
    assert len(upstream.received) == 1


async def test_a_gateway_that_stops_does_not_wait_for_the_list(upstream: ScriptedUpstream) -> None:
    upstream.answer(Answer([b'{"data"', b":"], pause=60))
    async with behind(upstream) as own:
        call = stub(own).ListModels(ListModelsRequest(provider="anthropic"), timeout=10)
        await until(lambda: upstream.received)
        call.cancel()


async def test_filters(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(page(HAIKU, NEWCOMER))
    wanted = [MODEL_CAPABILITY_BATCH, MODEL_CAPABILITY_SAMPLING]
    assert ids((await listed(own, provider="anthropic", capabilities=wanted)).models) == ["claude-haiku-4-5-20251001"]
    found = await listed(own, provider="anthropic", lifecycles=[MODEL_LIFECYCLE_DEPRECATED])
    assert ids(found.models) == ["claude-new-6"]
    gone = await listed(own, provider="anthropic", lifecycles=[MODEL_LIFECYCLE_RETIRED])
    assert "claude-3-opus" in ids(gone.models)
    assert {model.lifecycle for model in gone.models} == {MODEL_LIFECYCLE_RETIRED}


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_paging(own: Running, upstream: ScriptedUpstream, size: int) -> None:
    upstream.answer(page(HAIKU, NEWCOMER))
    everything: list[Model] = []
    token = ""
    while True:
        response = await listed(own, page_size=size, page_token=token)
        assert len(response.models) <= size
        everything += response.models
        token = response.next_page_token
        if not token:
            break
    names = [(model.provider, model.id) for model in everything]
    assert names == sorted(set(names))
    assert {"anthropic", "simulator"} == {name for name, _ in names}
    assert len(names) > 7


@pytest.mark.parametrize(
    ("fields", "violated"),
    [
        ({"page_size": -1}, ["page_size"]),
        ({"page_size": 1001}, ["page_size"]),
        ({"page_token": "never given"}, ["page_token"]),
        ({"page_token": "WzEsMl0"}, ["page_token"]),
        ({"page_token": "WyJhIiwiYiIsImMiXQ"}, ["page_token"]),
        ({"page_token": "W" * 30_000}, ["page_token"]),
        ({"page_token": "\u00e9"}, ["page_token"]),
        ({"page_token": "/+=="}, ["page_token"]),
        ({"capabilities": [0, 3, 99], "lifecycles": [77]}, ["capabilities[0]", "capabilities[2]", "lifecycles[0]"]),
        ({"provider": "x" * 1001, "page_size": 5000}, ["provider", "page_size"]),
    ],
)
async def test_requests_that_break_rules(own: Running, fields: dict[str, Any], violated: list[str]) -> None:
    found = await refused(stub(own).ListModels(ListModelsRequest(**fields), timeout=5))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert found.fields == violated


async def test_every_token_that_is_given_is_taken(own: Running, upstream: ScriptedUpstream) -> None:
    names = ["\u65e5" * 1000, "\u0001" * 1000, "m" * 1000, "m" * 1001]
    upstream.answer(page(*({"id": name} for name in names)))
    found = []
    token = ""
    while not found or token:
        response = await listed(own, provider="anthropic", page_size=1, page_token=token)
        found += ids(response.models)
        token = response.next_page_token
    # The last of them is longer than any request may say.
    assert found == sorted(names[:3])


async def test_a_token_of_another_request(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(page(HAIKU, NEWCOMER))
    token = (await listed(own, provider="anthropic", page_size=1)).next_page_token
    assert ids((await listed(own, provider="anthropic", page_size=5, page_token=token)).models) == ["claude-new-6"]
    found = await refused(stub(own).ListModels(ListModelsRequest(page_token=token), timeout=5))
    assert found.fields == ["page_token"]


async def test_a_provider_that_is_not_there(own: Running) -> None:
    found = await refused(stub(own).ListModels(ListModelsRequest(provider="acme"), timeout=5))
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    "name",
    [
        "anthropic/claude-haiku-4-5-20251001",
        "anthropic/claude-haiku-4-5",
        "anthropic/claude-haiku-4-5-latest",
        "claude-haiku-4-5",
        "small",
    ],
)
async def test_one_model_by_its_names(upstream: ScriptedUpstream, name: str) -> None:
    upstream.answer(page(HAIKU))
    async with behind(upstream, models={"small": "anthropic/claude-haiku-4-5"}) as own:
        response = await got(own, name)
    assert (response.model.provider, response.model.id) == ("anthropic", "claude-haiku-4-5-20251001")
    assert response.model.prices.as_of


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("anthropic/claude-haiku-4-6", "anthropic/claude-haiku-4-5-20251001"),
        ("claude-haiku-4-6", "simulator/claude-haiku-4-5"),
        # Known, but not there.
        ("anthropic/claude-haiku-5-5", "anthropic/claude-haiku-4-5-20251001"),
        ("anthropic/xyz", None),
    ],
)
async def test_unknown_models(own: Running, upstream: ScriptedUpstream, name: str, nearest: str | None) -> None:
    upstream.answer(page(HAIKU))
    found = await refused(stub(own).GetModel(GetModelRequest(model=name), timeout=5))
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    assert found.resource is not None
    assert (found.resource.resource_type, found.resource.resource_name) == ("models", name.rpartition("/")[2])
    assert found.retry is None
    assert (f"nearest are {nearest}" in found.message) if nearest else ("nearest" not in found.message)


async def test_retired_models(own: Running, upstream: ScriptedUpstream) -> None:
    gone = {"id": "claude-haiku-4-4", "lifecycle": "retired", "retires_at": "2026-01-31T00:00:00Z"}
    upstream.answer(page(HAIKU, gone))
    found = await refused(stub(own).GetModel(GetModelRequest(model="anthropic/claude-haiku-4-4"), timeout=5))
    assert found.reason == "MODEL_NOT_FOUND"
    assert "retired the model 'claude-haiku-4-4' on 2026-01-31" in found.message
    assert "anthropic/claude-haiku-4-5-20251001" in found.message
    known = await refused(stub(own).GetModel(GetModelRequest(model="claude-3-haiku-20240307"), timeout=5))
    assert known.reason == "MODEL_NOT_FOUND"
    assert "retired" in known.message


async def test_what_is_there_is_not_retired_whatever_its_maker_says(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(page({"id": "claude-3-haiku-20240307"}))
    model = (await got(own, "anthropic/claude-3-haiku-20240307")).model
    assert not model.lifecycle
    assert "lifecycle" not in model.sources


async def test_a_day_that_has_passed_retires(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(page({"id": "claude-new-6", "retires_at": "2020-01-01"}, HAIKU))
    assert ids((await listed(own, provider="anthropic")).models) == ["claude-haiku-4-5-20251001"]


async def test_one_model_of_a_provider_that_does_not_tell(own: Running, upstream: ScriptedUpstream) -> None:
    upstream.answer(Answer(b"{}", status=529))
    known = await got(own, "claude-haiku-5-5")
    assert known.model.sources["id"] == FACT_SOURCE_CATALOG
    assert known.warnings[0].code == warning_pb2.WARNING_CODE_PROVIDER_UNAVAILABLE
    # It may be there.
    found = await refused(stub(own).GetModel(GetModelRequest(model="anthropic/claude-new-6"), timeout=5))
    assert found.reason == "UPSTREAM_OVERLOADED"


@pytest.mark.parametrize("model", ["", "x" * 1001])
async def test_names_that_are_none(own: Running, model: str) -> None:
    found = await refused(stub(own).GetModel(GetModelRequest(model=model), timeout=5))
    assert (found.reason, found.fields) == ("INVALID_REQUEST", ["model"])


async def test_openai_tells_names_and_days(upstream: ScriptedUpstream) -> None:
    openai = ProviderSettings(
        name="openai", type="openai", api="chat", auth="bearer", base_url=upstream.url,
        api_key=Secret(env="KEY", environ={"KEY": KEY}),
    )  # fmt: skip
    upstream.answer(
        Answer(
            json.dumps(
                {
                    "object": "list",
                    "data": [
                        {"id": "gpt-6-sol", "created": 1_780_000_000, "owned_by": "openai"},
                        {"id": "gpt-4o-2024-08-06", "created": 1_700_000_000, "shutdown_date": "2098-01-14"},
                        {"id": "gpt-3", "created": 1_600_000_000, "shutdown_date": "2024-01-14"},
                    ],
                }
            ).encode()
        )
    )
    async with running(providers={"openai": openai}) as own:
        response = await listed(own, provider="openai")
        sol = (await got(own, "gpt-6-sol")).model
        found = await refused(stub(own).GetModel(GetModelRequest(model="openai/gpt-3"), timeout=5))
    assert not response.warnings
    assert ids(response.models) == ["gpt-4o-2024-08-06", "gpt-6-sol"]
    assert (sol.provider_type, sol.max_output_tokens) == ("openai", 128_000)
    assert sol.sources["max_output_tokens"] == FACT_SOURCE_CATALOG
    dated = response.models[0]
    # The day is the provider's, what it means follows from it; a name with a date of its own is no alias.
    assert dated.retire_time.ToJsonString() == "2098-01-14T00:00:00Z"
    assert dated.sources["retire_time"] == FACT_SOURCE_PROVIDER
    assert not dated.aliases
    assert found.reason == "MODEL_NOT_FOUND"
    assert "on 2024-01-14" in found.message
    assert [call.path for call in upstream.received] == ["/models"]


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        (("openai", "eu"), "gpt-6-sol", "openai"),
        (("eu",), "gpt-6-sol", "eu"),
        (("eu", "us"), "gpt-6-sol", None),
        (("eu",), "gemini-3.8-flash", None),
    ],
)
async def test_whose_model_a_bare_name_is(names: tuple[str, ...], asked: str, found: str | None) -> None:
    own_key = Secret(env="KEY", environ={"KEY": KEY})
    providers = {
        name: ProviderSettings(
            name=name, type="openai", api="chat", auth="bearer", base_url="http://127.0.0.1:9", api_key=own_key
        )
        for name in names
    }
    async with running(providers=providers) as own:
        if found:
            response = await got(own, asked)
            # Nobody is there to ask; the catalogue knows it.
            assert (response.model.provider, response.model.id) == (found, asked)
            assert len(response.warnings) == 1
        else:
            failed = await refused(stub(own).GetModel(GetModelRequest(model=asked), timeout=5))
            assert (failed.code, failed.reason) == (grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND")


def aws(**settings: Any) -> ProviderSettings:
    return ProviderSettings(
        name="aws", type="bedrock", api="messages", auth="bearer", region="us-east-1", base_url="http://127.0.0.1:9",
        api_key=Secret(env="KEY", environ={"KEY": KEY}), **settings,
    )  # fmt: skip


async def test_a_provider_that_has_no_list() -> None:
    async with running(providers={"aws": aws()}) as own:
        response = await listed(own, provider="aws")
        one = await got(own, "aws/us.anthropic.claude-haiku-4-5-20251001-v1:0")
        canonical = await got(own, "aws/anthropic.claude-haiku-4-5")
    # Nothing went wrong: there is nobody to ask.
    assert not response.warnings
    assert "anthropic.claude-opus-5-5" in ids(response.models)
    # What was asked is what a chat takes; the catalogue's own name for it need not be.
    assert one.model.id == "us.anthropic.claude-haiku-4-5-20251001-v1:0"
    assert "id" not in one.model.sources
    assert canonical.model.sources["id"] == FACT_SOURCE_CATALOG
    assert one.model.context_window == 200_000
    # Amazon's prices, and how long Amazon has it, are not known.
    assert not one.model.HasField("prices")
    assert not one.model.lifecycle
    assert one.model.provider_type == "anthropic"
    assert {model.provider_type for model in response.models} == {"anthropic"}


ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"


@pytest.mark.parametrize("model", [ARN, "anthropic.claude-haiku-9"])
async def test_a_name_that_only_the_provider_could_tell_of(model: str) -> None:
    async with running(providers={"aws": aws()}) as own:
        response = await got(own, f"aws/{model}")
    assert response == model_service_pb2.GetModelResponse(
        model=Model(
            provider="aws",
            id=model,
            provider_type="anthropic",
            sources={"provider": FACT_SOURCE_CONFIGURATION, "provider_type": FACT_SOURCE_CONFIGURATION},
        )
    )


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_without_the_lists_address(upstream: ScriptedUpstream, status: int) -> None:
    upstream.answer(Answer(b"{}", status=status))
    local = ProviderSettings(
        name="local", type="openai_compatible", api="chat", auth="bearer", base_url=upstream.url
    )  # fmt: skip
    async with running(providers={"local": local}) as own:
        response = await got(own, "local/org/some-model")
        everything = await listed(own, provider="local")
    assert (response.model.id, response.model.provider_type) == ("org/some-model", "openai")
    assert [warning.value for warning in (*response.warnings, *everything.warnings)] == ["local", "local"]


async def test_the_gateways_own_patience_is_no_deadline_of_the_callers(
    own: Running, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer(Answer([b'{"data"', b":"], pause=60))
    monkeypatch.setattr(listing, "ASK_SECONDS", 0.3)
    asked = GetModelRequest(model="anthropic/claude-new-6")
    slow = await refused(stub(own).GetModel(asked, timeout=10))
    assert (slow.code, slow.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_TIMEOUT")
    assert slow.retry is not None
    (warning,) = (await listed(own, provider="anthropic")).warnings
    assert "in time" in warning.message
    assert "deadline" not in warning.message


async def test_all_that_wait_get_an_error_of_their_own(upstream: ScriptedUpstream) -> None:
    upstream.answer(Answer(b"{}", status=500))
    async with _routing(Settings(providers={"anthropic": provider(upstream.url)})) as router:
        endpoint = router.endpoint("anthropic")
        leg = router.provider_leg(route_pb2.Target(provider="anthropic"), route_pb2.UNSUPPORTED_FIELD_POLICY_REJECT)
        assert isinstance(endpoint.provider, ModelLister)
        late = asyncio.get_running_loop().time() + 5
        found = await asyncio.gather(
            *(endpoint.listing.get(leg, endpoint.provider, late) for _ in range(3)), return_exceptions=True
        )
    assert len(upstream.received) == 1
    assert len({id(each) for each in found}) == 3
    assert len({id(each.metadata) for each in found}) == 3  # type: ignore[union-attr]
    assert {str(each) for each in found} == {str(found[0])}


@pytest.mark.parametrize(("name", "limit"), [("MAX_PAGES", 2), ("MAX_BYTES", 100)])
async def test_a_list_that_is_too_long_is_no_list(
    own: Running, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(listing, name, limit)
    upstream.answer(*(page({"id": f"m{number}", "display_name": "x" * 50}, more=number < 4) for number in range(5)))
    response = await listed(own, provider="anthropic")
    # Half of it would say that the other half is not there.
    (warning,) = response.warnings
    assert "no end" in warning.message
    assert "m0" not in ids(response.models)


async def test_a_provider_that_nobody_has_a_key_for(upstream: ScriptedUpstream) -> None:
    async with running(providers={"anthropic": provider(upstream.url, api_key=None)}) as own:
        (warning,) = (await listed(own, provider="anthropic")).warnings
        found = await refused(stub(own).GetModel(GetModelRequest(model="anthropic/claude-new-6"), timeout=5))
        batches = batch_service_pb2_grpc.BatchServiceStub(own.channel)
        header = batch_service_pb2.BatchHeader(provider="anthropic")
        fields = [
            (await refused(call)).fields
            for call in (
                batches.CreateBatch(iter([batch_service_pb2.CreateBatchRequest(header=header)]), timeout=5),
                batches.GetBatch(batch_service_pb2.GetBatchRequest(id="anthropic/b"), timeout=5),
                batches.ListBatches(batch_service_pb2.ListBatchesRequest(provider="anthropic"), timeout=5),
            )
        ]
    assert warning.value == "anthropic"
    assert found.reason == "UPSTREAM_CREDENTIALS_REJECTED"
    for said in (warning.message, found.message):
        assert "no key of its own for 'anthropic', and this request has no field for one" in said
    assert fields == [["header.api_key"], ["api_key"], ["api_key"]]
    assert not upstream.received


async def test_an_azure_deployment_needs_no_key_to_be_described() -> None:
    azure = ProviderSettings(
        name="azure", type="azure_openai", api="chat", auth="api-key", base_url="http://127.0.0.1:9/openai/v1"
    )
    async with running(providers={"azure": azure}) as own:
        response = await got(own, "azure/my-deployment")
    assert (response.model.id, response.model.provider_type) == ("my-deployment", "openai")
    assert not response.warnings
