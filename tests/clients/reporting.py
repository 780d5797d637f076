"""A plugin for pytest that writes the report that cases.md asks for: one line a case, whatever its parameters."""

import os
from pathlib import Path

import pytest

_VECTORS = "test_vectors.py"
_outcomes: dict[str, bool] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    file, _, test = report.nodeid.partition("::")
    case = "vectors" if file.endswith(_VECTORS) else test.partition("[")[0].removeprefix("test_")
    passed = report.passed if report.when == "call" else not report.failed
    _outcomes[case] = _outcomes.get(case, True) and passed


def pytest_sessionfinish() -> None:
    lines = [f"{case}\t{'ok' if passed else 'failed'}\n" for case, passed in _outcomes.items()]
    Path(os.environ["TRUNKLINE_REPORT"]).write_text("".join(lines))
