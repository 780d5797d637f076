"""Where the gateway's CPU goes.

cProfile sees the thread of the gateway's loop, and makes Python look dearer than it is. The threads of gRPC's core are
not in it: `perf record -g -p PID` shows those.
"""

from __future__ import annotations

import io
import pstats
import signal
from pathlib import Path

from bench import processes
from bench.grpc_client import connected
from bench.load import measure
from bench.scenarios import Scenario

LINES = 50
WARM_UP_SECONDS = 0.5


def profile(scenario: Scenario, seconds: float, folder: Path, upstream: str, core: int | None) -> str:
    """The functions that take most, by their own time and with what they call."""
    output = folder / "gateway.prof"
    with processes.gateway(core, folder, upstream, ("-m", "bench.profiled", str(output))) as (address, server):
        calls = processes.run(_drive(address, server, scenario, seconds))
    text = io.StringIO()
    found = pstats.Stats(str(output), stream=text).strip_dirs()
    for order in ("tottime", "cumulative"):
        found.sort_stats(order).print_stats(LINES)
    return f"{scenario.title}: {calls} calls and those of the warm-up\n{text.getvalue()}"


async def _drive(address: str, server: processes.Server, scenario: Scenario, seconds: float) -> int:
    async with connected(address) as client:
        await measure(client, server, scenario, WARM_UP_SECONDS)
        server.process.send_signal(signal.SIGUSR1)
        return (await measure(client, server, scenario, seconds)).calls
