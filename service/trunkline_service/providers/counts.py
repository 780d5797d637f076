"""Reading what a provider says of its usage, of which a part may be unreadable: what all providers' have in common."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from trunkline_service import json_text

T = TypeVar("T")

MAX = 2**31 - 1
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX)]
"""A number of tokens, as the contract can hold it."""

_NONE: frozenset[str] = frozenset()


def decode(
    decoder: msgspec.json.Decoder[T], text: bytes | msgspec.Raw, members: json_text.RawObject
) -> tuple[T, frozenset[str]]:
    """What can be read of an object, `text` with these `members`, and the names of the members that cannot.

    Better no number than a wrong one: whatever is computed from such a member is not known either.
    """
    try:
        return decoder.decode(text), _NONE
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        unreadable = frozenset(name for name, value in members.items() if not _is_readable(decoder, name, value))
        rest = {name: value for name, value in members.items() if name not in unreadable}
        return decoder.decode(msgspec.json.encode(rest)), unreadable


def _is_readable(decoder: msgspec.json.Decoder[T], name: str, value: msgspec.Raw) -> bool:
    try:
        decoder.decode(msgspec.json.encode({name: value}))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
