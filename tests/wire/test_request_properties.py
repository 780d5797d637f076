"""What holds for every request: nothing is lost on the way out, and what is JSON text goes out byte for byte."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

from google.protobuf.message import Message
from hypothesis import given

from trunkline.v1 import chat_input_pb2, message_pb2, route_pb2
from trunkline_service.json_text import parse_object
from trunkline_service.providers.anthropic.requests import COUNTED
from trunkline_service.rules.inputs import check_request
from wire.bounded import bounded
from wire.decoding import KEY, PROVIDER, TARGET
from wire.lift import lift
from wire.strategies import chat_inputs, messages

quick = bounded(60)

# Objects that are laid over others, member by member; any other JSON text stands in the body as it is.
MERGED = ("provider_fields_json", "provider_options_json")


def json_texts(message: Message) -> Iterator[tuple[str, str]]:
    """The JSON text in a message and all that it holds, by the name of its field."""
    for field, value in message.ListFields():
        if field.name == "provider_options_json":
            yield from ((field.name, text) for text in value.values())
        elif field.name.endswith("_json"):
            yield from ((field.name, text) for text in ([value] if isinstance(value, str) else value))
        elif field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                yield from json_texts(inner)


@quick
@given(chat_inputs)
def test_nothing_is_lost(chat_input: chat_input_pb2.ChatInput) -> None:
    check_request(chat_input, route_pb2.RoutingOptions(), lambda _: True)
    sent = PROVIDER.encode_chat(chat_input, TARGET)
    assert not sent.warnings
    assert lift(sent.body, sent.headers) == chat_input
    # The same input is the same request.
    copy = chat_input_pb2.ChatInput.FromString(chat_input.SerializeToString())
    assert PROVIDER.encode_chat(copy, dataclasses.replace(TARGET)) == sent
    assert KEY not in repr(sent)


@quick
@given(chat_inputs)
def test_json_goes_out_byte_for_byte(chat_input: chat_input_pb2.ChatInput) -> None:
    body = PROVIDER.encode_chat(chat_input, TARGET).body
    for name, text in json_texts(chat_input):
        if name in MERGED or (name == "raw_json" and text.encode() not in body):
            # A cache mark is put into a provider's own tool: then its members are what stays as it is.
            for member, value in parse_object(text.encode()).items():
                assert b'"%b":%b' % (member.encode(), bytes(value)) in body
        else:
            assert text.encode() in body
    # And what is counted is what is sent.
    counted = PROVIDER.encode_count(chat_input, TARGET)
    whole = json.loads(body)
    assert json.loads(counted.body) == {name: value for name, value in whole.items() if name in COUNTED}
    options = parse_object(chat_input.provider_options_json.get("anthropic", "{}").encode())
    left_out = {f'input.provider_options_json["anthropic"].{name}' for name in options.keys() - COUNTED}
    assert {warning.field for warning in counted.warnings} == left_out


@quick
@given(chat_inputs, messages)
def test_a_turn_more_leaves_the_beginning_as_it_was(
    chat_input: chat_input_pb2.ChatInput, message: message_pb2.Message
) -> None:
    """Prompt caches and bound thinking live by it: the bytes of the history are the same."""
    chat_input.ClearField("provider_options_json")
    before = parse_object(PROVIDER.encode_chat(chat_input, TARGET).body)
    chat_input.messages.append(message)
    after = parse_object(PROVIDER.encode_chat(chat_input, TARGET).body)
    assert list(after) == list(before)
    assert bytes(after.pop("messages")).startswith(bytes(before.pop("messages"))[:-1] + b",")
    assert after == before
