"""The table of languages by cases is green only if every case of every language is."""

import re
from pathlib import Path

import pytest

from clients import table
from clients.table import CASES, STUBS_ONLY

NEWCOMER = 'test -z "$(ls -A "$1")" && printf "You sa" && sleep 0.1 && echo "id: Hello"'


def reporting(outcomes: dict[str, str], code: int = 0) -> str:
    lines = "".join(f"{case}\\t{outcome}\\n" for case, outcome in outcomes.items())
    return f'test -n "$TRUNKLINE_ADDRESS" && printf "{lines}" > "$TRUNKLINE_REPORT"; exit {code}'


GREEN = dict.fromkeys(CASES, "ok")


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(table, "CLIENTS", tmp_path)
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def language(clients: Path, name: str, test: str, *, toolchain: str = "exit 0", newcomer: str = NEWCOMER) -> None:
    (clients / name).mkdir()
    for script, body in {"test.sh": test, "toolchain.sh": toolchain, "newcomer.sh": newcomer}.items():
        path = clients / name / script
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)


async def test_all_is_green(clients: Path, capfd: pytest.CaptureFixture[str]) -> None:
    language(clients, "elvish", reporting(GREEN))
    language(clients, "rust", reporting(dict.fromkeys(STUBS_ONLY["rust"], "ok")))
    assert await table.main([]) == 0
    shown = capfd.readouterr().out
    assert re.search("^ +elvish  rust$", shown, re.MULTILINE)
    assert f"clients: {len(CASES) + 1 + len(STUBS_ONLY['rust'])} passed, 0 failed" in shown


@pytest.mark.parametrize(
    ("test", "newcomer", "said"),
    [
        (reporting(GREEN | {"cancel": "failed"}, 1), NEWCOMER, "elvish: cancel: FAILED"),
        (reporting(GREEN | {"cancel": "skipped"}), NEWCOMER, "elvish: cancel: FAILED"),
        (reporting({case: "ok" for case in CASES if case != "tls"}), NEWCOMER, "elvish: tls: MISSING"),
        (reporting(GREEN | {"chta": "ok"}), NEWCOMER, "elvish: reports 'chta', which cases.md does not have"),
        (reporting(GREEN, 3), NEWCOMER, "elvish: test.sh ended with 3"),
        ("exit 0", NEWCOMER, "elvish: reports nothing"),
        (reporting(GREEN), "echo Nothing", "elvish: newcomer.sh ended with 0 and no token"),
        (reporting(GREEN), f"{NEWCOMER}; exit 4", "elvish: newcomer.sh ended with 4"),
        (reporting(GREEN), "sleep 30", "elvish: newcomer.sh took longer than 1 seconds"),
    ],
)
async def test_what_is_not_green(
    clients: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    test: str,
    newcomer: str,
    said: str,
) -> None:
    monkeypatch.setattr(table, "NEWCOMER_SECONDS", 1)
    language(clients, "elvish", test, newcomer=newcomer)
    assert await table.main([]) == 1
    assert said in capfd.readouterr().err.splitlines()


async def test_a_toolchain_that_is_not_there(
    clients: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    language(clients, "elvish", reporting(GREEN))
    language(clients, "klingon", "exit 1", toolchain="exit 1")
    assert await table.main([]) == 0
    assert "klingon was left out" in capfd.readouterr().out
    monkeypatch.setenv("CI", "true")
    assert await table.main([]) == 1
    assert "klingon: its toolchain is not installed" in capfd.readouterr().err


async def test_languages_by_name(clients: Path, capfd: pytest.CaptureFixture[str]) -> None:
    language(clients, "elvish", reporting(GREEN))
    language(clients, "orcish", "exit 1")
    assert await table.main(["elvish"]) == 0
    assert "orcish" not in capfd.readouterr().out
    assert await table.main(["dwarvish"]) == 2
