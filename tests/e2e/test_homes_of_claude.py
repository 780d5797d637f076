"""Claude on Bedrock and Vertex says and fails as it does at home, in everything that the simulator can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from e2e.gateways import KEY, Running, provider, running
from support.calls import Failure, failure, request
from trunkline.v1 import chat_service_pb2
from trunkline_service.config import ProviderSettings, Secret, Timeouts
from trunkline_service.simulator.behaviours import ANSWERS, FAULTS

HOMES = ("invoke", "messages", "mantle", "vertex")
# Nothing but time: `stall-pings` ends at the deadline.
LONG = ("slow", "paced", "big", "stall-pings")
WAITS = Timeouts(first_event=1.0, idle=1.0)


@pytest.fixture(scope="module")
def keys_of_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder: Path = tmp_path_factory.mktemp("aws")
    (folder / "credentials").write_text("[matrix]\naws_access_key_id=AKIA1\naws_secret_access_key=secret\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
        patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="module")
async def front(keys_of_aws: None) -> AsyncIterator[Running]:
    """A gateway with Claude in all its homes, which sign or bring a key."""
    async with running() as own:
        url = own.simulator.url
        aws: dict[str, Any] = {"type": "bedrock", "region": "us-east-1", "profile": "matrix", "timeouts": WAITS}
        paths = {"invoke": "", "messages": "/anthropic", "mantle": "/mantle/anthropic"}
        providers = {
            name: ProviderSettings(name=name, api=name, base_url=url + path, **aws) for name, path in paths.items()
        }
        providers["anthropic"] = provider(url, timeouts=WAITS)
        providers["vertex"] = ProviderSettings(
            name="vertex",
            type="vertex_anthropic",
            base_url=f"{url}/v1",
            auth="bearer",
            api_key=Secret(env="KEY", environ={"KEY": KEY}),
            region="global",
            project="p",
            timeouts=WAITS,
        )
        async with running(providers=providers) as gateway:
            yield Running(gateway.gateway, own.simulator, gateway.channel)


def plain(answer: chat_service_pb2.ChatResponse) -> chat_service_pb2.ChatResponse:
    """The answer without what is of one call or of one home."""
    answer.ClearField("id")
    answer.message.origin.ClearField("provider")
    for block in answer.message.content:
        block.tool_use.ClearField("id")
        block.server_tool_result.ClearField("tool_use_id")
    for name in ("route_report", "cost", "provider_fields_json"):
        answer.completion.ClearField(name)  # type: ignore[arg-type]
    return answer


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("model", [each.name for each in ANSWERS if each.name not in LONG])
async def test_answers(front: Running, home: str, model: str) -> None:
    expected = await front.stub.Chat(request(f"anthropic/{model}"), timeout=5)
    answer = await front.stub.Chat(request(f"{home}/{model}"), timeout=5)
    assert answer.message.origin.provider == home
    assert plain(answer) == plain(expected)


async def failed(front: Running, model: str) -> Failure:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await front.stub.Chat(request(model), timeout=5)
    return failure(caught.value)


# Google does not tell its rates from its quotas.
ALIKE = {("vertex", "error-429-spend"): "anthropic/error-429-bare"}


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("model", [each.name for each in FAULTS if each.name not in ("json", *LONG)])
async def test_faults(front: Running, home: str, model: str) -> None:
    expected = await failed(front, ALIKE.get((home, model), f"anthropic/{model}"))
    got = await failed(front, f"{home}/{model}")
    assert (got.code, got.reason) == (expected.code, expected.reason)
    assert got.info.metadata.get("cause") == expected.info.metadata.get("cause")
    assert (got.retry is None) == (expected.retry is None)
    assert got.info.metadata["provider"] == home


@pytest.mark.parametrize("home", HOMES)
async def test_an_answer_in_one_piece(front: Running, home: str) -> None:
    expected = await front.stub.Chat(request("anthropic/json"), timeout=5)
    assert plain(await front.stub.Chat(request(f"{home}/json"), timeout=5)) == plain(expected)
