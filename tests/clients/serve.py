"""What clients of every language are tested against, as one process:

    PYTHONPATH=tests .venv/bin/python -m clients.serve

It prints a line of JSON with the addresses, and serves until its standard input ends.
"""

import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clients.vector_files import DIRECTORY
from clients.vector_server import VectorServer
from support.tls import CERTIFICATE, PRIVATE_KEY
from trunkline.v1 import CircuitBreaker, Fallback, Route, Target
from trunkline_service import app
from trunkline_service.app import Gateway
from trunkline_service.config import SIMULATOR, ProviderSettings, Secret, Settings, Tls
from trunkline_service.simulator import BASES, Simulator

KEY = Secret(env="KEY", environ={"KEY": "key-of-the-gateway"})


@dataclass(frozen=True)
class World:
    """Where everything is."""

    gateway: str
    vectors: str
    simulator: str
    tls: str
    ca_file: str

    def as_json(self) -> str:
        tls = {"address": self.tls, "ca_file": self.ca_file}
        where = {"gateway": self.gateway, "vectors": self.vectors, "simulator": self.simulator, "tls": tls}
        return json.dumps(where)

    @staticmethod
    def of_environment(environ: Mapping[str, str]) -> "World | None":
        """What a caller has started, if it has."""
        names = (
            "TRUNKLINE_ADDRESS",
            "TRUNKLINE_VECTORS",
            "SIMULATOR_URL",
            "TRUNKLINE_TLS_ADDRESS",
            "TRUNKLINE_CA_FILE",
        )
        return World(*(environ[name] for name in names)) if all(name in environ for name in names) else None

    @property
    def environment(self) -> Mapping[str, str]:
        """What a language's tests find it by."""
        return {
            "TRUNKLINE_ADDRESS": self.gateway,
            "TRUNKLINE_VECTORS": self.vectors,
            "TRUNKLINE_VECTORS_DIR": str(DIRECTORY),
            "SIMULATOR_URL": self.simulator,
            "TRUNKLINE_TLS_ADDRESS": self.tls,
            "TRUNKLINE_CA_FILE": self.ca_file,
        }


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Everything that cases.md speaks of."""
    with tempfile.TemporaryDirectory() as directory:
        files = Tls(certificate=Path(directory) / "ca.pem", private_key=Path(directory) / "key.pem")
        files.certificate.write_text(CERTIFICATE)
        files.private_key.write_text(PRIVATE_KEY)
        async with (
            Simulator() as simulator,
            Gateway(_settings(simulator.url)) as gateway,
            Gateway(_settings(simulator.url, files)) as secure,
            VectorServer() as vectors,
        ):
            port = secure.address.rpartition(":")[2]
            yield World(
                gateway=gateway.address,
                vectors=vectors.address,
                simulator=simulator.url,
                tls=f"localhost:{port}",
                ca_file=str(files.certificate),
            )


def _settings(url: str, tls: Tls | None = None) -> Settings:
    def provider(name: str, kind: str, **fields: str) -> ProviderSettings:
        return ProviderSettings(name=name, type=kind, base_url=url + BASES[kind], api_key=KEY, **fields)  # type: ignore[arg-type]

    providers = (
        provider(SIMULATOR, "anthropic"),
        provider("openai", "openai", api="responses", auth="bearer"),
    )
    return Settings(
        listen="127.0.0.1:0",
        tls=tls,
        providers={each.name: each for each in providers},
        models={"quick": f"{SIMULATOR}/text"},
        routes={"home": _to("text"), "unsteady": UNSTEADY},
    )


def _to(model: str) -> Route:
    return Route(target=Target(provider=SIMULATOR, model=model))


# Without a breaker, which would leave a way alone that is cut each time; and by a model that nothing else asks, as the
# breakers of other calls count, too.
UNSTEADY = Route(
    fallback=Fallback(routes=[_to("cut-n4"), _to("text")]),
    circuit_breaker=CircuitBreaker(consecutive_failures=0, failure_rate=0),
)


async def _serve() -> None:
    async with world() as running:
        print(running.as_json(), flush=True)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def wait() -> None:
            sys.stdin.read()
            loop.call_soon_threadsafe(ended.set)

        # Not asyncio.to_thread: that one would keep an interrupted process alive.
        threading.Thread(target=wait, daemon=True).start()
        await ended.wait()


if __name__ == "__main__":
    app.run(_serve())
