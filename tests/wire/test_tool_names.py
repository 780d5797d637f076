"""Names of tools that a provider does not take: each becomes one of its own, and leads back."""

from __future__ import annotations

import hashlib
import re
from itertools import permutations

import pytest

from trunkline_service.providers.tool_names import ToolNames

DOTTED = "a.b"
LITERAL = f"a_b_{hashlib.sha256(DOTTED.encode()).hexdigest()[:8]}"
# What the literal one becomes where it has to make way.
FURTHER = f"{LITERAL}_{hashlib.sha256(LITERAL.encode()).hexdigest()[:8]}"


def names() -> ToolNames:
    return ToolNames(re.compile(r"[^a-zA-Z0-9_-]"), 64)


@pytest.mark.parametrize("order", list(permutations([DOTTED, LITERAL, FURTHER, "a_b", "x" * 65])))
def test_two_names_never_become_one(order: tuple[str, ...]) -> None:
    mapper = names()
    mapped = [mapper.upstream(name) for name in order]
    assert len(set(mapped)) == len(order)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in mapped)
    assert [mapper.changed.get(each, each) for each in mapped] == list(order)
    # Again, in any order: history and the choice of a tool say the names once more.
    assert [mapper.upstream(name) for name in reversed(order)] == mapped[::-1]
    again = names()
    assert [again.upstream(name) for name in order] == mapped


def test_a_name_becomes_the_same_in_every_request() -> None:
    assert names().upstream(DOTTED) == LITERAL
    mapper = names()
    assert (mapper.upstream("a_b"), mapper.upstream(DOTTED)) == ("a_b", LITERAL)
    assert mapper.changed == {LITERAL: DOTTED}
