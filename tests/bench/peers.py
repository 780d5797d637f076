"""The gateways that Trunkline is measured against, started and stopped by `../shared/bench/peers.sh`."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.processes import SHARED, Server, StartError, await_port, listening

UPSTREAM_PORT = 9901
START_SECONDS = 120.0
SCRIPT = SHARED / "peers.sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A way into another gateway. `process` is the name that peers.sh has for it."""

    name: str
    process: str
    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


_PORTKEY = {
    "x-portkey-provider": "anthropic",
    "authorization": "Bearer sk-ant",
    "x-portkey-custom-host": f"http://127.0.0.1:{UPSTREAM_PORT}/v1",
}
_LITELLM = {"authorization": "Bearer sk-bench"}
NATIVE, TRANSLATED = "/v1/messages", "/v1/chat/completions"

PEERS = (
    Peer(name="Portkey, native", process="portkey", port=8787, path=NATIVE, headers=_PORTKEY),
    Peer(name="Portkey, translated", process="portkey", port=8787, path=TRANSLATED, headers=_PORTKEY),
    Peer(name="SMG, native", process="smg", port=30080, path=NATIVE, headers={"x-api-key": "sk"}),
    Peer(name="LiteLLM, native", process="litellm", port=4000, path=NATIVE, headers=_LITELLM),
    Peer(name="LiteLLM, translated", process="litellm", port=4000, path=TRANSLATED, headers=_LITELLM),
)


@contextlib.contextmanager
def running(folder: Path, peers: Sequence[Peer]) -> Iterator[dict[str, Server]]:
    """The peers' processes, all of them suspended. The mock upstream must listen already."""
    ports = {peer.process: peer.port for peer in peers}
    for port in ports.values():
        if listening(port):
            msg = f"port {port} is taken: is a peer still running?"
            raise StartError(msg)
    servers: dict[str, Server] = {}
    began = time.time()
    try:
        # It would share Ctrl-C with its children, and leave its own work half done.
        subprocess.run([SCRIPT, "start", folder, *ports], check=True, start_new_session=True)
        for name, port in ports.items():
            servers[name] = server = _server(folder, name, began)
            await_port(port, server, folder / f"{name}.log", START_SECONDS)
        for server in servers.values():
            server.suspend()
        yield servers
    finally:
        for name in ports:
            with contextlib.suppress(StartError):
                servers.setdefault(name, _server(folder, name, began))
        for server in servers.values():
            server.stop()
        for name in servers:
            (folder / f"{name}.pid").unlink(missing_ok=True)


def _server(folder: Path, name: str, began: float) -> Server:
    file = folder / f"{name}.pid"
    try:
        process = psutil.Process(int(file.read_text()))
        # An old file may name a process that is none of ours.
        if process.create_time() >= began - 1:
            return Server(process)
    except (OSError, ValueError, psutil.NoSuchProcess):
        pass
    msg = f"{name} did not start; see {folder / name}.log"
    raise StartError(msg)
