"""A config, value by value, each with its place: what is read is checked, and what is not read can be told."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn

from trunkline.portkey.notes import Note, NoteKind, PortkeyError

ROOT: Final = "config"
# Deeper than any config that means something, and well below the stack's end.
_MAX_DEPTH: Final = 64
# What JavaScript reads as infinite.
_TOO_LARGE: Final = 2**1024
_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Place:
    """A value, its path, and the notes of the whole conversion."""

    __slots__ = ("notes", "path", "value")

    def __init__(self, value: Any, path: str, notes: list[Note]) -> None:
        self.value = value
        self.path = path
        self.notes = notes

    def below(self, key: str | int, value: Any) -> Place:
        """A value within this one."""
        if isinstance(key, str) and _NAME.fullmatch(key):
            return Place(value, f"{self.path}.{key}", self.notes)
        return Place(value, f"{self.path}[{json.dumps(key)}]", self.notes)

    def fail(self, text: str) -> NoReturn:
        """Raise PortkeyError at this place."""
        raise PortkeyError(self.path, text)

    def dropped(self, text: str) -> None:
        """Note that this has no counterpart."""
        self.notes.append(Note(NoteKind.DROPPED, self.path, text))

    def differs(self, text: str) -> None:
        """Note that this works in another way."""
        self.notes.append(Note(NoteKind.DIFFERS, self.path, text))

    def to_do(self, text: str) -> None:
        """Note what is left to do by hand."""
        self.notes.append(Note(NoteKind.TO_DO, self.path, text))

    def text(self) -> str:
        """The value, a text that is not empty."""
        if not isinstance(self.value, str):
            self._expected("a text")
        return self.value or self.fail("is empty")

    def boolean(self) -> bool:
        """The value, true or false."""
        return self.value if isinstance(self.value, bool) else self._expected("true or false")

    def number(self) -> float:
        """The value, a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self._expected("a number")
        return float(self.value)

    def integer(self, least: int, most: int) -> int:
        """The value, a whole number from `least` to `most`."""
        number = self.number()
        if not number.is_integer() or not least <= self.value <= most:
            self.fail(f"expected a whole number from {least} to {most}")
        return int(self.value)

    def items(self) -> list[Place]:
        """The items of the value, a list."""
        if not isinstance(self.value, list | tuple):
            self._expected("a list")
        return [self.below(index, item) for index, item in enumerate(self.value)]

    def members(self) -> dict[str, Place]:
        """The members of the value, an object, by their names."""
        if not isinstance(self.value, Mapping):
            self._expected("an object")
        return {name: self.below(name, value) for name, value in self.value.items()}

    def _expected(self, what: str) -> NoReturn:
        found = next((name for kind, name in _KINDS if isinstance(self.value, kind)), "nothing")
        self.fail(f"expected {what}, found {found}")


_KINDS: Final[tuple[tuple[Any, str], ...]] = (
    (bool, "true or false"),
    (int | float, "a number"),
    (str, "a text"),
    (list | tuple, "a list"),
    (Mapping, "an object"),
)


class Settings:
    """The members of an object whose names are known: what has not been taken at the end is told."""

    def __init__(self, place: Place) -> None:
        """Names may be written as in `on_status_codes` or in `onStatusCodes`."""
        self.place = place
        self._left: dict[str, Place] = {}
        for name, member in place.members().items():
            known = _CAPITAL.sub(lambda match: "_" + match[1].lower(), name)
            if known in self._left:
                member.fail(f"is there twice: {self._left[known].path} is the same")
            self._left[known] = member

    def take(self, name: str) -> Place | None:
        """A member, which then counts as read; None if it is not there."""
        return self._left.pop(name, None)

    def take_all(self, names: Iterable[str]) -> dict[str, Place]:
        """Those of these members that are there."""
        return {name: self._left.pop(name) for name in names if name in self._left}

    def rest(self) -> Iterator[tuple[str, Place]]:
        """What nobody has taken, with the names as in `on_status_codes`."""
        while self._left:
            name = next(iter(self._left))
            yield name, self._left.pop(name)

    def close(self) -> None:
        """Tell of what nobody has taken."""
        for _, member in self.rest():
            member.dropped("is not known")


def read(config: str | Mapping[str, Any], notes: list[Note]) -> Place:
    """The root of a config, given as JSON text or as what that is in Python.

    Raises PortkeyError if it is not JSON, or holds what no message can.
    """
    root = Place(_parsed(config) if isinstance(config, str) else config, ROOT, notes)
    _check(root, 0)
    return root


def _parsed(text: str) -> Any:
    root = Place(None, ROOT, [])
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        root.fail("is nested too deeply")
    except ValueError as error:
        if text.strip().startswith("pc-"):
            root.fail("is the id of a config that Portkey keeps: export the config itself")
        root.fail(f"is not JSON: {error}")


class _Repeated(dict[str, Any]):
    """An object in which a name stands twice."""

    name: str


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        members = _Repeated(members)
        members.name = next(name for name in names if names.count(name) > 1)
    return members


def _check(place: Place, depth: int) -> None:
    """See that everything can be carried on: texts are Unicode, and numbers are some."""
    value = place.value
    if depth > _MAX_DEPTH:
        place.fail("is nested too deeply")
    if isinstance(value, str):
        _check_text(place, value)
    elif isinstance(value, int | float):
        if abs(value) >= _TOO_LARGE or not math.isfinite(value):
            place.fail("is not a number that JSON has, or too large")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(place.below(index, item), depth + 1)
    elif isinstance(value, _Repeated):
        place.fail(f"has the member {json.dumps(value.name)} twice")
    elif isinstance(value, Mapping):
        for name, member in value.items():
            if not isinstance(name, str):
                place.fail("has a member whose name is not a text")
            _check_text(place, name)
            _check(place.below(name, member), depth + 1)
    elif value is not None:
        place.fail(f"is not JSON: {type(value).__name__}")


def _check_text(place: Place, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        place.fail("holds half of a surrogate pair: that is not Unicode")
