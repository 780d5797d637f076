"""What holds for every request: nothing is left out in silence, JSON goes out as it is, and the beginning stays."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.json_text import parse_object
from trunkline_service.providers.openai.responses.requests import COUNTED
from wire.bounded import bounded
from wire.strategies import chat_inputs, messages
from wire_responses.decoding import KEY, PROVIDER, TARGET

quick = bounded(40)
LENIENT = dataclasses.replace(TARGET, drop_unsupported=True)


@quick
@given(chat_inputs)
def test_any_request_is_encoded_or_refused(chat_input: chat_input_pb2.ChatInput) -> None:
    try:
        sent = PROVIDER.encode_chat(chat_input, LENIENT)
        counted = PROVIDER.encode_count(chat_input, LENIENT)
    except GatewayError:
        return
    body = json.loads(sent.body)
    assert counted is not None
    assert json.loads(counted.body) == {name: value for name, value in body.items() if name in COUNTED}
    assert PROVIDER.encode_chat(chat_input, dataclasses.replace(LENIENT)) == sent
    assert KEY not in repr(sent)
    for tool in chat_input.tools:
        assert (tool.function.input_schema_json or "{").encode() in sent.body


@quick
@given(chat_inputs, messages)
def test_a_turn_more_leaves_the_beginning_as_it_was(
    chat_input: chat_input_pb2.ChatInput, message: message_pb2.Message
) -> None:
    """Prompt caches live by it: the bytes of the history are the same."""
    chat_input.ClearField("provider_options_json")
    try:
        before = parse_object(PROVIDER.encode_chat(chat_input, LENIENT).body)
        chat_input.messages.append(message)
        after = parse_object(PROVIDER.encode_chat(chat_input, LENIENT).body)
    except GatewayError:
        return
    assert list(after) == list(before)
    assert bytes(after.pop("input")).startswith(bytes(before.pop("input"))[:-1])
    assert after == before


# A request around each message of the contract whose fields all count.
AROUND: dict[str, str] = {
    "messages[0]": 'messages { role: ROLE_USER content { text { text: "x" } } }',
    "messages[0].content[0]": 'messages { role: ROLE_USER content { text { text: "x" } } }',
    "messages[0].content[0].text": 'messages { role: ROLE_USER content { text { text: "x" } } }',
    "messages[0].content[0].image": 'messages { role: ROLE_USER content { image { media { url: "https://e.org" } } } }',
    "messages[0].content[0].document": 'messages { role: ROLE_USER content { document { text: "x" } } }',
    "messages[0].content[0].thinking": (
        'messages { role: ROLE_ASSISTANT origin { provider: "openai" } content { thinking { text: "x" } } }'
    ),
    "messages[0].content[0].tool_use": ('messages { role: ROLE_ASSISTANT content { tool_use { id: "c" name: "n" } } }'),
    "messages[0].content[0].tool_result": 'messages { role: ROLE_TOOL content { tool_result { tool_use_id: "c" } } }',
    "generation": "generation {}",
    "reasoning": "reasoning {}",
    "openai": "openai {}",
    "tool_choice": "tool_choice {}",
    "tools[0]": 'tools { function { name: "f" } }',
    "tools[0].function": 'tools { function { name: "f" } }',
    "output_format.json_schema": 'output_format { json_schema { schema_json: "{}" } }',
    "": "",
}
# Fields that have no effect here, and why.
SILENT = {
    "messages[0].origin": "it says who wrote a message, and is not the provider's",
    "messages[0].content[0].text.logprobs": "they never go upstream",
    "messages[0].content[0].tool_use.runner": "the caller is meant without it, too",
    "reasoning.budget_tokens": "it goes with its mode, which is refused",
    "model": "the target says it",
    **dict.fromkeys(
        ("messages[0].content[0].image.media", "tool_choice", "generation", "reasoning", "output_format", "openai"),
        "it says nothing while it is empty",
    ),
    "anthropic": "options of another API",
    "gemini": "options of another API",
}


def fields() -> list[Any]:
    result = []
    for where in AROUND:
        chat_input = text_format.Parse(AROUND[where], chat_input_pb2.ChatInput())
        found = found_at(chat_input, where)
        for field in found.DESCRIPTOR.fields:
            name = f"{where}.{field.name}".lstrip(".")
            if name not in SILENT and (field.containing_oneof is None or field.has_options or is_alone(field)):
                result.append(pytest.param(where, field.name, id=name))
    return result


def is_alone(field: FieldDescriptor) -> bool:
    """Whether a field is not one of several that exclude each other."""
    return field.containing_oneof is not None and len(field.containing_oneof.fields) == 1


def found_at(chat_input: chat_input_pb2.ChatInput, where: str) -> Message:
    found: Any = chat_input
    for name in filter(None, where.split(".")):
        found = getattr(found, name.removesuffix("[0]"))
        found = found[0] if name.endswith("[0]") else found
    assert isinstance(found, Message)
    return found


def fill(message: Message, field: FieldDescriptor) -> None:
    value: Any
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        if field.name == "provider_options_json":
            getattr(message, field.name)["openai"] = '{"x": 1}'
        else:
            key = 1 if field.name == "logit_bias" else "a"
            getattr(message, field.name)[key] = 1 if field.name == "logit_bias" else "b"
        return
    if field.message_type is not None:
        held = getattr(message, field.name)
        held = held.add() if field.is_repeated else held
        held.SetInParent() if not field.is_repeated else None
        if isinstance(held, message_pb2.ContentBlock):
            held.text.text = "y"
        if isinstance(held, message_pb2.Citation):
            held.web_location.url = "https://e.org"
        return
    value = (
        '{"x": 1}'
        if field.name.endswith("_json")
        else {"string": "y", "bytes": b"y", "bool": True}.get(
            {9: "string", 12: "bytes", 8: "bool"}.get(field.type, ""), 1
        )
    )
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def outcome(chat_input: chat_input_pb2.ChatInput) -> tuple[bytes, list[str]] | str:
    try:
        sent = PROVIDER.encode_chat(chat_input, LENIENT)
    except GatewayError as error:
        return error.message
    return sent.body, [warning.field for warning in sent.warnings]


@pytest.mark.parametrize(("where", "name"), fields())
def test_no_field_is_left_out_in_silence(where: str, name: str) -> None:
    """Every field of the contract, whoever adds it: it changes the request, or is told of."""
    chat_input = text_format.Parse(AROUND[where], chat_input_pb2.ChatInput())
    before = outcome(chat_input)
    message = found_at(chat_input, where)
    fill(message, message.DESCRIPTOR.fields_by_name[name])
    assert outcome(chat_input) != before
