"""Tool loops: an answer goes back into the next request as the provider wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.calls import text_block, user
from trunkline.v1 import chat_input_pb2, message_pb2
from wire_responses.corpus import ANSWERS, FILE, PICTURE, SEARCH, STREAMS, URL
from wire_responses.decoding import (
    PROVIDER,
    TARGET,
    Json,
    answer,
    custom_call,
    function_call,
    message,
    play,
    reasoning,
    sent,
    text,
    whole,
)


def sent_back(came: message_pb2.Message) -> list[Json]:
    chat_input = chat_input_pb2.ChatInput(messages=[user("Hello"), came])
    first, *items = sent(chat_input)["input"]
    assert first == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    return items


def as_it_goes_back(item: Json) -> Json:
    """What of an item goes upstream again: all of it, but for the likelihood of tokens."""
    item = {name: value for name, value in item.items() if value is not None}
    if item.get("type") == "function_call":
        return item | {"arguments": item["arguments"] or "{}"}
    if item.get("type") != "message":
        return item
    parts = [{name: value for name, value in part.items() if name != "logprobs"} for part in item["content"]]
    return item | {"content": parts}


@pytest.mark.parametrize("name", sorted(ANSWERS))
@pytest.mark.parametrize("way", ["streamed", "whole"])
def test_an_answer_goes_back_as_it_came(name: str, way: str) -> None:
    items = ANSWERS[name]
    came = play(STREAMS[name]).response if way == "streamed" else whole(items)
    back = sent_back(came.message)
    assert back == [as_it_goes_back(item) for item in items]


def test_what_a_model_wrote_goes_back_byte_for_byte() -> None:
    arguments = '{ "n": 1.0, "big": 123456789012345678901234567890, "é": "\\u00e9\\/", "n": 2 }'
    items = [reasoning("One.", "Two é."), function_call(arguments), custom_call("a\r\n\tb\u2028", "call_2")]
    came = whole(items).message
    body = PROVIDER.encode_chat(chat_input_pb2.ChatInput(messages=[user("x"), came]), TARGET).body
    raw = json.dumps(items[0], ensure_ascii=False).encode()
    # The parts of a summary and the encrypted reasoning, as they stood in the answer.
    assert raw[raw.index(b'[{"type"') : raw.rindex(b"]") + 1] in body
    assert b'"encrypted_content":"gAAA+/x=="' in body
    assert json.dumps(arguments, ensure_ascii=False).encode() in body
    assert json.loads(body)["input"][-1]["input"] == "a\r\n\tb\u2028"


def test_a_whole_tool_loop() -> None:
    calls = [reasoning("Hm."), function_call('{"a":1}', "call_f"), custom_call("code", "call_c")]
    results = message_pb2.Message(
        role=message_pb2.ROLE_TOOL,
        content=[
            message_pb2.ContentBlock(
                tool_result=message_pb2.ToolResultBlock(tool_use_id="call_f", content=[text_block("sunny")])
            ),
            message_pb2.ContentBlock(
                tool_result=message_pb2.ToolResultBlock(
                    tool_use_id="call_c",
                    content=[
                        text_block("a plot"),
                        message_pb2.ContentBlock(
                            image=message_pb2.ImageBlock(media=message_pb2.Media(url="https://e.org/a.png"))
                        ),
                    ],
                )
            ),
            text_block("and now?"),
        ],
    )
    chat_input = chat_input_pb2.ChatInput(
        messages=[user("Hi"), play(answer(*calls)).response.message, results],
    )
    assert sent(chat_input)["input"][1:] == [
        *calls,
        {"type": "function_call_output", "call_id": "call_f", "output": "sunny"},
        {
            "type": "custom_tool_call_output",
            "call_id": "call_c",
            "output": [
                {"type": "input_text", "text": "a plot"},
                {"type": "input_image", "image_url": "https://e.org/a.png"},
            ],
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and now?"}]},
    ]


def test_an_interrupted_tool_call_keeps_its_parts() -> None:
    response = play(STREAMS["cut at the limit"]).response
    [block] = response.message.content
    assert block.tool_use.input_json == '{"a":'
    assert json.loads(block.provider_fields_json) == {"id": "fc_call_1", "status": "incomplete"}


FOREIGN: dict[str, tuple[message_pb2.ContentBlock, list[str]]] = {
    "thinking": (
        message_pb2.ContentBlock(thinking=message_pb2.ThinkingBlock(text="Hm", signature="s")),
        ["thinking"],
    ),
    "redacted thinking": (
        message_pb2.ContentBlock(redacted_thinking=message_pb2.RedactedThinkingBlock(data="x")),
        ["redacted_thinking"],
    ),
    "a server's result": (
        message_pb2.ContentBlock(
            server_tool_result=message_pb2.ServerToolResultBlock(tool_use_id="t", type="web_search_tool_result")
        ),
        ["server_tool_result"],
    ),
    "a server's call": (
        message_pb2.ContentBlock(
            tool_use=message_pb2.ToolUseBlock(id="t", name="web", runner=message_pb2.TOOL_RUNNER_SERVER)
        ),
        ["tool_use"],
    ),
    "an opaque block": (
        message_pb2.ContentBlock(opaque=message_pb2.Opaque(provider_type="anthropic", raw_json='{"type":"x"}')),
        ["opaque"],
    ),
}


@pytest.mark.parametrize(("block", "fields"), FOREIGN.values(), ids=FOREIGN)
def test_what_only_another_provider_can_read_is_left_out(block: message_pb2.ContentBlock, fields: list[str]) -> None:
    origin = message_pb2.Origin(provider="anthropic", provider_type="anthropic", model="claude")
    came = message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, origin=origin, content=[block, text_block("Hi")])
    request = PROVIDER.encode_chat(chat_input_pb2.ChatInput(messages=[user("x"), came]), TARGET)
    warnings = [(warning.code, warning.field) for warning in request.warnings]
    assert warnings == [(4, f"input.messages[1].content[0].{field}") for field in fields]
    assert json.loads(request.body)["input"][1:] == [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    ]


def test_the_rest_of_another_providers_answer_arrives() -> None:
    origin = message_pb2.Origin(provider="anthropic", provider_type="anthropic", model="claude")
    cited = text_block("Grass")
    cited.text.citations.add(cited_text="g").char_location.document_index = 1
    call = message_pb2.ContentBlock(
        tool_use=message_pb2.ToolUseBlock(
            id="toolu_1",
            name="weather",
            input_json='{"a": 1}',
            runner=message_pb2.TOOL_RUNNER_CLIENT,
            caller=message_pb2.ToolCaller(type="direct"),
        ),
        provider_state=b"sig",
        provider_fields_json='{"x": 1}',
    )
    came = message_pb2.Message(
        role=message_pb2.ROLE_ASSISTANT, origin=origin, content=[cited, call], provider_fields_json='{"y": 1}'
    )
    request = PROVIDER.encode_chat(chat_input_pb2.ChatInput(messages=[user("x"), came]), TARGET)
    assert json.loads(request.body)["input"][1:] == [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Grass"}]},
        {"type": "function_call", "call_id": "toolu_1", "name": "weather", "arguments": '{"a": 1}'},
    ]
    place = "input.messages[1].content"
    assert [(warning.code, warning.field) for warning in request.warnings] == [
        (4, "input.messages[1].provider_fields_json"),
        (4, f"{place}[0].text.citations"),
        (4, f"{place}[1].provider_state"),
        (4, f"{place}[1].provider_fields_json"),
        (4, f"{place}[1].tool_use.caller"),
    ]


@pytest.mark.parametrize("provider", ["", "azure"])
def test_reasoning_goes_back_only_to_the_provider_that_wrote_it(provider: str) -> None:
    came = whole([reasoning("Hm."), SEARCH, message(text("Hi", annotations=[URL, FILE]), PICTURE)]).message
    if provider:
        came.origin.provider = provider
    else:
        came.ClearField("origin")
    request = PROVIDER.encode_chat(chat_input_pb2.ChatInput(messages=[user("x"), came]), TARGET)
    items: list[Any] = json.loads(request.body)["input"][1:]
    assert "gAAA" not in str(items)
    assert [item["type"] for item in items] == (["message"] if provider else ["web_search_call", "message"])
    assert all(warning.code == 4 for warning in request.warnings)
    assert request.warnings[0].field == "input.messages[1].content[0].thinking"
