"""What holds for every request to Gemini, whoever wrote the conversation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.json_text import parse_list, parse_object
from trunkline_service.providers.base import Target
from trunkline_service.upstream.request import UpstreamRequest
from wire.bounded import bounded
from wire.decoding import fold
from wire.strategies import chat_inputs, messages, objects
from wire_gemini.asking import asked, user
from wire_gemini.decoding import KEY, PROVIDER, TARGET, chunk

LENIENT = replace(TARGET, drop_unsupported=True)
origins = st.sampled_from(["", "anthropic", "gemini"])

_words = st.sampled_from(["", "a", "Zürich \u2028", "😀", '"}\\'])
_signed = st.sampled_from(
    [{}, {}, {"thoughtSignature": "c2lnbmVk"}, {"thoughtSignature": "?"}, {"partMetadata": {"a": 1}}]
)
_calls = st.builds(
    lambda name, args, call_id: f'{{"functionCall":{{"name":"{name}","args":{args}{call_id}}}}}',
    st.sampled_from(["f", "get_weather"]),
    objects.filter(lambda text: '\\ud83d"' not in text),
    st.sampled_from(["", ',"id":"c1"']),
)
_plain = st.builds(
    lambda text, thought, beside: json.dumps({"text": text} | ({"thought": True} if thought else {}) | beside),
    _words,
    st.booleans(),
    _signed,
)
_other = st.sampled_from(
    [
        '{"executableCode":{"code":"1"},"thoughtSignature":"c2lnbmVk"}',
        '{"inlineData":{"mimeType":"image/png","data":"AAAA"}}',
        '{"fileData":{"fileUri":"gs://a","mimeType":"audio/wav"}}',
        '{"brandNew":{"n":1.0}}',
    ]
)
parts = st.lists(_plain | _calls | _other, min_size=1, max_size=6)


def encoded(chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest | GatewayError:
    try:
        return PROVIDER.encode_chat(chat_input, target)
    except GatewayError as error:
        return error


def answerable(chat_input: chat_input_pb2.ChatInput) -> chat_input_pb2.ChatInput:
    """The input with calls for its results, which Gemini wants to know the names of."""
    results = [block.tool_result for message in chat_input.messages for block in message.content]
    calls = [message_pb2.ToolUseBlock(id=result.tool_use_id, name="f") for result in results if result.tool_use_id]
    if calls:
        content = [message_pb2.ContentBlock(tool_use=call) for call in calls]
        chat_input.messages.insert(0, message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=content))
    return chat_input


@bounded(80)
@given(chat_inputs.map(answerable), origins, st.sampled_from([TARGET, LENIENT, LENIENT]))
def test_every_request_is_sent_or_refused_by_name(
    chat_input: chat_input_pb2.ChatInput, origin: str, target: Target
) -> None:
    for message in chat_input.messages:
        message.origin.provider_type = origin
    found = encoded(chat_input, target)
    if isinstance(found, GatewayError):
        assert found.violations
        assert all(each.field.startswith("input.") and each.description for each in found.violations)
        return
    body = json.loads(found.body)
    assert KEY not in repr(found)
    assert all(each.field.startswith("input.") and each.message for each in found.warnings)
    assert len(body["contents"]) <= len(chat_input.messages)
    # The same input is the same request.
    copy = chat_input_pb2.ChatInput.FromString(chat_input.SerializeToString())
    assert PROVIDER.encode_chat(copy, target) == found


@bounded(60)
@given(chat_inputs.map(answerable), messages)
def test_a_turn_more_leaves_the_beginning_as_it_was(
    chat_input: chat_input_pb2.ChatInput, message: message_pb2.Message
) -> None:
    """Caches live by it: the bytes of the history are the same."""
    chat_input.ClearField("provider_options_json")
    first = encoded(chat_input, LENIENT)
    chat_input.messages.append(message)
    second = encoded(chat_input, LENIENT)
    if isinstance(first, GatewayError) or isinstance(second, GatewayError):
        return
    before, after = parse_object(first.body), parse_object(second.body)
    contents = parse_list(before.pop("contents"))
    assert [bytes(each) for each in parse_list(after.pop("contents"))][: len(contents)] == [bytes(c) for c in contents]
    assert after == before


@bounded(200)
@given(parts)
def test_what_gemini_wrote_goes_back_to_it(written: list[str]) -> None:
    body = json.dumps(chunk(finish="STOP")).replace('"parts": []', f'"parts": [{",".join(written)}]')
    message = fold(PROVIDER.decode_message(body.encode(), TARGET)).message
    request = PROVIDER.encode_chat(asked(user("Hello"), message), TARGET)
    assert not request.warnings
    contents = json.loads(request.body)["contents"]
    sent = contents[1]["parts"] if len(contents) > 1 else []
    assert sent == _joined([json.loads(each) for each in written])
    for each in written:
        if each.startswith('{"functionCall"'):
            assert bytes(parse_object(parse_object(each.encode())["functionCall"])["args"]) in request.body


def _joined(written: list[Any]) -> list[Any]:
    """The parts, plain texts that follow each other as one, and without those that say nothing."""
    result: list[Any] = []
    mergeable = False
    for part in written:
        plain = part.keys() <= {"text", "thought"}
        if plain and not part["text"]:
            # It says nothing, but what comes after a change of kind is a part of its own.
            mergeable = mergeable and result[-1].keys() == part.keys()
            continue
        if plain and mergeable and result[-1].keys() == part.keys():
            result[-1] = part | {"text": result[-1]["text"] + part["text"]}
        else:
            result.append(part)
        mergeable = plain
    return result
