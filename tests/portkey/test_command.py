"""`trunkline import-portkey`: processes, their output and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portkey.test_strategies import FALLBACK, LOAD_BALANCE
from support.command_line import trunkline

KEYS = {"ANTHROPIC_API_KEY": "sk-1", "OPENAI_API_KEY": "sk-2"}


@pytest.mark.parametrize("config", [FALLBACK, LOAD_BALANCE], ids=["fallback", "load balancing"])
def test_what_it_prints_passes_the_check(config: object, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    done = trunkline("import-portkey", file)
    assert done.returncode == 0
    assert "differs: config.targets: " in done.stderr
    assert "to do: config.targets[0].api_key: " in done.stderr
    assert "sk-" not in done.stdout
    made = tmp_path / "gateway.yaml"
    made.write_text(done.stdout)
    checked = trunkline("check", made, **KEYS)
    assert checked.returncode == 0, checked.stderr
    assert "routes: portkey" in checked.stdout


def test_from_the_standard_input_under_another_name() -> None:
    arguments = ["import-portkey", "-", "--name", "support", "-p", "anthropic=claude-eu", "--provider", "openai=gpt"]
    done = trunkline(*arguments, stdin="\ufeff" + json.dumps(FALLBACK))
    assert done.returncode == 0
    assert "\n  support:\n" in done.stdout
    assert "target: {provider: claude-eu" in done.stdout
    assert "\n  gpt:\n    type: openai\n" in done.stdout


@pytest.mark.parametrize(
    ("stdin", "arguments", "said"),
    [
        ("{", ["-"], "trunkline: config: is not JSON: "),
        ("{}", ["-"], "trunkline: config: names no provider\n"),
        ('{"provider": "x", "request_timeout": "long"}', ["-"], "trunkline: config.request_timeout: "),
        (b"\xff", ["-"], "trunkline: the standard input is not UTF-8 text\n"),
        ("", ["nope.json"], "trunkline: cannot read nope.json: No such file or directory\n"),
        ("", [], "the following arguments are required: FILE"),
        ("{}", ["-", "--name", "a/b"], "a name is at most 128 printable ASCII characters without spaces and '/'"),
        ("{}", ["-", "--provider", "anthropic"], "'anthropic' is not PORTKEY=NAME"),
    ],
)
def test_mistakes(stdin: str | bytes, arguments: list[str], said: str) -> None:
    done = trunkline("import-portkey", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_help() -> None:
    done = trunkline("import-portkey", "--help")
    assert done.returncode == 0
    assert "Keys are not copied" in done.stdout
    assert "import-portkey" in trunkline("--help").stdout
