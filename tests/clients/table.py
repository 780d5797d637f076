"""`make test-clients`: the suite of cases.md in every language, one after the other, and a table of how it went.

    PYTHONPATH=tests .venv/bin/python -m clients.table [LANGUAGE ...]

A language whose toolchain is not installed is named and left out; where CI=true, that is a failure.
"""

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from clients.serve import World, world

CLIENTS = Path(__file__).parents[2] / "clients"
_SUITE = Path(__file__).with_name("cases.md").read_text().partition("## Cases\n")[2]
CASES: Sequence[str] = re.findall(r"^\| `(\w+)` \|", _SUITE, re.MULTILINE)
# Stubs and no layer of their own.
STUBS_ONLY: Mapping[str, Sequence[str]] = {"cpp": ("chat", "stream"), "rust": ("chat", "stream")}
NEWCOMER = "newcomer"
FIRST_TOKEN = b"You said:"
TEST_SECONDS = 1200
NEWCOMER_SECONDS = 600


@dataclass
class Run:
    """How one language did: what its column says, and what is wrong."""

    language: str
    cells: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def cases(self) -> Sequence[str]:
        return STUBS_ONLY.get(self.language, CASES)

    def read(self, report: str) -> None:
        """Take the language's own report."""
        for line in report.splitlines():
            case, _, outcome = line.partition("\t")
            if case not in self.cases:
                self.problems.append(f"reports {case!r}, which cases.md does not have")
            self.cells[case] = "ok" if outcome == "ok" else "FAILED"
        if not report:
            self.problems.append("reports nothing")
        for case in self.cases:
            if self.cells.setdefault(case, "MISSING") != "ok" and report:
                self.problems.append(f"{case}: {self.cells[case]}")


async def run(language: str, servers: World) -> Run:
    """Run all that a language has, its output shown as it comes."""
    result = Run(language)
    environment = {**os.environ, **servers.environment}
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report"
        code = await _script(language, "test.sh", environment | {"TRUNKLINE_REPORT": str(report)}, TEST_SECONDS)
        if code != 0:
            result.problems.append(f"test.sh ended with {code}")
        result.read(report.read_text() if report.exists() else "")
    if language not in STUBS_ONLY:
        await _newcomer(result, environment)
    return result


async def _newcomer(result: Run, environment: Mapping[str, str]) -> None:
    """From an empty directory to the first streamed token."""
    with tempfile.TemporaryDirectory() as directory:
        process = await _start(
            result.language, "newcomer.sh", directory, environment=environment, stdout=asyncio.subprocess.PIPE
        )
        began, came, output = time.monotonic(), None, b""
        try:
            async with asyncio.timeout(NEWCOMER_SECONDS):
                assert process.stdout
                while piece := await process.stdout.read(4096):
                    output += piece
                    if came is None and FIRST_TOKEN in output:
                        came = time.monotonic() - began
                code = await process.wait()
                problem = f"ended with {code}" + ("" if came else " and no token")
        except TimeoutError:
            code = await _killed(process)
            problem = f"took longer than {NEWCOMER_SECONDS} seconds"
    if code == 0 and came:
        result.cells[NEWCOMER] = f"{came:.1f} s"
    else:
        result.cells[NEWCOMER] = "FAILED"
        result.problems.append(f"newcomer.sh {problem}")
        print(output.decode(errors="replace"))


async def _script(
    language: str, name: str, environment: Mapping[str, str], seconds: float, *, quiet: bool = False
) -> int:
    process = await _start(
        language, name, environment=environment, stdout=asyncio.subprocess.DEVNULL if quiet else None
    )
    try:
        async with asyncio.timeout(seconds):
            return await process.wait()
    except TimeoutError:
        return await _killed(process)


async def _start(
    language: str, name: str, *arguments: str, environment: Mapping[str, str], stdout: int | None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        CLIENTS / language / name,
        *arguments,
        env={**environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        start_new_session=True,
    )


async def _killed(process: asyncio.subprocess.Process) -> int:
    os.killpg(process.pid, signal.SIGKILL)
    return await process.wait()


def table(runs: Sequence[Run]) -> str:
    """Languages by cases, and the newcomer's seconds."""
    rows = [("", *(each.language for each in runs))]
    rows += [(case, *(each.cells.get(case, "") for each in runs)) for case in (*CASES, NEWCOMER)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


async def main(wanted: Sequence[str]) -> int:
    """Run the languages that are wanted, or all, and return the exit code."""
    known = sorted(path.parent.name for path in CLIENTS.glob("*/test.sh"))
    if unknown := set(wanted) - set(known):
        print(f"there is no clients/{unknown.pop()}/test.sh", file=sys.stderr)
        return 2
    runs, skipped = [], []
    async with world() as servers:
        for language in wanted or known:
            if await _script(language, "toolchain.sh", os.environ, 60, quiet=True) != 0:
                skipped.append(language)
                continue
            print(f"\n=== {language}", flush=True)
            runs.append(await run(language, servers))
    print(f"\n{table(runs)}\n")
    problems = [f"{each.language}: {problem}" for each in runs for problem in each.problems]
    for language in skipped:
        print(f"{language} was left out: its toolchain is not installed (clients/{language}/toolchain.sh)")
    if os.environ.get("CI") == "true":
        problems += [f"{language}: its toolchain is not installed" for language in skipped]
    for problem in problems:
        print(problem, file=sys.stderr)
    passed = sum(cell not in ("FAILED", "MISSING") for each in runs for cell in each.cells.values())
    print(f"clients: {passed} passed, {len(problems)} failed")
    return 1 if problems or not runs else 0


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main(sys.argv[1:])))
