"""JSON that stays text.

What a model will read (arguments, schemas, unknown blocks, provider options) is checked and then passed on byte for
byte: parsing and printing it again would change number spellings, key order and escapes, and with them prompt caches
and signatures. `msgspec.Raw` carries such text inside what is built around it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NoReturn, TypeAlias

import msgspec

from trunkline_service.errors import InvalidRequest, Violation

MAX_DEPTH = 128
# Far more than any schema or document has. Counting the depth of more would hold up every other call.
MAX_BRACKETS = 200_000
# What msgspec refuses is looked at again, more slowly; a text beyond this size is refused at once.
MAX_SECOND_LOOK_BYTES = 1024 * 1024
# Between two pieces of this size, other threads have their turn.
PIECE_BYTES = 1024 * 1024
# Of a member's name, in an error.
MAX_SHOWN = 100


class _Name:
    """The name of a member. No two are equal, so that none takes the place of another in a dict."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_raw = msgspec.json.Decoder(msgspec.Raw)
_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_every_member = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda _, text: _Name(text))
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_not_brackets = bytes(byte for byte in range(256) if byte not in b"{}[]")
_blank = re.compile(r"[ \t\r\n]*")

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
    if outnumber(data, b"{[", MAX_BRACKETS):
        msg = f"has more than {MAX_BRACKETS} objects and lists"
        raise JsonTextError(msg)
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _is_too_deep(data):
        msg = f"is nested deeper than {MAX_DEPTH} levels"
        raise JsonTextError(msg)
    try:
        _raw.decode(data)
    except msgspec.DecodeError as error:
        if len(data) > MAX_SECOND_LOOK_BYTES:
            msg = f"is not valid JSON: {error}"
            raise JsonTextError(msg) from None
        _second_opinion(text)
    if must_be_object and data[0] != 0x7B:
        msg = "must be a JSON object"
        raise JsonTextError(msg)
    return data


def is_json(text: str, *, must_be_object: bool = False) -> bool:
    """Whether `check` would take the text."""
    try:
        check(text, must_be_object=must_be_object)
    except JsonTextError:
        return False
    return True


def outnumber(data: bytes, signs: bytes, limit: int) -> bool:
    """Whether there are more than `limit` of these signs in JSON, all together. Those within its strings, of a program
    for example, are no structure, and do not count.
    """
    if sum(map(data.count, signs)) <= limit:
        return False
    found = 0
    for piece in _structure(data):
        found += sum(map(piece.count, signs))
        if found > limit:
            return True
    return False


def parse_object(data: bytes | msgspec.Raw) -> RawObject:
    """The members of a JSON object, each still as text.

    Raises:
        JsonTextError: it is not a JSON object.
    """
    try:
        return _raw_object.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return dict(_members(_text_of(data, dict)))


def parse_list(data: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The values of a JSON list, each still as text.

    Raises:
        JsonTextError: it is not a JSON list.
    """
    try:
        return _raw_list.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _values(_text_of(data, list))


def objects_in(value: object) -> list[RawObject]:
    """The members of each object in a list that is to be sent, whatever it is made of; none if it is no such list."""
    try:
        return [parse_object(each) for each in parse_list(msgspec.json.encode(value))]
    except JsonTextError:
        return []


def repeated_member(data: bytes | msgspec.Raw) -> str | None:
    """The name that two members of a JSON object have, cut to `MAX_SHOWN` characters; None if there is none. What is
    below its members is not looked at.

    Raises:
        JsonTextError: it is not a JSON object.
    """
    try:
        names = [name.text for name in _every_member.decode(data)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        names = [name for name, _ in _members(_text_of(data, dict))]
    once: set[str] = set()
    for name in names:
        if name in once:
            return name[:MAX_SHOWN]
        once.add(name)
    return None


def merge(target: dict[str, object], patch: RawObject, path: str = "request") -> None:
    """Lays `patch` over `target`, in place: objects member by member, anything else as a whole, null included.

    Raises:
        InvalidRequest: an object that has a member twice would be merged, and so lose one; `path` is the field that
            `patch` came from.
    """
    for key, value in patch.items():
        below = target.get(key)
        if (isinstance(below, dict) or (isinstance(below, msgspec.Raw) and _is_object(below))) and _is_object(value):
            for each in (below, value):
                if isinstance(each, msgspec.Raw) and (name := repeated_member(each)) is not None:
                    what = f"cannot be merged: {key[:MAX_SHOWN]!r} has the member {name!r} twice"
                    raise InvalidRequest([Violation(path, what)])
            merged = below if isinstance(below, dict) else dict[str, object](parse_object(below))
            merge(merged, parse_object(value), path)
            target[key] = merged
        else:
            target[key] = value


def dump(value: object) -> str:
    """Compact JSON of built-in values and `msgspec.Raw`."""
    return msgspec.json.encode(value).decode()


def _is_object(value: msgspec.Raw) -> bool:
    return bytes(value).lstrip(b" \t\r\n").startswith(b"{")


def _is_too_deep(data: bytes) -> bool:
    depth = 0
    for piece in _structure(data):
        for byte in piece.translate(None, _not_brackets):
            if byte in b"{[":
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            else:
                depth -= 1
    return False


def _structure(data: bytes) -> Iterator[bytes]:
    """What is outside of strings, piece by piece. After a backslash that is itself outside, which no JSON has, it may
    be anything.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    within = 0
    for start in range(0, len(data), PIECE_BYTES):
        parts = data[start : start + PIECE_BYTES].split(b'"')
        yield b"".join(parts[within::2])
        within = (within + len(parts) - 1) % 2


def _text_of(data: bytes | msgspec.Raw, kind: type[dict[str, object] | list[object]]) -> str:
    """Text that msgspec does not read, as it refuses lone surrogates, which JSON allows in escaped form."""
    try:
        text = bytes(data).decode()
        value = _strict.decode(text)
    except (ValueError, RecursionError) as error:
        raise JsonTextError(str(error)) from None
    if not isinstance(value, kind):
        msg = "must be a JSON object" if kind is dict else "must be a JSON list"
        raise JsonTextError(msg)
    return text


def _members(text: str) -> Iterator[tuple[str, msgspec.Raw]]:
    at = _after_blank(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = _strict.raw_decode(text, at)
        value, at = _value(text, _after_blank(text, at) + 1)
        yield name, value


def _values(text: str) -> list[msgspec.Raw]:
    values = []
    at = _after_blank(text, text.index("[") + 1)
    while text[at] != "]":
        value, at = _value(text, at)
        values.append(value)
    return values


def _value(text: str, at: int) -> tuple[msgspec.Raw, int]:
    """A value as it is written, and where the next one begins."""
    start = _after_blank(text, at)
    _, end = _strict.raw_decode(text, start)
    at = _after_blank(text, end)
    return msgspec.Raw(text[start:end].encode()), _after_blank(text, at + 1) if text[at] == "," else at


def _after_blank(text: str, at: int) -> int:
    match = _blank.match(text, at)
    return match.end() if match else at


def _second_opinion(text: str) -> None:
    """Asks the standard library, which takes lone surrogates in escaped form and tells where an error is."""
    try:
        _strict.decode(text)
    except json.JSONDecodeError as error:
        msg = f"is not valid JSON: {error.msg} at line {error.lineno} column {error.colno} (char {error.pos})"
        raise JsonTextError(msg) from None
    except ValueError as error:
        raise JsonTextError(str(error)) from None


def _refuse_constant(name: str) -> NoReturn:
    msg = f"is not valid JSON: {name} is not a JSON value"
    raise ValueError(msg)


def _check_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    for name, _ in pairs:
        if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
            msg = "has half of a surrogate pair in the name of a member"
            raise ValueError(msg)
    return dict(pairs)


# Numbers stay text: they may be longer than any number should be.
_strict = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_check_names
)
