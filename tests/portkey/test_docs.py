"""What docs/portkey.md shows is true."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from trunkline import portkey
from trunkline_service.cli.portkey import as_yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/portkey.md").read_text()


def fenced(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


def test_the_configuration_is_what_the_command_prints() -> None:
    assert as_yaml(portkey.configuration(fenced("json")), "portkey") == fenced("yaml")


def test_the_python_parses() -> None:
    ast.parse(fenced("python"))


def test_the_readme_leads_there() -> None:
    assert "(docs/portkey.md)" in (ROOT / "README.md").read_text()
