"""Answers of Google's token service, and files, that no credentials can be made of: a clear error, and nothing kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.upstream import Answer, ScriptedUpstream
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.config import ProviderSettings
from trunkline_service.errors import GatewayError
from trunkline_service.upstream.google import GoogleCredentials
from trunkline_service.upstream.request import UpstreamRequest
from wire_vertex import google

ASKED = UpstreamRequest(method="POST", url="http://v.invalid/", headers={}, body=b"{}")
ODD = {
    "null": {"access_token": None, "expires_in": 3600},
    "number": {"access_token": 5, "expires_in": 3600},
    "list": {"access_token": ["T"], "expires_in": 3600},
    "empty": {"access_token": "", "expires_in": 3600},
    "two lines": {"access_token": "T\r\nx: y", "expires_in": 3600},
    "two words": {"access_token": "T U", "expires_in": 3600},
    "not ASCII": {"access_token": "T\u20ac", "expires_in": 3600},
    "NUL": {"access_token": "T\x00", "expires_in": 3600},
    "for ever": {"access_token": "T", "expires_in": 10**18},
    "infinity": {"access_token": "T", "expires_in": float("inf")},
    "NaN": {"access_token": "T", "expires_in": float("nan")},
    "until soon": {"access_token": "T", "expires_in": "soon"},
    "a list of seconds": {"access_token": "T", "expires_in": [1]},
}


@pytest.fixture
async def tokens() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as running:
        yield running


def credentials(file: Path) -> GoogleCredentials:
    return GoogleCredentials(
        ProviderSettings(name="v", type="vertex_anthropic", base_url="http://v.invalid", credentials_file=file)
    )


async def failure(found: GoogleCredentials) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await found.headers(ASKED)
    return caught.value


@pytest.mark.parametrize("said", ODD.values(), ids=ODD)
async def test_what_is_no_token_is_neither_kept_nor_sent(
    tokens: ScriptedUpstream, tmp_path: Path, said: dict[str, object]
) -> None:
    tokens.answer(Answer([json.dumps(said).encode()]))
    found = credentials(google.account(tmp_path / "a.json", tokens.url))
    failed = await failure(found)
    assert ErrorReason.Name(failed.reason) == "ERROR_REASON_UPSTREAM_UNREACHABLE"
    assert "no token" in failed.message
    tokens.answer(google.token("good"))
    assert dict(await found.headers(ASKED)) == {"authorization": "Bearer good"}
    await found.close()


FILES = {
    "": "is empty",
    "[]": "is not a JSON object",
    "{": "is not JSON",
    "\x00": "is not JSON",
    "{}": "has no 'type' that is known",
    '{"type": 5}': "has no 'type' that is known",
    '{"type": "service_account"}': "needs 'client_email'",
    '{"type": "service_account", "client_email": "a", "private_key": "k", "token_uri": "u"}': "is not PEM",
    '{"type": "authorized_user", "client_id": "a"}': "needs 'client_secret'",
    '{"type": "external_account"}': "needs 'audience'",
}


@pytest.mark.parametrize(("text", "wrong"), FILES.items(), ids=FILES.values())
async def test_a_file_that_is_wrong_is_said_to_be(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "a.json").write_text(text)
    failed = await failure(credentials(tmp_path / "a.json"))
    assert ErrorReason.Name(failed.reason) == "ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED"
    assert "credentials file" in failed.message
    assert wrong in failed.message


async def test_a_key_that_only_looks_like_pem(tmp_path: Path) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    held = {"type": "service_account", "client_email": "a", "private_key": pem, "token_uri": "http://127.0.0.1:1"}
    (tmp_path / "a.json").write_text(json.dumps(held))
    failed = await failure(credentials(tmp_path / "a.json"))
    assert ErrorReason.Name(failed.reason) == "ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED"
    assert "credentials file" in failed.message
