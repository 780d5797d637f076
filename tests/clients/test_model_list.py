"""Asking what models there are: what is sent, and that all pages come together."""

import grpc
import pytest

from clients.both import AnyClient
from clients.scripted import ScriptedServer, failure
from trunkline import NotFoundError
from trunkline.v1 import (
    GetModelRequest,
    GetModelResponse,
    ListModelsRequest,
    ListModelsResponse,
    Model,
    ModelCapability,
    ModelLifecycle,
    Warning,  # noqa: A004
    WarningCode,
)

A, B, C = (Model(provider="p", id=name) for name in "abc")
UNAVAILABLE = Warning(code=WarningCode.WARNING_CODE_PROVIDER_UNAVAILABLE, value="q")


async def test_all_pages(client: AnyClient, server: ScriptedServer) -> None:
    server.script(ListModelsResponse(models=[A, B], next_page_token="t", warnings=[UNAVAILABLE]))
    server.script(ListModelsResponse(models=[C], warnings=[UNAVAILABLE]))
    models = await client.list_models(
        provider="p", capabilities=["tools", "embeddings"], lifecycles=["retired"], timeout=5, request_id="r-1"
    )
    assert list(models) == [A, B, C]
    assert (models[1], len(models)) == (B, 3)
    # Once, though both pages say it.
    assert models.warnings == [UNAVAILABLE]
    assert models.request_id == "r-1"
    asked = ListModelsRequest(
        provider="p",
        capabilities=[ModelCapability.MODEL_CAPABILITY_TOOLS, ModelCapability.MODEL_CAPABILITY_EMBEDDINGS],
        lifecycles=[ModelLifecycle.MODEL_LIFECYCLE_RETIRED],
        page_size=1000,
    )
    assert server.calls[0].request == asked
    asked.page_token = "t"
    assert server.calls[1].request == asked
    assert server.seen.metadata["x-request-id"] == "r-1"


async def test_nothing_asked_for(client: AnyClient, server: ScriptedServer) -> None:
    server.script(ListModelsResponse())
    assert list(await client.list_models()) == []
    assert server.seen.request == ListModelsRequest(page_size=1000)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"capabilities": ["swimming"]}, ValueError),
        ({"lifecycles": "gone"}, ValueError),
        ({"model": "m"}, TypeError),
    ],
)
async def test_wrong_arguments(client: AnyClient, options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        await client.list_models(**options)


async def test_one(client: AnyClient, server: ScriptedServer) -> None:
    server.script(GetModelResponse(model=A))
    assert await client.get_model("p/a") == A
    assert server.seen.request == GetModelRequest(model="p/a")


async def test_none(client: AnyClient, server: ScriptedServer) -> None:
    server.script(failure("ERROR_REASON_MODEL_NOT_FOUND", grpc.StatusCode.NOT_FOUND))
    with pytest.raises(NotFoundError):
        await client.get_model("p/x")
    server.script(failure("ERROR_REASON_ROUTE_NOT_FOUND", grpc.StatusCode.NOT_FOUND))
    with pytest.raises(NotFoundError):
        await client.list_models(provider="x")
