"""Measurements as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from bench.load import Figures
from bench.scenarios import Scenario

Results = dict[str, dict[str, list[Figures]]]
"""By gateway and by scenario, a measurement for each round."""

OURS = "Trunkline"
LEAST = "grpc.aio alone"
"""What passes tokens on and reads none of them: see `least.py`."""
OURS_TO_SIMULATOR = "Trunkline, to simulator"
"""The same as the next row, but for the format: the simulator writes in smaller pieces than the mock."""
OURS_TO_OPENAI = "Trunkline, to OpenAI"
OPENAI_TIMES = 1.3
OURS_ROUTED = "Trunkline, by a route"
ROUTED_TIMES = 1.15
PORTKEY = "Portkey, native"
PORTKEY_SHARE = 0.7
LITELLM = ("LiteLLM, native", "LiteLLM, translated")
LITELLM_TIMES = 8.0

HEAD = (
    f"  {'':20} {'us/call':>8} {'us/frame':>8} {'spread':>15} {'calls/s':>8} {'p50 ms':>8} {'p99 ms':>8} "
    f"{'first ms':>8} {'core':>5} {'others':>6} {'MiB':>5} {'failed':>6}"
)


def figures(results: Results, scenarios: Sequence[Scenario]) -> str:
    """Everything that was measured: medians, and from the least to the most of what the scenario is about."""
    lines = []
    for scenario in scenarios:
        lines += [scenario.title, HEAD, *(_line(name, runs[scenario.name], scenario) for name, runs in results.items())]
        lines.append("")
    return "\n".join(lines)


def _line(name: str, runs: Sequence[Figures], scenario: Scenario) -> str:
    def middle(figure: Callable[[Figures], float]) -> float:
        return median(map(figure, runs))

    costs = [run.cost(scenario) for run in runs]
    digits = 1 if scenario.stream else 0
    return (
        f"  {name:20} {middle(lambda run: run.cpu_per_call):8.0f} {middle(lambda run: run.cpu_per_frame):8.1f} "
        f"{f'{min(costs):.{digits}f}–{max(costs):.{digits}f}':>15} "
        f"{middle(lambda run: run.rate):8.1f} {middle(lambda run: run.p50):8.2f} "
        f"{middle(lambda run: run.p99):8.2f} {middle(lambda run: run.first_p50):8.2f} "
        f"{middle(lambda run: run.utilisation):5.0%} {middle(lambda run: run.others):6.0%} "
        f"{middle(lambda run: run.rss):5.0f} "
        f"{sum(len(run.failures) for run in runs):6}"
    )


def table(results: Results, scenarios: Sequence[Scenario]) -> str:
    """The figures that count, in Markdown; in brackets, how many times those of Portkey's native path."""
    lines = [
        "| CPU in us | " + " | ".join(scenario.title for scenario in scenarios) + " |",
        "| --- |" + " ---: |" * len(scenarios),
    ]
    for name in results:
        cells = [_cell(results, name, scenario) for scenario in scenarios]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(results: Results, name: str, scenario: Scenario) -> str:
    cost = _cost(results, name, scenario)
    text = f"{cost:,.1f}" if scenario.stream else f"{cost:,.0f}"
    if PORTKEY not in results:
        return text
    return f"{text} ({_ratio(results, name, PORTKEY, scenario):.2f})"


def targets(results: Results, scenarios: Sequence[Scenario]) -> str:
    """What was to be reached, and whether it was."""
    lines = []
    for scenario in scenarios:
        if OURS_ROUTED in results:
            times = _ratio(results, OURS_ROUTED, OURS, scenario)
            verdict = "met" if times <= ROUTED_TIMES else "MISSED"
            lines.append(f"{scenario.name}: {OURS_ROUTED}, at most {ROUTED_TIMES} of {OURS}: {times:.2f}, {verdict}")
        if scenario.stream and OURS_TO_OPENAI in results:
            times = _ratio(results, OURS_TO_OPENAI, OURS_TO_SIMULATOR, scenario)
            verdict = "met" if times <= OPENAI_TIMES else "MISSED"
            what = f"{OURS_TO_OPENAI}, at most {OPENAI_TIMES} of {OURS_TO_SIMULATOR}"
            lines.append(f"{scenario.name}: {what}: {times:.2f}, {verdict}")
        if PORTKEY in results:
            share = _ratio(results, OURS, PORTKEY, scenario)
            verdict = "met" if share <= PORTKEY_SHARE else "MISSED"
            lines.append(f"{scenario.name}: at most {PORTKEY_SHARE} of {PORTKEY}: {share:.2f}, {verdict}")
        for name in LITELLM:
            if name in results:
                times = _ratio(results, name, OURS, scenario)
                verdict = "met" if times >= LITELLM_TIMES else "MISSED"
                lines.append(f"{scenario.name}: {name}, {LITELLM_TIMES:.0f}-fold behind: {times:.1f}, {verdict}")
    return "\n".join(lines)


def failures(results: Results) -> list[str]:
    """What went wrong, and where."""
    return [
        f"{name}, {scenario}: {failure}"
        for name, found in results.items()
        for scenario, runs in found.items()
        for run in runs
        for failure in run.failures
    ]


def _ratio(results: Results, name: str, other: str, scenario: Scenario) -> float:
    """Round by round, as what slows one down slows its neighbour too."""
    pairs = zip(results[name][scenario.name], results[other][scenario.name], strict=True)
    return median(one.cost(scenario) / its.cost(scenario) for one, its in pairs)


def _cost(results: Results, name: str, scenario: Scenario) -> float:
    return median(run.cost(scenario) for run in results[name][scenario.name])
