"""`ModelService` where a provider does not tell its models: it hangs, it fails, it has no list, nobody has a key."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from e2e.gateways import KEY, Running, provider, running, until
from e2e.model_calls import HAIKU, NEWCOMER, behind, got, ids, listed, page, refused, stub
from support.timing import ours, timely
from support.upstream import Answer, ScriptedUpstream
from trunkline.v1 import (
    batch_service_pb2,
    batch_service_pb2_grpc,
    model_service_pb2,
    route_pb2,
    warning_pb2,
)
from trunkline.v1.model_service_pb2 import (
    FACT_SOURCE_CATALOG,
    FACT_SOURCE_CONFIGURATION,
    GetModelRequest,
    ListModelsRequest,
    Model,
)
from trunkline_service.app import make_endpoint
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.providers.base import ModelLister
from trunkline_service.routing import listing, models
from trunkline_service.routing.generations import Generations


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def own(upstream: ScriptedUpstream) -> AsyncIterator[Running]:
    async with behind(upstream) as own:
        yield own


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
    # By so much it knows better than to wait to the end: see rpc/call.py.
    response = await stub(own).ListModels(ListModelsRequest(), timeout=4)
    assert [warning.value for warning in response.warnings] == ["anthropic"]
    assert {model.provider for model in response.models} == {"anthropic", "simulator"}


@timely
async def test_one_model_of_a_provider_that_hangs(
    own: Running, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer(Answer([b'{"data"', b":"], pause=60))
    asked = GetModelRequest(model="anthropic/claude-new-6")
    late = ours(await refused(stub(own).GetModel(asked, timeout=1)))
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
    # A tenth more than Anthropic itself takes, in a geography; how long Amazon has it is not known.
    assert one.model.prices.tiers[0].input_nano_usd == 1_100_000_000
    assert one.model.sources["prices"] == FACT_SOURCE_CATALOG
    assert not canonical.model.HasField("prices")
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
    settings = Settings(providers={"anthropic": provider(upstream.url)})
    async with contextlib.AsyncExitStack() as stack:
        generations = await Generations.begin(settings, make_endpoint)
        stack.push_async_callback(generations.close)
        router = generations.current
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
