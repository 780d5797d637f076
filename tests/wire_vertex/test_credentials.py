"""Where Google's credentials come from, and what their lives are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.upstream import ScriptedUpstream
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.config import ProviderSettings
from trunkline_service.errors import GatewayError
from trunkline_service.upstream.google import GoogleCredentials
from trunkline_service.upstream.request import UpstreamRequest
from wire_vertex import google

ASKED = UpstreamRequest(method="POST", url="http://v.invalid/", headers={}, body=b"{}")


@pytest.fixture
async def tokens() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as running:
        running.answer(google.token())
        yield running


def credentials(file: Path | None = None, **settings: Any) -> GoogleCredentials:
    fields: dict[str, Any] = {"name": "v", "type": "vertex_anthropic", "base_url": "http://v.invalid"}
    return GoogleCredentials(ProviderSettings(**fields, credentials_file=file, **settings))


async def test_the_token_is_made_for_the_cloud(tokens: ScriptedUpstream, tmp_path: Path) -> None:
    found = credentials(google.account(tmp_path / "a.json", tokens.url))
    assert dict(await found.headers(ASKED)) == {"authorization": "Bearer first"}
    [asked] = tokens.received
    assert b"grant_type=urn" in asked.body
    await found.close()


async def test_the_default_credentials(
    tokens: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = google.account(tmp_path / "a.json", tokens.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    found = credentials()
    assert dict(await found.headers(ASKED)) == {"authorization": "Bearer first"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type":"service_account"}', "\x00"])
async def test_files_that_hold_no_credentials(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(GatewayError) as caught:
        await credentials(tmp_path / "a.json").headers(ASKED)
    assert ErrorReason.Name(caught.value.reason) == "ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED"
    assert str(tmp_path) not in caught.value.message


async def test_a_file_that_is_replaced_is_read_again(tokens: ScriptedUpstream, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    found = credentials(file)
    with pytest.raises(GatewayError):
        await found.headers(ASKED)
    google.account(file, tokens.url)
    assert dict(await found.headers(ASKED)) == {"authorization": "Bearer first"}


async def test_nobody_answers_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library's own pauses between its attempts.
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _seconds: None)
    found = credentials(google.account(tmp_path / "a.json", "http://127.0.0.1:1"))
    with pytest.raises(GatewayError) as caught:
        await found.headers(ASKED)
    assert ErrorReason.Name(caught.value.reason) == "ERROR_REASON_UPSTREAM_UNREACHABLE"
    assert caught.value.metadata["stage"] == "connect"


async def test_tokens_are_fetched_by_the_proxy_of_the_settings(tokens: ScriptedUpstream, tmp_path: Path) -> None:
    file = google.account(tmp_path / "a.json", "http://oauth2.invalid")
    found = credentials(file, proxy=tokens.url)
    assert dict(await found.headers(ASKED)) == {"authorization": "Bearer first"}
    assert tokens.received[0].path == "http://oauth2.invalid/token"


@pytest.mark.parametrize("seconds", [3600, 400, 60])
async def test_a_token_is_fetched_again_before_it_expires(
    tokens: ScriptedUpstream, tmp_path: Path, seconds: int
) -> None:
    found = credentials(google.account(tmp_path / "a.json", tokens.url))
    tokens.answer(google.token(seconds=seconds))
    before = datetime.now(UTC)
    fetched = await _fetched(found)
    assert timedelta(seconds=fetched.fresh_for) < timedelta(seconds=fetched.good_for)
    assert before + timedelta(seconds=fetched.good_for) < before + timedelta(seconds=seconds)
    assert fetched.fresh_for > 0


async def _fetched(found: GoogleCredentials) -> Any:
    await found.headers(ASKED)
    return found._headers._held
