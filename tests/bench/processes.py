"""Processes on cores of their own, stopped by their ids."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "bench"
START_SECONDS = 30.0
# The route of the gateway that is measured: a fallback with retries, whose first target answers.
ROUTE = "resilient"
STOP_SECONDS = 10.0


class StartError(Exception):
    """A process did not start."""


class Server:
    """A running process and its children: what they have used so far."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process

    def cpu(self) -> float:
        """Seconds of CPU, user and system."""
        return sum(times.user + times.system for times in (one.cpu_times() for one in self._family()))

    def rss(self) -> float:
        """Resident memory in MiB."""
        return sum(one.memory_info().rss for one in self._family()) / 2**20

    def suspend(self) -> None:
        """Keeps it from running, so that another one is alone on the core."""
        for one in self._family():
            one.suspend()

    def resume(self) -> None:
        """Lets it run again."""
        for one in reversed(self._family()):
            one.resume()

    def stop(self) -> None:
        """Ends it, in peace if it can be."""
        with contextlib.suppress(psutil.NoSuchProcess):
            family = self._family()
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.resume()
                    one.terminate()
            _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
            for one in alive:
                one.kill()

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def foreign_cpu(server: Server) -> float:
    """Seconds of CPU that the whole machine has spent, but for us, the processes that we started, and `server`."""
    everybody = psutil.cpu_times()
    ours = psutil.Process()
    family = Server(ours).cpu() + (0 if ours in server.process.parents() else server.cpu())
    return everybody.user + everybody.nice + everybody.system + everybody.irq + everybody.softirq - family


def cores() -> tuple[int | None, int | None]:
    """The gateway's core and everybody else's; None where there are not two of them, or they cannot be chosen."""
    if sys.platform != "linux" or len(mine := sorted(os.sched_getaffinity(0))) < 2:
        return None, None
    return mine[0], mine[1]


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """What is started inside runs on this core."""
    if sys.platform != "linux" or core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def started(
    command: Sequence[str], core: int | None, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A process on a core, its output in `log`, until the end of the block."""
    with log.open("wb") as output, pinned(core):
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            # Ctrl-C is for us alone: we stop it.
            start_new_session=True,
        )
    server = Server(psutil.Process(child.pid))
    try:
        yield server
    finally:
        server.stop()
        child.wait()


@contextlib.contextmanager
def mock_upstream(core: int | None, folder: Path, port: int = 0) -> Iterator[str]:
    """The provider that everybody talks to, at this port or a free one; gives its URL."""
    port = port or free_port()
    script = SHARED / "mock_upstream.py"
    command = [sys.executable, str(script), str(port)] if script.exists() and _has_uvloop() else _simulate(port)
    log = folder / "upstream.log"
    with started(command, core, log) as server:
        await_port(port, server, log)
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def simulator(core: int | None, folder: Path) -> Iterator[str]:
    """The provider that speaks OpenAI's format, which the mock does not, and Anthropic's; gives its URL."""
    port = free_port()
    log = folder / "simulator.log"
    with started(_simulate(port), core, log) as server:
        await_port(port, server, log)
        yield f"http://127.0.0.1:{port}"


def _simulate(port: int) -> list[str]:
    return [sys.executable, "-m", "trunkline_service.cli", "simulate", "--port", str(port)]


@contextlib.contextmanager
def gateway(
    core: int | None,
    folder: Path,
    upstream: str,
    module: Sequence[str] = ("-m", "trunkline_service.cli"),
    simulated: str = "",
) -> Iterator[tuple[str, Server]]:
    """Trunkline; gives its address. `module` is what is run of it, `simulated` where the simulator is."""
    settings = folder / "trunkline.yaml"
    settings.write_text(
        "listen: 127.0.0.1:0\n"
        "limits: {drain_grace: 1s}\n"
        "providers:\n"
        f"  anthropic: {{type: anthropic, base_url: '{upstream}', api_key: {{env: BENCH_KEY}}}}\n"
        f"  another: {{type: anthropic, base_url: '{upstream}', api_key: {{env: BENCH_KEY}}}}\n"
        f"  simulated: {{type: anthropic, base_url: '{simulated or upstream}', api_key: {{env: BENCH_KEY}}}}\n"
        f"  openai: {{type: openai_compatible, base_url: '{simulated or upstream}/v1', api_key: {{env: BENCH_KEY}}}}\n"
        "routes:\n"
        f"  {ROUTE}:\n"
        "    retry: {max_attempts: 3}\n"
        "    fallback: {routes: [{target: {provider: anthropic}}, {target: {provider: another}}]}\n"
    )
    log = folder / "trunkline.log"
    command = [sys.executable, *module, "serve", "--config", str(settings)]
    with started(command, core, log, {"BENCH_KEY": "sk-bench"}) as server:
        yield _address(server, log), server


@contextlib.contextmanager
def least(core: int | None, folder: Path, upstream: str) -> Iterator[tuple[str, Server]]:
    """The least that serves gRPC; gives its address."""
    log = folder / "least.log"
    with started([sys.executable, "-m", "bench.least", upstream], core, log) as server:
        yield _address(server, log), server


def _address(server: Server, log: Path) -> str:
    for _ in _patience(server, log):
        for line in log.read_text().splitlines():
            if line.startswith("{") and line.endswith("}") and "address" in (facts := json.loads(line)):
                return str(facts["address"])
    raise AssertionError


def await_port(port: int, server: Server, log: Path, seconds: float = START_SECONDS) -> None:
    """Returns when something listens there. Raises `StartError`."""
    for _ in _patience(server, log, seconds):
        if listening(port):
            return


def _patience(server: Server, log: Path, seconds: float = START_SECONDS) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.process.is_running() and server.process.status() != psutil.STATUS_ZOMBIE:
        yield
        time.sleep(0.05)
    msg = f"it did not start; the end of {log}:\n{log.read_text()[-1000:]}"
    raise StartError(msg)


def listening(port: int) -> bool:
    """Whether something listens at a port of loopback."""
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the load, in uvloop where that is installed."""
    if not _has_uvloop():
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


def _has_uvloop() -> bool:
    return importlib.util.find_spec("uvloop") is not None
