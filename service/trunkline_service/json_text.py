"""JSON that stays text.

What a model will read (arguments, schemas, unknown blocks, provider options) is checked and then passed on byte for
byte: parsing and printing it again would change number spellings, key order and escapes, and with them prompt caches
and signatures. `msgspec.Raw` carries such text inside what is built around it.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn, TypeAlias

import msgspec

MAX_DEPTH = 128

_raw = msgspec.json.Decoder(msgspec.Raw)
_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_strings = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

RawObject: TypeAlias = dict[str, msgspec.Raw]


class JsonTextError(ValueError):
    """Text is not the JSON that it should be; the message says where."""


def check(text: str, *, must_be_object: bool = True) -> bytes:
    """Checks JSON text and returns it as bytes, unchanged but for white space around it.

    Raises:
        JsonTextError: it is not JSON, not an object where it must be one, or nested deeper than `MAX_DEPTH`.
    """
    data = text.encode().strip(b" \t\r\n")
    if not data:
        msg = "is empty; expected JSON"
        raise JsonTextError(msg)
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        msg = f"is nested deeper than {MAX_DEPTH} levels"
        raise JsonTextError(msg)
    try:
        _raw.decode(data)
    except msgspec.DecodeError:
        _second_opinion(text)
    if must_be_object and data[0] != 0x7B:
        msg = "must be a JSON object"
        raise JsonTextError(msg)
    return data


def parse_object(data: bytes | msgspec.Raw) -> RawObject:
    """The members of a JSON object, each still as text.

    Raises:
        JsonTextError: it is not a JSON object.
    """
    try:
        return _raw_object.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    # msgspec refuses lone surrogates, which JSON allows in escaped form.
    try:
        value = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise JsonTextError(str(error)) from None
    if not isinstance(value, dict):
        msg = "must be a JSON object"
        raise JsonTextError(msg)
    return {key: msgspec.Raw(json.dumps(member).encode()) for key, member in value.items()}


def merge(target: dict[str, object], patch: RawObject) -> None:
    """Lays `patch` over `target`, in place: objects member by member, anything else as a whole, null included."""
    for key, value in patch.items():
        below = target.get(key)
        if isinstance(below, msgspec.Raw) and _is_object(below):
            below = dict[str, object](parse_object(below))
        if isinstance(below, dict) and _is_object(value):
            merge(below, parse_object(value))
            target[key] = below
        else:
            target[key] = value


def dump(value: object) -> str:
    """Compact JSON of built-in values and `msgspec.Raw`."""
    return msgspec.json.encode(value).decode()


def _is_object(value: msgspec.Raw) -> bool:
    return bytes(value).lstrip(b" \t\r\n").startswith(b"{")


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for byte in _strings.sub(b"", data):
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _second_opinion(text: str) -> None:
    """Asks the standard library, which takes lone surrogates in escaped form and tells where an error is."""
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        msg = f"is not valid JSON: {error.msg} at line {error.lineno} column {error.colno} (char {error.pos})"
        raise JsonTextError(msg) from None
    except ValueError as error:
        raise JsonTextError(str(error)) from None


def _refuse_constant(name: str) -> NoReturn:
    msg = f"is not valid JSON: {name} is not a JSON value"
    raise ValueError(msg)
