"""Through proxies, without keys, and to servers whose certificates only a company trusts."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
import pytest
from aiohttp import web

from e2e.gateways import KEY, provider
from support import calls
from support.tls import CERTIFICATE, PRIVATE_KEY
from support.upstream import Answer, ScriptedUpstream
from trunkline.v1 import chat_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import ProviderSettings, Settings
from trunkline_service.config.load import parse


async def ask(settings: ProviderSettings) -> calls.Failure:
    """A call that fails, as nobody here can answer it."""
    async with (
        Gateway(Settings(listen="127.0.0.1:0", providers={settings.name: settings})) as gateway,
        grpc.aio.insecure_channel(gateway.address) as channel,
    ):
        stub: calls.Stub = chat_service_pb2_grpc.ChatServiceStub(channel)  # type: ignore[assignment]
        return await calls.chat_failure(stub, calls.request(f"{settings.name}/claude-haiku-4-5"), timeout=5)


async def test_a_proxy_gets_the_whole_address() -> None:
    async with ScriptedUpstream() as proxy:
        proxy.answer(Answer(b"{}", status=529))
        failure = await ask(provider("http://provider.example", proxy=proxy.url))
        assert failure.reason == "UPSTREAM_OVERLOADED"
        (received,) = proxy.received
        assert received.path == "http://provider.example/v1/messages"
        assert received.headers["x-api-key"] == KEY


async def test_a_local_server_wants_no_key() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.answer(Answer(b"{}", status=500))
        local = ProviderSettings(name="local", type="openai_compatible", api="chat", base_url=upstream.url)
        failure = await ask(local)
        assert failure.info.metadata["upstream_status"] == "500"
        assert not {"authorization", "x-api-key", "api-key"} & upstream.received[0].headers.keys()


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Sequence[str | Path]]:
    """The address of a server that refuses everything over TLS, and its certificate."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(PRIVATE_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://localhost:{runner.addresses[0][1]}", certificate
    await runner.cleanup()


async def test_roots_of_one_s_own(secure: tuple[str, Path]) -> None:
    url, certificate = secure
    failure = await ask(provider(url))
    assert (failure.reason, failure.info.metadata["stage"]) == ("UPSTREAM_UNREACHABLE", "connect")
    assert failure.message.endswith("its certificate is not to be trusted")
    failure = await ask(provider(url, tls_roots=certificate))
    assert failure.info.metadata["upstream_status"] == "404"


def test_both_are_settings(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text(CERTIFICATE)
    text = "providers: {a: {type: anthropic, proxy: 'http://proxy:3128', tls_roots: roots.pem}}"
    settings = parse(text, str(tmp_path / "gateway.yaml")).providers["a"]
    assert (settings.proxy, settings.tls_roots) == ("http://proxy:3128", tmp_path / "roots.pem")
