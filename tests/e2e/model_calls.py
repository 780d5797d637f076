"""Asking for models."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from e2e.gateways import Running, provider, running
from support.calls import Failure, failure
from support.upstream import JSON, Answer, ScriptedUpstream
from trunkline.v1 import (
    model_service_pb2,
    model_service_pb2_grpc,
)
from trunkline.v1.model_service_pb2 import (
    GetModelRequest,
    ListModelsRequest,
)

HAIKU = {
    "type": "model", "id": "claude-haiku-4-5-20251001", "display_name": "Claude Haiku 4.5", "lifecycle": "active",
    "created_at": "2025-10-01T00:00:00Z", "max_input_tokens": 200001, "max_tokens": 64001,
    "capabilities": {
        "batch": {"supported": True}, "citations": {"supported": False}, "image_input": True, "effort": {"low": 1},
        "server_tools": {"supported": True, "web_search": {"supported": False}},
    },
}  # fmt: skip
NEWCOMER = {"id": "claude-new-6", "lifecycle": "deprecated", "retires_at": "2099-01-31T00:00:00Z"}


@asynccontextmanager
async def behind(upstream: ScriptedUpstream, **settings: Any) -> AsyncIterator[Running]:
    async with running(providers={"anthropic": provider(upstream.url)}, **settings) as own:
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
