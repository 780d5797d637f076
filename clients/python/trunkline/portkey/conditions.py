"""Portkey's queries as conditions in CEL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from trunkline.portkey import patterns
from trunkline.portkey.cel import FALSE, TRUE, Expression, all_of, any_of, literal, negated, number
from trunkline.portkey.operands import Operand, operand
from trunkline.portkey.reading import Place

# What the gateway takes.
_MAX_CHARACTERS: Final = 2000
_NUMERIC: Final = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
_ORDERS: Final = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def condition(query: Place) -> str:
    """The condition that holds where the query matches.

    Raises PortkeyError, with the path, if a path or an operator is not known or there is nothing like it in CEL.
    """
    text = _query(query).text
    if len(text) > _MAX_CHARACTERS:
        query.fail(f"is longer than {_MAX_CHARACTERS} characters as a condition: share it out among several")
    return text


def _query(query: Place) -> Expression:
    """All members hold."""
    members = query.members()
    parts = []
    for index, (name, value) in enumerate(members.items()):
        if name in ("$and", "$or"):
            combine = all_of if name == "$and" else any_of
            parts.append(_told(value, combine([_query(item) for item in value.items()])))
            if index < len(members) - 1:
                value.differs("what stands beside it counts here, too; Portkey ignores what comes after it")
        elif name.startswith("$"):
            value.fail("is not an operator between queries: expected $and or $or")
        else:
            parts.append(_comparison(value, operand(value, name)))
    return _told(query, all_of(parts))


def _told(place: Place, found: Expression) -> Expression:
    """Tell if it does not depend on the call: what else stands there then makes no difference."""
    if found in (TRUE, FALSE):
        place.differs("always holds" if found == TRUE else "never holds")
    return found


def _comparison(value: Place, left: Operand | None) -> Expression:
    if not isinstance(value.value, Mapping):
        return _equal(value, left)
    operators = value.members()
    parts = []
    for index, (name, right) in enumerate(operators.items()):
        if name not in _OPERATORS:
            right.fail(f"is not an operator: expected one of {', '.join(_OPERATORS)}")
        parts.append(_OPERATORS[name](right, left))
        if name == "$regex" and index < len(operators) - 1:
            right.differs("what stands beside it counts here, too; Portkey ignores what comes after it")
    return _told(value, all_of(parts))


def _equal(right: Place, left: Operand | None) -> Expression:
    return _one_of(right, [right], left)


def _in(right: Place, left: Operand | None) -> Expression:
    return _one_of(right, right.items(), left)


def _one_of(right: Place, choices: list[Place], left: Operand | None) -> Expression:
    if left is None:
        return FALSE
    written = [text for choice in choices if (text := _value(choice, left))]
    if not written:
        return FALSE
    if len(written) > 1:
        return all_of([left.there, Expression(f"{left.cel} in [{', '.join(written)}]")])
    if left.kind == "truth":
        same = Expression(left.cel, 3)
        return all_of([left.there, same if written == ["true"] else negated(same)])
    return all_of([left.there, Expression(f"{left.cel} == {written[0]}")])


def _value(place: Place, left: Operand) -> str | None:
    """A value to compare with, as CEL writes it; None if nothing of the operand's kind is equal to it."""
    value = place.value
    if isinstance(value, Mapping | list | tuple):
        place.fail("expected a text, a number, true or false")
    if left.is_free and isinstance(value, bool | int | float):
        text = str(value).lower() if isinstance(value, bool) else _plain(float(value))
        place.differs(f"metadata are texts here: compared with {literal(text)}")
        return literal(text)
    if isinstance(value, str) and left.kind == "text":
        return literal(value)
    if isinstance(value, bool) and left.kind == "truth":
        return "true" if value else "false"
    if isinstance(value, int | float) and not isinstance(value, bool) and left.kind == "number":
        return number(value)
    place.differs("is nothing that this value can be: never equal to it")
    return None


def _plain(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)


def _not_equal(right: Place, left: Operand | None) -> Expression:
    return negated(_equal(right, left))


def _not_in(right: Place, left: Operand | None) -> Expression:
    return negated(_in(right, left))


def _ordered(sign: str) -> Callable[[Place, Operand | None], Expression]:
    def compare(right: Place, left: Operand | None) -> Expression:
        limit = _limit(right)
        if left is None:
            return FALSE
        if left.kind == "number":
            return all_of([left.there, Expression(f"{left.cel} {sign} {number(limit)}")])
        if left.kind != "text":
            right.differs("is compared with what is no number: never holds")
            return FALSE
        right.differs("a text that is not a number as a whole never holds; Portkey reads the digits it begins with")
        numeric = Expression(f"{left.cel}.matches({literal(_NUMERIC)})", 3)
        return all_of([left.there, numeric, Expression(f"double({left.cel}) {sign} {number(limit)}")])

    return compare


def _limit(right: Place) -> float:
    if isinstance(right.value, str) and re.fullmatch(_NUMERIC, right.value.strip(), re.ASCII):
        return float(right.value)
    return right.number()


def _regex(right: Place, left: Operand | None) -> Expression:
    pattern = right.value if isinstance(right.value, str) else right.text()
    patterns.check(right, pattern)
    if left is None:
        return FALSE
    if left.kind != "text":
        right.differs("is a pattern for what is no text: never holds")
        return FALSE
    if left.there != TRUE:
        right.differs('does not match what is not there; Portkey matches the text "undefined" then')
    return all_of([left.there, Expression(f"{left.cel}.matches({literal(pattern)})", 3)])


def _length(right: Place, left: Operand | None) -> Expression:
    if isinstance(right.value, Mapping):
        parts = [_length_by(right, name, limit, left) for name, limit in right.members().items()]
        return all_of(parts)
    return _sized(right, "==", right.number(), left)


def _length_by(right: Place, name: str, limit: Place, left: Operand | None) -> Expression:
    """Compare a length by an operator of its own: {"$gt": 5}."""
    signs = _ORDERS | {"$eq": "==", "$ne": "!="}
    if name not in signs:
        limit.fail(f"is not an operator for lengths: expected one of {', '.join(signs)}")
    return _sized(limit, signs[name], _limit(limit), left)


def _sized(right: Place, sign: str, limit: float, left: Operand | None) -> Expression:
    if left is None:
        return FALSE
    if left.kind != "list":
        right.differs("is the length of what is no list: never holds")
        return FALSE
    return all_of([left.there, Expression(f"double(size({left.cel})) {sign} {number(limit)}")])


_OPERATORS: Final[dict[str, Callable[[Place, Operand | None], Expression]]] = {
    "$eq": _equal,
    "$ne": _not_equal,
    **{name: _ordered(sign) for name, sign in _ORDERS.items()},
    "$in": _in,
    "$nin": _not_in,
    "$regex": _regex,
    "$length": _length,
}
