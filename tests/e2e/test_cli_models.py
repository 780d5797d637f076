"""`models` on the command line."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from support.command_line import running, trunkline


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    with running("serve", "--listen", "127.0.0.1:0") as server:
        yield server.address


def test_a_line_for_each(gateway: str) -> None:
    done = trunkline("models", "--provider", "simulator", "--address", gateway)
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert lines["simulator/claude-haiku-5-5"] == ["1000000", "128000", "$0.10", "$0.50", "active"]
    assert lines["simulator/text"][2:] == ["-", "-", "active"]


def test_one_that_leaves(gateway: str) -> None:
    everything = trunkline("models", "--provider", "simulator", "--all", "--address", gateway)
    lines = {line.split()[0]: line.split()[1:] for line in everything.stdout.splitlines()}
    # The day comes, and the tests go on.
    state = "deprecated" if datetime.now(UTC).date() < date(2026, 11, 30) else "retired"
    assert lines["simulator/claude-sonnet-4-5"][-2:] == [state, "2026-11-30"]


def test_only_some(gateway: str) -> None:
    done = trunkline("models", "--can", "batch", "--can", "sampling", "--address", gateway)
    able = {line.split()[0] for line in done.stdout.splitlines()}
    assert "simulator/claude-haiku-4-5" in able
    assert "simulator/claude-haiku-5-5" not in able, "it takes no sampling parameters"
    everything = trunkline("models", "--all", "--address", gateway).stdout
    assert "claude-3-opus" in everything
    assert "claude-3-opus" not in trunkline("models", "--address", gateway).stdout


def test_one_as_json(gateway: str) -> None:
    done = trunkline("models", "simulator/claude-haiku-4-5", "--json", "--address", gateway)
    (line,) = done.stdout.splitlines()
    model = json.loads(line)
    assert (model["id"], model["prices"]["asOf"]) == ("claude-haiku-4-5", "2026-11-22")


def test_a_count_that_is_an_estimate(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("providers: {local: {type: openai_compatible, base_url: 'http://127.0.0.1:9', api: chat}}")
    with running("serve", "--config", file, "--listen", "127.0.0.1:0") as server:
        done = trunkline("count", "Hello, world", "--model", "local/m", "--address", server.address)
    assert (done.returncode, done.stdout) == (0, "11\n")
    assert "an estimate" in done.stderr


def test_none(gateway: str) -> None:
    done = trunkline("models", "simulator/claude-haiku-4-6", "--address", gateway)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nearest are simulator/claude-haiku-4-5" in done.stderr
    wrong = trunkline("models", "--can", "swim", "--address", gateway)
    assert wrong.returncode == 2
    assert "capabilities may be chat, embeddings, batch" in wrong.stderr
