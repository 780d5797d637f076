"""The command line as a user has it: processes, their output and their exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

TRUNKLINE = Path(sys.executable).with_name("trunkline")


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRUNKLINE_", "ANTHROPIC_"))}
    # Nothing here goes further than loopback, and must not go through a proxy either.
    return kept | {"no_proxy": "*", "NO_COLOR": "1", "COLUMNS": "100"} | more


def trunkline(*arguments: str | Path, stdin: str | bytes = "", **env: str) -> subprocess.CompletedProcess[str]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [TRUNKLINE, *arguments], input=data, capture_output=True, timeout=20, env=environment(**env), check=False
    )
    result = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.stderr, result.stderr
    return result


@dataclass
class Server:
    """A server that runs; `said` is how it introduced itself, `log` its standard error."""

    process: subprocess.Popen[str]
    said: str
    log: IO[str]

    @property
    def address(self) -> str:
        found = re.search(r"listens on (?:http://)?([^\s;]+)", self.said)
        assert found, (self.said, self.logged())
        return found[1]

    def logged(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@contextmanager
def running(*arguments: str | Path, **env: str) -> Iterator[Server]:
    with (
        TemporaryFile("w+") as log,
        subprocess.Popen(
            [TRUNKLINE, *arguments], text=True, stdout=subprocess.PIPE, stderr=log, env=environment(**env)
        ) as process,
    ):
        assert process.stdout
        try:
            yield Server(process, process.stdout.readline(), log)
        finally:
            process.kill()


def calls(simulator: str) -> list[dict[str, Any]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{simulator}/_simulator/calls", timeout=5) as response:
        found: list[dict[str, Any]] = json.load(response)["calls"]
    return found
