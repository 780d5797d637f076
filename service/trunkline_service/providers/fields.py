"""Reading the members of a JSON object one by one, without losing those that nobody asked for."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

from trunkline_service import json_text
from trunkline_service.providers import surrogates

T = TypeVar("T")

_NULL = msgspec.Raw(b"null")
_text = msgspec.json.Decoder(str)
_integer = msgspec.json.Decoder(int)
_boolean = msgspec.json.Decoder(bool)


class Fields:
    """The members of a JSON object. Whatever is not taken, or is not of the type asked for, stays for `rest`."""

    def __init__(self, data: bytes | msgspec.Raw) -> None:
        """Raises `JsonTextError` if `data` is not a JSON object."""
        self._members = json_text.parse_object(data)

    def text(self, name: str) -> str | None:
        """Takes a string; None if it is absent or null. Half of a surrogate pair becomes U+FFFD."""
        text = self._take(name, _text)
        if text is None and (value := self._members.get(name)) is not None and bytes(value).startswith(b'"'):
            del self._members[name]
            return surrogates.whole(json.loads(bytes(value)))
        return text

    def integer(self, name: str) -> int | None:
        """Takes an integer; None if it is absent or null."""
        value = self._take(name, _integer)
        # A number that no field of the contract can hold stays where it is.
        if value is not None and not -(2**31) <= value < 2**31:
            self._members[name] = msgspec.Raw(str(value).encode())
            return None
        return value

    def boolean(self, name: str) -> bool | None:
        """Takes a boolean; None if it is absent or null."""
        return self._take(name, _boolean)

    def raw(self, name: str) -> msgspec.Raw | None:
        """Takes any value as it stands; None if it is absent."""
        return self._members.pop(name, None)

    def object(self, name: str) -> msgspec.Raw | None:
        """Takes an object as it stands; None if it is absent or null."""
        value = self._members.get(name)
        if value is None or bytes(value)[:1] not in b"{n":
            return None
        del self._members[name]
        return None if value == _NULL else value

    def items(self, name: str) -> list[msgspec.Raw] | None:
        """Takes a list; None if it is absent or null."""
        value = self._members.get(name)
        if value is None or bytes(value)[:1] not in b"[n":
            return None
        del self._members[name]
        return None if value == _NULL else json_text.parse_list(value)

    def put_back(self, name: str, value: msgspec.Raw) -> None:
        """Returns a value that turned out to say more than its field can hold."""
        self._members[name] = value

    def rest(self) -> str:
        """What was not taken, as a JSON object; empty if nothing is left."""
        return json_text.dump(self._members) if self._members else ""

    def remaining(self) -> json_text.RawObject:
        """What was not taken, member by member."""
        return self._members

    def _take(self, name: str, decoder: msgspec.json.Decoder[T]) -> T | None:
        value = self._members.get(name)
        if value is None:
            return None
        if value == _NULL:
            del self._members[name]
            return None
        try:
            result = decoder.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
        del self._members[name]
        return result
