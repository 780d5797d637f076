"""The command line."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import bench
from bench import grpc_client, http_client, processes, profiling, report
from bench import peers as others
from bench.load import Client, measure
from bench.peers import PEERS, UPSTREAM_PORT
from bench.processes import Server, StartError
from bench.report import LEAST, OURS, OURS_ROUTED, OURS_TO_OPENAI, OURS_TO_SIMULATOR, Results
from bench.scenarios import SCENARIOS, Scenario

Connect = Callable[[], AbstractAsyncContextManager[Client]]
Row = tuple[str, Server, Connect]


def main() -> int:
    """Does what the arguments say. Returns 1 if a call failed, 2 if something did not start, 130 after Ctrl-C."""
    options = _parser().parse_args()
    # As Ctrl-C: what was started must be stopped.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if processes.cores()[0] is None:
        print("Everything shares its cores here: take the figures for what they are.", file=sys.stderr)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            return _profile(options, Path(folder)) if options.profile else _measure(options, Path(folder))
    except StartError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _measure(options: argparse.Namespace, folder: Path) -> int:
    scenarios = [one for one in SCENARIOS if options.only in (None, one.name)]
    chosen = [peer for peer in PEERS if options.peers and peer.process in options.peer]
    core, other = processes.cores()
    with ExitStack() as stack:
        stack.enter_context(processes.pinned(other))
        port = UPSTREAM_PORT if options.peers else 0
        upstream = stack.enter_context(processes.mock_upstream(other, folder, port))
        simulated = stack.enter_context(processes.simulator(other, folder))
        address, ours = stack.enter_context(processes.gateway(core, folder, upstream, simulated=simulated))
        least_address, least = stack.enter_context(processes.least(core, folder, upstream))
        servers = stack.enter_context(others.running(options.peers, chosen)) if chosen else {}
        rows: list[Row] = [
            (OURS, ours, partial(grpc_client.connected, address)),
            (OURS_ROUTED, ours, partial(grpc_client.connected, address, route=processes.ROUTE)),
            (OURS_TO_SIMULATOR, ours, partial(grpc_client.connected, address, "simulated")),
            (OURS_TO_OPENAI, ours, partial(grpc_client.connected, address, "openai")),
            (LEAST, least, partial(grpc_client.connected, least_address)),
            *((peer.name, servers[peer.process], partial(http_client.connected, peer)) for peer in chosen),
        ]
        results = processes.run(_rounds(rows, scenarios, options))
    print(report.figures(results, scenarios))
    if chosen:
        print(report.table(results, scenarios))
    print(report.targets(results, scenarios))
    if options.json:
        options.json.write_text(json.dumps(results, default=asdict, indent=2))
    failures = report.failures(results)
    for failure in failures[:10]:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _profile(options: argparse.Namespace, folder: Path) -> int:
    scenario = next(one for one in SCENARIOS if one.name == options.profile)
    core, other = processes.cores()
    with processes.pinned(other), processes.mock_upstream(other, folder) as upstream:
        print(profiling.profile(scenario, options.seconds, folder, upstream, core))
    return 0


async def _rounds(rows: list[Row], scenarios: list[Scenario], options: argparse.Namespace) -> Results:
    """Measures everything in turn, several times: a bad moment of the machine spoils a round, and not a gateway."""
    results: Results = {name: {scenario.name: [] for scenario in scenarios} for name, _, _ in rows}
    for _, server, _ in rows:
        server.suspend()
    for number in range(options.rounds):
        for scenario in scenarios:
            for name, server, connect in rows:
                if options.peers:
                    print(f"round {number + 1}: {scenario.name}, {name}", file=sys.stderr)
                server.resume()
                # Connections of their own: none would outlive the time for which the server is suspended.
                async with connect() as client:
                    results[name][scenario.name].append(await measure(client, server, scenario, options.seconds))
                server.suspend()
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=bench.__doc__)
    names = [one.name for one in SCENARIOS]
    parser.add_argument("--only", choices=names, help="this scenario alone")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement (default: 6)")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many counts (default: 3)")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where peers.sh has installed the other gateways")
    parser.add_argument(
        "--peer",
        nargs="+",
        choices=(every := sorted({peer.process for peer in PEERS})),
        default=every,
        help="these alone (default: all)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there")
    parser.add_argument("--profile", choices=names, help="show where Trunkline's CPU goes in this scenario instead")
    return parser
