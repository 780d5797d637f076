"""The id of a call: the caller's own, or one that is made."""

from __future__ import annotations

import contextlib
from typing import Any

import grpc
import pytest

from e2e.gateways import posts
from support.calls import Stub, request, stream_request
from trunkline_service.simulator import Simulator


async def trailers_of(stub: Stub, model: str, *ids: str, stream: bool = False) -> dict[str, Any]:
    metadata = tuple(("x-request-id", each) for each in ids)
    call: Any
    if stream:
        call = stub.StreamChat(stream_request(model), timeout=5, metadata=metadata)
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for _ in call:
                pass
    else:
        call = stub.Chat(request(model), timeout=5, metadata=metadata)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await call
    return dict(await call.trailing_metadata())


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("model", ["simulator/text", "simulator/error-500", "simulator/cut", "nowhere/text"])
async def test_an_id_comes_back(model: str, stream: bool, stub: Stub) -> None:
    for kept in ("a", "call 17/b", "~" * 64):
        assert (await trailers_of(stub, model, kept, stream=stream))["x-request-id"] == kept
    made = [(await trailers_of(stub, model, stream=stream))["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    assert all(len(each) == 32 and each.isalnum() for each in made)


# gRPC itself sends and takes nothing but printable ASCII.
@pytest.mark.parametrize("wrong", ["x" * 65, ""], ids=["long", "empty"])
async def test_an_id_that_is_none_is_replaced(wrong: str, stub: Stub) -> None:
    made = (await trailers_of(stub, "simulator/text", wrong))["x-request-id"]
    assert made != wrong
    assert len(made) == 32


async def test_the_first_good_id_counts(stub: Stub) -> None:
    assert (await trailers_of(stub, "simulator/text", "x" * 65, "good", "other"))["x-request-id"] == "good"


async def test_an_id_is_not_sent_to_the_provider(stub: Stub, simulator: Simulator) -> None:
    await trailers_of(stub, "simulator/text", "private-to-us")
    assert "private-to-us" not in str(posts(simulator)[0].headers)
