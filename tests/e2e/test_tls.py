"""TLS in front of the service: certificates that are replaced while it runs, and those of callers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from support.calls import request, said
from trunkline.v1 import chat_service_pb2_grpc
from trunkline_service.app import Gateway
from trunkline_service.config import Settings, Tls
from trunkline_service.errors import StartupError


class Authority:
    """Signs certificates, with the openssl command."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        self._name = name
        self._count = 0
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, subject: str) -> tuple[Path, Path]:
        """A certificate for this machine, and its key."""
        self._count += 1
        stem = self.directory / f"{self._name}-{self._count}"
        key, certificate, wish = (stem.with_suffix(suffix) for suffix in (".key", ".pem", ".csr"))
        extensions = stem.with_suffix(".ext")
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={subject}", "-keyout", str(key), "-out", str(wish)),
        )
        self._openssl(
            *("x509", "-req", "-in", str(wish), "-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(certificate)),
        )
        return certificate, key

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=20)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command to make certificates with")
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture
def tls(authority: Authority, tmp_path: Path) -> Tls:
    files = Tls(certificate=tmp_path / "server.pem", private_key=tmp_path / "server.key")
    put(authority.issue("first"), files)
    return files


def put(issued: tuple[Path, Path], files: Tls) -> None:
    """Replaces a server's files as tools do: by renaming."""
    for made, place in zip(issued, (files.certificate, files.private_key), strict=True):
        copy = place.with_suffix(".new")
        shutil.copy2(made, copy)
        copy.replace(place)


@contextlib.asynccontextmanager
async def secure(
    gateway: Gateway, authority: Authority, client: tuple[Path, Path] | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of its own: a new handshake."""
    certificate, key = (file.read_bytes() for file in client) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, certificate)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(gateway.address, credentials, options=options) as channel:
        yield channel


async def answer_over(channel: grpc.aio.Channel) -> str:
    stub: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
    return said(await stub.Chat(request(), timeout=5))


async def subject_shown(gateway: Gateway, authority: Authority) -> str:
    """The name in the certificate that a new connection gets to see."""
    command = ["openssl", "s_client", "-connect", gateway.address, "-CAfile", str(authority.certificate)]
    process = await asyncio.create_subprocess_exec(
        *command, "-alpn", "h2", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    (line,) = [line for line in output.decode(errors="replace").splitlines() if line.startswith("subject=")]
    return line.rpartition("CN")[2].strip(" =")


async def test_tls(authority: Authority, tls: Tls) -> None:
    async with Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)) as gateway:
        async with secure(gateway, authority) as channel:
            assert await answer_over(channel) == "You said: Hello"
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await answer_over(channel)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_tls_with_files_that_are_replaced(authority: Authority, tls: Tls) -> None:
    """New connections get the new certificate, old ones live on, and a half-done change does no harm."""
    async with (
        Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)) as gateway,
        secure(gateway, authority) as before,
    ):
        assert await answer_over(before) == "You said: Hello"
        assert await subject_shown(gateway, authority) == "first"
        certificate, key = authority.issue("second")

        shutil.copy(certificate, tls.certificate)  # the key has not come yet
        assert await subject_shown(gateway, authority) == "first"
        tls.private_key.unlink()
        assert await subject_shown(gateway, authority) == "first"
        shutil.copy(key, tls.private_key)
        assert await subject_shown(gateway, authority) == "second"

        # As old as the one before: only that it is another file tells.
        then = tls.certificate.stat().st_mtime_ns, tls.private_key.stat().st_mtime_ns
        third = authority.issue("third")
        for made, time_of_old in zip(third, then, strict=True):
            os.utime(made, ns=(time_of_old, time_of_old))
        put(third, tls)
        assert await subject_shown(gateway, authority) == "third"
        async with secure(gateway, authority) as after:
            assert await answer_over(after) == "You said: Hello"
        assert await answer_over(before) == "You said: Hello"


async def test_mutual_tls(authority: Authority, tls: Tls, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    files = dataclasses.replace(tls, client_ca=authority.certificate)
    async with Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=files)) as gateway:
        async with secure(gateway, authority, authority.issue("caller")) as channel:
            assert await answer_over(channel) == "You said: Hello"
        for client in (None, stranger.issue("caller")):
            async with secure(gateway, authority, client) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await answer_over(channel)
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_tls_without_its_files(tls: Tls) -> None:
    tls.certificate.unlink()
    with pytest.raises(StartupError, match=r"cannot read .*server\.pem"):
        await Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)).__aenter__()


async def test_tls_with_files_that_do_not_belong_together(authority: Authority, tls: Tls) -> None:
    shutil.copy(authority.issue("other")[1], tls.private_key)
    with pytest.raises(StartupError, match="certificate"):
        await Gateway(Settings(listen="127.0.0.1:0", simulator=True, tls=tls)).__aenter__()
