"""Patterns: those that pass mean in conditions what they mean elsewhere, and those that would not are errors."""

from __future__ import annotations

import re
import warnings

import cel
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trunkline import portkey
from trunkline.portkey.patterns import check
from trunkline.portkey.reading import Place
from wire.bounded import bounded


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a(?=b)", "looks ahead or behind"),
        ("(?<!b)a", "looks ahead or behind"),
        ("(a)\\1", "has \\1, "),
        ("(?<x>a)\\k<x>", "has \\k, "),
        ("\\cA", "has \\c, "),
        ("[\\b]", "has \\b, "),
        ("[\\0]", "has \\0, "),
        ("\\<a", "has \\<, "),
        ("a\\", "has \\, "),
        ("[]", "has [], "),
        ("[^]", "has [^], "),
        ("[a", "has [a, "),
        ("[a[b]", "has [ in a class"),
        ("[a&&b]", "has && in a class"),
        ("{", "has a { that counts nothing"),
        ("a{,3}", "has a { that counts nothing"),
        ("a{x}", "has a { that counts nothing"),
    ],
)
def test_what_conditions_read_otherwise(pattern: str, said: str) -> None:
    with pytest.raises(portkey.PortkeyError) as caught:
        check(Place(pattern, "config", []), pattern)
    assert caught.value.text.startswith(said)


@pytest.mark.parametrize(
    "pattern",
    ["^gpt-4", "a{2,3}b{1}c{2,}", "[\\]\\[^-]", "\\{a\\}", "(?:a|b)+?", "(?<n>a)", "\\u0041\\x41", "[(?=]", "\\(?!"],
)
def test_what_passes(pattern: str) -> None:
    check(Place(pattern, "config", []), pattern)
    cel.evaluate("t.matches(p)", {"t": "a", "p": pattern})


PIECES = [*"abc09-^$.|?*+()[]{}\\/ <>=!&~,:", "\\d", "\\b", "(?:", "(?=", "[^", "{2}", "\\1", "--", "\\]", "\\-"]


@bounded(300)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text("abc09-[]{}\\/ &", max_size=6))
def test_what_passes_means_the_same_as_elsewhere(pattern: str, text: str) -> None:
    """As far as Python's patterns are like JavaScript's."""
    try:
        check(Place(pattern, "config", []), pattern)
    except portkey.PortkeyError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            wanted = re.search(pattern.replace("$", r"\Z"), text)
        except (re.error, FutureWarning):
            assume(False)
    # Possessive in Python, and nothing of the kind in the others.
    assume(not re.search(r"[*+?}][+*]", pattern))
    assert cel.evaluate("t.matches(p)", {"t": text, "p": pattern}) is (wanted is not None)
