"""docs/api.md leads somewhere, and holds the whole contract."""

import re
from pathlib import Path

import trunkline.v1

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text()
HEADINGS = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)


def test_every_link_has_its_place() -> None:
    places = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in HEADINGS]
    assert len(places) == len(set(places))
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= set(places)


def test_everything_of_the_contract_is_there() -> None:
    of_code = re.compile(r"(Stub|Servicer|_to_server)$")
    assert {name for name in trunkline.v1.__all__ if not of_code.search(name)} <= set(HEADINGS)
    assert PAGE.count("](#errorreason), ") > 0


def test_nothing_lacks_its_words() -> None:
    assert not re.findall(r"^#.*\n\n(?:\n|#|- )", PAGE, re.MULTILINE)
    assert not re.findall(r"^ *- .*\): *$", PAGE, re.MULTILINE)
