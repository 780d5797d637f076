"""What queries mean: an evaluator of its own, against which conditions are held.

It follows Portkey's, but for what that does wrong: all members of a query and all operators count, a pattern does not
match what is not there, and metadata are texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Mapping[str, Any]]


def matches(query: Mapping[str, Any], context: Context) -> bool:
    """Whether a call matches; `context` has "metadata" and "params", in which None is what is not there."""
    for key, value in query.items():
        if key in ("$or", "$and"):
            of = any if key == "$or" else all
            if not of(matches(each, context) for each in value):
                return False
            continue
        root, name = key.split(".")
        found = context[root].get(name)
        operators = value if isinstance(value, dict) else {"$eq": value}
        if not all(_OPERATORS[operator](found, _like(root, right)) for operator, right in operators.items()):
            return False
    return True


def _like(root: str, right: Any) -> Any:
    """Metadata are compared as texts."""
    if isinstance(right, list):
        return [_like(root, each) for each in right]
    if root != "metadata" or isinstance(right, str | None):
        return right
    if isinstance(right, bool):
        return "true" if right else "false"
    return str(int(right)) if float(right).is_integer() else repr(float(right))


def _same(left: Any, right: Any) -> bool:
    if left is None or right is None or isinstance(left, bool) != isinstance(right, bool):
        return False
    return isinstance(left, str) == isinstance(right, str) and left == right


def _number(value: Any) -> float:
    if isinstance(value, bool) or value is None:
        return float("nan")
    text = str(value)
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) else float("nan")


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": _same,
    "$ne": lambda left, right: not _same(left, right),
    "$in": lambda left, right: any(_same(left, each) for each in right),
    "$nin": lambda left, right: not any(_same(left, each) for each in right),
    "$gt": lambda left, right: _number(left) > _number(right),
    "$gte": lambda left, right: _number(left) >= _number(right),
    "$lt": lambda left, right: _number(left) < _number(right),
    "$lte": lambda left, right: _number(left) <= _number(right),
    "$regex": lambda left, right: isinstance(left, str) and re.search(right, left) is not None,
}
