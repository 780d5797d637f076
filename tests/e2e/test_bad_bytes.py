"""Bytes that are no request, or that of a newer client."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message as ProtobufMessage

from e2e.edits import function, stream_of, to_target
from e2e.gateways import posts
from e2e.refusals import METHOD, STREAM, check_invalid, length_delimited, raw_failure
from support.calls import Stub, chat_failure, failure, request, stream_failure
from trunkline_service.simulator import Simulator

pytestmark = pytest.mark.usefixtures("healthy_afterwards")


def with_unknown_field(asked: ProtobufMessage, path: str) -> None:
    """Adds the field 2047 = 1 to the message at a path such as `input.messages[0]`."""
    owner: Any = asked
    for step in path.split(".") if path else ():
        name, _, place = step.partition("[")
        owner = getattr(owner, name)
        owner = owner[int(place[:-1])] if place else owner
    owner.MergeFromString(b"\xf8\x7f\x01")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "input",
        "input.messages[0]",
        "input.messages[0].content[0]",
        "input.messages[0].content[0].text",
        "input.generation",
        "input.tools[0].function",
        "routing.route.target",
    ],
)
async def test_a_field_of_a_newer_client(path: str, stub: Stub, simulator: Simulator) -> None:
    asked = request()
    function()(asked)
    to_target(provider="simulator", model="text")(asked)
    with_unknown_field(asked, path)
    events, streamed = await stream_failure(stub, stream_of(asked))
    assert not events
    for found in (await chat_failure(stub, asked), streamed):
        check_invalid(found, {path or "request"}, "2047")
    assert not posts(simulator)


async def test_a_block_of_a_newer_client(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    asked = request()
    asked.input.messages[0].content.add().MergeFromString(length_delimited(40, b"new"))
    with_unknown_field(asked, "routing")
    found = await raw_failure(channel, asked.SerializeToString())
    check_invalid(found, {"input.messages[0].content[1]", "routing"})
    assert not posts(simulator)


async def test_a_field_of_a_newer_client_in_a_map(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    entry = length_delimited(1, b"anthropic") + length_delimited(2, b"{}") + b"\xf8\x7f\x01"
    data = request().SerializeToString() + length_delimited(1, length_delimited(13, entry))
    found = await raw_failure(channel, data)
    assert found.reason == "INVALID_REQUEST"
    assert not posts(simulator)


WRONG_BYTES = {
    "not_utf8_model": length_delimited(1, length_delimited(1, b"simulator/\xff\xfe")),
    "not_utf8_text": length_delimited(
        1, length_delimited(3, b"\x08\x03" + length_delimited(2, length_delimited(1, length_delimited(1, b"\xc3\x28"))))
    ),
    "surrogate": length_delimited(1, length_delimited(1, b"\xed\xa0\x80")),
    "no_message": b"\xff\xff\xff\xff\xff",
    "cut": length_delimited(1, b"simulator")[:-3],
    "text": b"Hello",
    "json": b'{"input": {"model": "simulator/text"}}',
}


@pytest.mark.parametrize("name", WRONG_BYTES)
@pytest.mark.parametrize("method", [METHOD, "/trunkline.v1.ChatService/CountTokens"])
async def test_bytes_that_are_no_request(
    name: str, method: str, channel: grpc.aio.Channel, simulator: Simulator
) -> None:
    found = await raw_failure(channel, WRONG_BYTES[name], method)
    check_invalid(found, {"request"})
    assert found.request_info is not None
    assert not posts(simulator)


async def test_bytes_that_are_no_request_for_a_stream(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    call = channel.unary_stream(STREAM, request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(call(b"\xff\xff", timeout=5)))
    check_invalid(failure(caught.value), {"request"})
    assert not posts(simulator)


async def test_an_empty_request(channel: grpc.aio.Channel) -> None:
    found = await raw_failure(channel, b"")
    check_invalid(found, {"input.model", "input.messages"})


async def test_a_field_with_another_wire_type(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    """`model` as a number: what cannot be read must not be left out."""
    found = await raw_failure(channel, length_delimited(1, b"\x08\x01"))
    check_invalid(found, {"input"})
    assert not posts(simulator)
