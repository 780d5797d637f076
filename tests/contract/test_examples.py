"""The examples parse, cover the contract, and their streams follow the grammar in chat_service.proto."""

import re

import pytest
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor import FileDescriptor

from contract.examples import EXAMPLES, STREAMS, Example, named, stream_events, walk
from trunkline.accumulate import Accumulator
from trunkline.v1 import (
    batch_service_pb2,
    chat_input_pb2,
    chat_service_pb2,
    embedding_service_pb2,
    message_pb2,
    model_service_pb2,
    route_pb2,
    usage_pb2,
    warning_pb2,
)

COVERED = [
    module.DESCRIPTOR
    for module in (
        batch_service_pb2,
        chat_input_pb2,
        chat_service_pb2,
        embedding_service_pb2,
        message_pb2,
        model_service_pb2,
        route_pb2,
        usage_pb2,
        warning_pb2,
    )
]

# The grammar of a stream, an event a letter.
LETTERS = {
    "start": "s",
    "block_start": "b",
    "block_delta": "d",
    "block_end": "e",
    "restart": "r",
    "opaque": "o",
    "completion": "c",
}
BODY = "s(b[do]*e|o)*"
STREAM = re.compile(f"({BODY}(b[do]*)?r)*{BODY}c")

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
each_stream = pytest.mark.parametrize("stream", STREAMS)


@each_example
def test_header_names_the_file_of_the_message(example: Example) -> None:
    descriptor = descriptor_pool.Default().FindMessageTypeByName(example.proto_message)
    assert descriptor.file.name == example.proto_file


@pytest.mark.parametrize(
    "example", [example for example in EXAMPLES if "/" in example.name], ids=lambda example: example.name
)
def test_stream_holds_numbered_messages_and_a_response(example: Example) -> None:
    file = example.name.rpartition("/")[2]
    if example.proto_message == "trunkline.v1.ChatResponse":
        assert file == "response.textproto"
    else:
        assert example.proto_message == "trunkline.v1.StreamChatResponse"
        assert re.fullmatch(r"\d\d\.textproto", file)


@each_example
def test_binary_and_text_round_trips_keep_the_meaning(example: Example) -> None:
    message = example.parse()
    printed = text_format.MessageToString(message)
    assert type(message).FromString(message.SerializeToString()) == message
    # Compared as text: in an Any, the same map may become other bytes.
    assert text_format.MessageToString(text_format.Parse(printed, type(message)())) == printed


@pytest.mark.parametrize("file", COVERED, ids=lambda file: file.name)
def test_every_message_and_field_has_an_example(file: FileDescriptor) -> None:
    seen = [message for example in EXAMPLES for message in walk(example.parse())]
    descriptors = file.message_types_by_name.values()
    messages = {message.DESCRIPTOR.full_name for message in seen}
    assert {descriptor.full_name for descriptor in descriptors} - messages == set()
    fields = {field.full_name for message in seen for field, _ in message.ListFields()}
    assert {field.full_name for descriptor in descriptors for field in descriptor.fields} - fields == set()


def test_the_streams_together_hold_every_kind_of_event_and_delta() -> None:
    events = [event for stream in STREAMS for event in stream_events(stream)]
    kinds = {event.WhichOneof("kind") for event in events}
    deltas = {event.block_delta.WhichOneof("delta") for event in events if event.HasField("block_delta")}
    assert kinds == {field.name for field in chat_service_pb2.ChatEvent.DESCRIPTOR.fields}
    assert deltas == {f.name for f in chat_service_pb2.BlockDelta.DESCRIPTOR.oneofs_by_name["delta"].fields}


@each_stream
def test_stream_follows_the_grammar(stream: str) -> None:
    events = stream_events(stream)
    assert STREAM.fullmatch("".join(LETTERS[event.WhichOneof("kind") or ""] for event in events))
    begun = 0
    for event in events:
        match event.WhichOneof("kind"):
            case "start":
                begun = 0
            case "block_start":
                assert event.block_start.index == begun
                begun += 1
            case "block_delta":
                assert event.block_delta.index == begun - 1
            case "block_end":
                assert event.block_end.index == begun - 1


@pytest.mark.parametrize("letters", ["", "s", "sc", "sbc", "sbec", "sbrsc", "sbdesc", "scc", "rsc", "sodc", "srs"])
def test_the_grammar_itself(letters: str) -> None:
    assert bool(STREAM.fullmatch(letters)) == (letters in {"sc", "sbec", "sbrsc"})


@each_stream
def test_stream_adds_up_to_its_response(stream: str) -> None:
    accumulator = Accumulator()
    for event in stream_events(stream):
        assert not accumulator.complete
        accumulator.add(event)
    assert accumulator.complete
    assert accumulator.response == named(f"{stream}/response.textproto")
