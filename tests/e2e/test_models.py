"""`ModelService`: what the providers tell, what the catalogue knows, and what is said when neither does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from e2e.gateways import KEY, Running, running
from e2e.model_calls import HAIKU, NEWCOMER, behind, got, ids, listed, page, refused, stub
from support.upstream import Answer, ScriptedUpstream
from trunkline.v1 import (
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
from trunkline_service.config import ProviderSettings, Secret


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def own(upstream: ScriptedUpstream) -> AsyncIterator[Running]:
    async with behind(upstream) as own:
        yield own


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
