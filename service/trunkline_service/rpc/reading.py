"""Requests from bytes, strictly: nothing that a caller sent is ignored, and none is larger than it may be.

protobuf by itself lets fields pass that it does not know (a newer client sent them). Doing without them would answer
another question than the one that was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from trunkline.v1 import error_reason_pb2
from trunkline_service.errors import GatewayError, InvalidRequest, Violation

# More are not looked for: an answer has room for a few dozen.
MAX_VIOLATIONS = 1000
# Nobody looks where these are: taking many small ones apart would be all that this process does for a while.
MAX_UNKNOWN_BYTES = 2**20

Parse = Callable[[bytes], Any]


class Refused:
    """Stands for a request that cannot be taken, until the call is far enough for an answer with details."""

    def __init__(self, error: GatewayError) -> None:
        self.error = error


def strictly(parse: Parse, max_bytes: int) -> Parse:
    """A deserializer that returns a `Refused` for what is too large, is not a request, or not only one."""

    def read(data: bytes) -> Message | Refused:
        if len(data) > max_bytes:
            return Refused(_too_large(len(data), max_bytes))
        # An exception here would reach the caller as a bug of ours, without details.
        try:
            request: Message = parse(data)
        except DecodeError:
            what = "is not a message of this method, or holds text that is not UTF-8"
            return _invalid(Violation("request", what))
        size = request.ByteSize()
        request.DiscardUnknownFields()
        unknown = size - request.ByteSize()
        if not unknown:
            return request
        if unknown > MAX_UNKNOWN_BYTES:
            return _invalid(Violation("request", "has fields that this gateway does not know"))
        return _invalid(
            *(
                Violation(path or "request", f"has fields that this gateway does not know (numbers {numbers})")
                for path, numbers in islice(_unknown(parse(data), ""), MAX_VIOLATIONS)
            )
        )

    return read


def _invalid(*violations: Violation) -> Refused:
    return Refused(InvalidRequest(violations))


def _too_large(size: int, limit: int) -> GatewayError:
    return GatewayError(
        error_reason_pb2.ERROR_REASON_REQUEST_TOO_LARGE,
        f"the request has {size} bytes, more than a message may have, which is {limit}",
        metadata={"limit": str(limit)},
    )


def _unknown(message: Message, path: str) -> Iterator[tuple[str, str]]:
    fields = UnknownFieldSet(message)
    if len(fields):
        numbers = sorted({fields[place].field_number for place in range(len(fields))})
        yield path, ", ".join(map(str, numbers))
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        below = f"{path}.{field.name}" if path else field.name
        if isinstance(value, Message):
            yield from _unknown(value, below)
        else:
            for number, item in enumerate(value):
                yield from _unknown(item, f"{below}[{number}]")
