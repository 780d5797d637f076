"""Patterns of JavaScript's in conditions, whose patterns are RE2's: most mean the same, and the rest is an error."""

from __future__ import annotations

import re
from typing import Final

from trunkline.portkey.reading import Place

_PARTS: Final = re.compile(r"\\.?|\[\^?(?:\\.|[^\]\\])*\]?|\{\d+(?:,\d*)?\}|\(\?.{0,2}|[^\\\[{(]+|.", re.DOTALL)
_LETTERS: Final = "dDwWsSnrtvfxupP"
_LOOKS_AROUND: Final = ("(?=", "(?!", "(?<=", "(?<!")
# Ranges of ranges, and operations on sets.
_OF_SETS: Final = ("[", "&&", "--", "~~")


def check(place: Place, pattern: str) -> None:
    """Fail at what RE2 does not have, or reads otherwise."""
    for part in _PARTS.findall(pattern):
        if part.startswith("\\"):
            _check_escape(place, part, _LETTERS + "bB")
        elif part.startswith("["):
            _check_class(place, part)
        elif part.startswith(_LOOKS_AROUND):
            place.fail("looks ahead or behind, which conditions cannot: write it without (?=, (?!, (?<= and (?<!")
        elif part == "{":
            place.fail("has a { that counts nothing: write \\{")


def _check_escape(place: Place, escape: str, letters: str) -> None:
    if (escape[1:].isalnum() and escape[1:] not in letters) or escape[1:] in ("", "<", ">"):
        place.fail(f"has {escape}, which means nothing in conditions, or something else")


def _check_class(place: Place, part: str) -> None:
    inner = part[1:-1].removeprefix("^")
    if not (part.endswith("]") and inner):
        place.fail(f"has {part[:20]}, which is no class of characters in conditions")
    for escape in re.findall(r"\\.", inner, re.DOTALL):
        _check_escape(place, escape, _LETTERS)
    plain = re.sub(r"\\.", "", inner, flags=re.DOTALL)
    if found := next((each for each in _OF_SETS if each in plain), None):
        place.fail(f"has {found} in a class of characters, which means something else in conditions: write \\{found}")
