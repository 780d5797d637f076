"""The services that give keys to containers: what they fail with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.upstream import Answer, ScriptedUpstream
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.config import ProviderSettings
from trunkline_service.errors import GatewayError
from trunkline_service.upstream.aws import AwsCredentials
from trunkline_service.upstream.request import UpstreamRequest

ASKED = UpstreamRequest(method="POST", url="http://b.invalid/", headers={}, body=b"{}")
GOOD = {"AccessKeyId": "AK", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}


@pytest.fixture
async def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedUpstream]:
    """The service that the container's environment names."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # The library's own pauses between its attempts.
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    async with ScriptedUpstream() as running:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{running.url}/keys")
        yield running


async def reason(**settings: Any) -> tuple[str, str]:
    made = {"name": "b", "type": "bedrock", "base_url": "http://b.invalid", "region": "eu-west-1", **settings}
    with pytest.raises(GatewayError) as caught:
        await AwsCredentials(ProviderSettings(**made)).headers(ASKED)
    return ErrorReason.Name(caught.value.reason).removeprefix("ERROR_REASON_UPSTREAM_"), caught.value.message


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_failure_may_pass(keys: ScriptedUpstream, status: int) -> None:
    keys.answer(Answer([b"x"], status=status))
    assert (await reason())[0] == "UNREACHABLE"


async def test_nobody_is_there(monkeypatch: pytest.MonkeyPatch, keys: ScriptedUpstream) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/keys")
    assert (await reason())[0] == "UNREACHABLE"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_does_not_pass(keys: ScriptedUpstream, status: int) -> None:
    keys.answer(Answer([b"x"], status=status))
    assert (await reason())[0] == "CREDENTIALS_REJECTED"


ODD: list[Any] = [{}, [], 5, GOOD | {"Token": "a\r\nb"}, GOOD | {"AccessKeyId": "\u20ac"}, GOOD | {"Token": 5}]


@pytest.mark.parametrize("said", ODD)
async def test_what_are_no_keys(keys: ScriptedUpstream, said: Any) -> None:
    keys.answer(Answer([json.dumps(said).encode()]))
    assert (await reason())[0] == "UNREACHABLE"


async def test_a_profile_that_is_not_there(keys: ScriptedUpstream) -> None:
    rejected, message = await reason(profile="nosuch")
    assert rejected == "CREDENTIALS_REJECTED"
    assert "profile" in message
