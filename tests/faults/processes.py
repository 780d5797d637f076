"""The gateway and the simulator as processes of their own, which may be killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

TRUNKLINE = Path(sys.executable).with_name("trunkline")


class Served:
    """A running `trunkline serve` or `trunkline simulate`, and what it said."""

    address: str

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._listens = asyncio.Event()
        self.said: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            self.said.append(line.decode())
            if found := re.search(r"listens on (?:http://)?([^\s;]+)", self.said[-1]):
                self.address = found[1]
                self._listens.set()

    async def listens(self) -> None:
        """Waits until it takes calls."""
        listening = asyncio.create_task(self._listens.wait())
        await asyncio.wait((listening, self._reading), timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert self._listens.is_set(), self.said

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def logged(self) -> list[dict[str, Any]]:
        """Its log, as far as it goes."""
        return [json.loads(line) for line in self.said if line.startswith("{")]

    def signal(self, number: signal.Signals) -> float:
        """Sends the signal; returns when, of `time.monotonic()`."""
        self._process.send_signal(number)
        return time.monotonic()

    async def ended(self, seconds: float = 10.0) -> int:
        """Waits until the process is gone; its exit code."""
        code = await asyncio.wait_for(self._process.wait(), seconds)
        await self._reading
        assert "Traceback" not in "".join(self.said), self.said
        return code

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading


@asynccontextmanager
async def trunkline(*arguments: str | Path, **environment: str) -> AsyncIterator[Served]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRUNKLINE_", "ANTHROPIC_"))}
    process = await asyncio.create_subprocess_exec(
        TRUNKLINE,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**kept, "NO_COLOR": "1", **environment},
    )
    served = Served(process)
    try:
        await served.listens()
        yield served
    finally:
        await served.stop()


@asynccontextmanager
async def gateway(directory: Path, upstream: str, limits: str = "{}", timeouts: str = "{}") -> AsyncIterator[Served]:
    """A gateway whose provider `up` is at `upstream`; the rest as YAML."""
    file = directory / "gateway.yaml"
    provider = f"{{type: anthropic, base_url: '{upstream}', api_key: {{env: UP_KEY}}, timeouts: {timeouts}}}"
    file.write_text(f"providers: {{up: {provider}}}\nlimits: {limits}\n")
    async with trunkline("serve", "--config", file, "--listen", "127.0.0.1:0", UP_KEY="sk-of-the-tests") as served:
        yield served
