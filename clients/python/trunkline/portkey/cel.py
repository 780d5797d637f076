"""Expressions of CEL (cel.dev), the language of conditions: put together so that no text in them can end them early."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A part of a condition. `binds` says how tightly: 3 needs no brackets anywhere, 2 none but after "!", 1 is an
    "and", 0 an "or", of `parts`."""

    text: str
    binds: int = 2
    parts: tuple[Expression, ...] = ()

    def within(self, binds: int) -> str:
        """The text, in brackets if what is around it binds more tightly."""
        return self.text if self.binds >= binds else f"({self.text})"


TRUE: Final = Expression("true", 3)
FALSE: Final = Expression("false", 3)


def literal(text: str) -> str:
    """A text as CEL writes it."""
    return '"' + "".join(_ESCAPES.get(each) or (each if each.isprintable() else _code(each)) for each in text) + '"'


def _code(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def number(value: float) -> str:
    """A number as CEL writes it, always as a double: whole numbers of another type are equal to it all the same."""
    return repr(float(value))


def all_of(parts: Iterable[Expression]) -> Expression:
    """What holds if all parts do."""
    return _joined(parts, "&&", 1, neutral=TRUE, decisive=FALSE)


def any_of(parts: Iterable[Expression]) -> Expression:
    """What holds if one part does."""
    return _joined(parts, "||", 0, neutral=FALSE, decisive=TRUE)


def _joined(
    parts: Iterable[Expression], operator: str, binds: int, *, neutral: Expression, decisive: Expression
) -> Expression:
    kept: dict[Expression, None] = {}
    for part in parts:
        kept.update(dict.fromkeys(part.parts if part.binds == binds else (part,)))
    kept.pop(neutral, None)
    if decisive in kept:
        return decisive
    if len(kept) < 2:
        return next(iter(kept), neutral)
    return Expression(f" {operator} ".join(part.within(1) for part in kept), binds, tuple(kept))


def negated(part: Expression) -> Expression:
    """What holds if the part does not."""
    if part in (TRUE, FALSE):
        return TRUE if part == FALSE else FALSE
    return Expression(f"!{part.within(3)}", 3)
