"""The vectors that all clients share: what streams add up to, and which exceptions statuses become."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import json_format
from google.protobuf.message import Message

from clients import vector_files
from clients.both import AnyClient, make
from clients.vector_files import Json, Vector
from clients.vector_server import VectorServer
from trunkline import Accumulator, APIError, ProtocolError, statuses
from trunkline.v1 import BlockDelta, ChatEvent, Citation, ContentBlock, ErrorReason

STREAMS, ERRORS = vector_files.streams(), vector_files.errors()
# Sent where a vector leaves the id to the client.
OWN_ID = "own-1"


@pytest_asyncio.fixture(scope="module")
async def address() -> AsyncIterator[str]:
    async with VectorServer() as server:
        yield server.address


@pytest_asyncio.fixture
async def client(kind: str, address: str) -> AsyncIterator[AnyClient]:
    made = make(kind, address, timeout=20)
    yield made
    await made.close()


def described(message: Message) -> Json:
    """As JSON, in which fields that nobody knows do not show."""
    data: Json = json_format.MessageToDict(message)
    return data


def check(error: APIError, expected: Json, own_id: str) -> None:
    found = {
        "class": type(error).__name__,
        "reason": error.reason,
        "code": error.code.name,
        "message": error.message,
        "retryable": error.retryable,
        "retry_after_seconds": error.retry_after,
        "provider": error.provider,
        "model": error.model,
        "request_id": error.request_id,
        "resource": error.resource,
        "fields": [{"field": each.field, "description": each.description} for each in error.violations],
        "metadata": dict(error.metadata),
    }
    assert found.keys() == expected.keys()
    free = {key: found[key] for key in ("code", "message") if expected[key] is None}
    assert found == expected | free | {"request_id": expected["request_id"] or own_id}


def fold(vector: Vector) -> tuple[Accumulator, bool]:
    """The events added up, and whether they broke the grammar."""
    accumulator = Accumulator()
    for message in vector.messages:
        for event in message.events:
            try:
                accumulator.add(event)
            except ProtocolError:
                return accumulator, True
    return accumulator, False


@pytest.mark.parametrize("name", STREAMS)
def test_fold(name: str) -> None:
    vector = STREAMS[name]
    accumulator, broken = fold(vector)
    error = vector.data["error"]
    assert broken == (error is not None and error["class"] == "ProtocolError")
    if error is None:
        assert accumulator.complete
        assert described(accumulator.response) == vector.data["response"]
    elif vector.data["partial"] is not None:
        assert described(accumulator.response) == vector.data["partial"]
    else:
        assert described(accumulator.response) == {"message": {"role": "ROLE_ASSISTANT"}}


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream(client: AnyClient, name: str) -> None:
    data = STREAMS[name].data
    texts, error = [], None
    async with client.stream("Hi", model=f"vectors/streams/{name}", allow_restart=True, request_id=OWN_ID) as stream:
        try:
            async for piece in stream.text:
                texts.append(piece)  # noqa: PERF401 - what came before an error counts
        except APIError as caught:
            error = caught
    assert (texts, stream.restarts) == (data["texts"], data["restarts"])
    assert (error is None) == (data["error"] is None), error
    if error is None:
        assert described(stream.response.proto) == data["response"]
    else:
        check(error, data["error"], OWN_ID)
        assert data["partial"] == (described(error.partial.proto) if error.partial else None)


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error(client: AnyClient, name: str) -> None:
    expected = ERRORS[name].data["error"]
    with pytest.raises(APIError) as chat:
        await client.chat("Hi", model=f"vectors/errors/{name}", request_id=OWN_ID)
    check(chat.value, expected, OWN_ID)
    with pytest.raises(APIError) as streamed:
        async with client.stream("Hi", model=f"vectors/errors/{name}", request_id=OWN_ID) as stream:
            await stream.final()
    check(streamed.value, expected, OWN_ID)


@pytest.mark.parametrize("name", ERRORS)
def test_a_status(name: str) -> None:
    vector = ERRORS[name]
    assert vector.status
    error = statuses.error(vector.status.code, vector.status.message, vector.status.trailers, OWN_ID)
    check(error, vector.data["error"], OWN_ID)


async def test_answers_in_one_piece(client: AnyClient) -> None:
    reply = await client.chat("Hi", model="vectors/streams/several_blocks")
    assert described(reply.proto) == STREAMS["several_blocks"].data["response"]


def test_the_vectors_cover_the_contract() -> None:
    """Whatever is added to the contract has to be added here, so that every client is tested with it."""
    events = [event for vector in STREAMS.values() for message in vector.messages for event in message.events]
    deltas = [event.block_delta for event in events]
    blocks = [event.block_start.block for event in events]
    citations = [each for block in blocks for each in block.text.citations] + [each.citation for each in deltas]
    assert _kinds(events, "kind") >= _all(ChatEvent, "kind")
    assert _kinds(deltas, "delta") >= _all(BlockDelta, "delta")
    assert _kinds(citations, "location") >= _all(Citation, "location")
    from_models = _all(ContentBlock, "kind") - {"image", "document", "audio", "tool_result", "search_result"}
    assert _kinds(blocks, "kind") >= from_models
    reasons = {vector.data["error"]["reason"] for vector in ERRORS.values()}
    assert reasons >= set(ErrorReason.keys())


def _kinds(messages: list[Any], oneof: str) -> set[str]:
    return {message.WhichOneof(oneof) for message in messages}


def _all(kind: type[Message], oneof: str) -> set[str]:
    return {field.name for field in kind.DESCRIPTOR.oneofs_by_name[oneof].fields}
