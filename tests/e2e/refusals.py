"""Requests as bytes, and what a refusal of a request looks like."""

from __future__ import annotations

import grpc
import pytest

from support.calls import Failure, failure

METHOD = "/trunkline.v1.ChatService/Chat"
STREAM = "/trunkline.v1.ChatService/StreamChat"


def check_invalid(found: Failure, fields: set[str], says: str = "") -> None:
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"), found.message
    assert set(found.fields) == fields, found.message
    assert found.bad_request is not None
    assert any(says in violation.description for violation in found.bad_request.field_violations)
    assert found.retry is None
    # No provider was asked, so another gateway may be: nothing forbids it.
    assert "grpc-retry-pushback-ms" not in found.trailers


def length_delimited(number: int, data: bytes) -> bytes:
    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes((*out, value))

    return varint(number << 3 | 2) + varint(len(data)) + data


async def raw_failure(channel: grpc.aio.Channel, data: bytes, method: str = METHOD, timeout: float = 10) -> Failure:
    """Sends bytes as a request, which must fail."""
    call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(data, timeout=timeout)
    return failure(caught.value)
