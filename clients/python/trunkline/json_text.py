"""JSON that passes through: text stays as it is, and a dict is written without spaces and in its own order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

JSON: TypeAlias = str | Mapping[str, Any]
"""A JSON object: text, which is sent byte for byte, or a dict."""

_DECODER: Final = json.JSONDecoder()
_BLANK: Final = re.compile(r"[ \t\n\r]*")


def json_text(value: JSON) -> str:
    """Write JSON.

    Raises:
        ValueError: The dict holds a number that JSON does not have, such as NaN.
        TypeError: The dict holds something that JSON does not have.

    Example:
        json_text({"b": 1, "a": "é"}) == '{"b":1,"a":"é"}'
    """
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def laid_over(below: str, above: str) -> str:
    """Put the members of one JSON object over those of another; each stays as it is, byte for byte.

    Raises:
        ValueError: One of them is no JSON object.

    Example:
        laid_over('{"a": 1.0, "b": 2}', '{"b":3e0}') == '{"a": 1.0,"b":3e0}'
    """
    return "{" + ",".join((_members(below) | _members(above)).values()) + "}"


def _members(text: str) -> dict[str, str]:
    """Find the text of an object's members, names included, by their names."""
    try:
        if not isinstance(json.loads(text), dict):  # from here on, what is not looked at is known to be right
            raise ValueError("no JSON object")
    except RecursionError as error:
        raise ValueError("too deep") from error
    members: dict[str, str] = {}
    at = _after_blank(text, text.index("{") + 1)
    while text[at] != "}":
        start = at
        name, at = _DECODER.raw_decode(text, start)
        _, at = _DECODER.raw_decode(text, _after_blank(text, _after_blank(text, at) + 1))
        members[name] = text[start:at]
        at = _after_blank(text, at)
        if text[at] == ",":
            at = _after_blank(text, at + 1)
    return members


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
