"""Answers that go back with the next question, and results of tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline.v1 import chat_input_pb2
from wire.decoding import Json
from wire_openai.asking import ask, assistant, messages_of, refused, user, warned, words
from wire_openai.decoding import (
    AZURE_PROVIDER,
    COMPATIBLE_PROVIDER,
    DONE,
    FIRST,
    PROVIDER,
    TARGET,
    calls,
    chunk,
    piece,
    play,
    sse,
)


def result(tool_use_id: str, *content: Json, **members: Any) -> Json:
    return {"toolResult": {"toolUseId": tool_use_id, "content": list(content)} | members}


def test_results_of_tools() -> None:
    asked = [
        assistant(words("Let me see."), {"toolUse": {"id": "c1", "name": "a", "inputJson": '{"n": 1.0}'}},
                  {"toolUse": {"id": "c2", "name": "b"}}, {"toolUse": {"id": "c3", "name": "sql", "inputText": "x"}}),
        user(words("And?"), result("c1", words("one")), result("c2"), {"toolResult": {"toolUseId": "c3", "content": [
            words("a"), words("b")], "isError": False}}),
        {"role": "ROLE_TOOL", "content": [result("c4", words("later"))]},
    ]  # fmt: skip
    assert messages_of(*asked) == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "a", "arguments": '{"n": 1.0}'}},
                {"id": "c2", "type": "function", "function": {"name": "b", "arguments": "{}"}},
                {"id": "c3", "type": "custom", "custom": {"name": "sql", "input": "x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "tool", "tool_call_id": "c3", "content": [{"type": "text", "text": t} for t in "ab"]},
        {"role": "user", "content": "And?"},
        {"role": "tool", "tool_call_id": "c4", "content": "later"},
    ]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (result("c", {"image": {"media": {"url": "https://e.org"}}}), "tool_result.content[0].image"),
        (result("c", toolsetName="t"), "tool_result.toolset_name"),
    ],
)
def test_results_that_cannot_be(asked: Json, field: str) -> None:
    path = f"input.messages[0].content[0].{field}"
    assert refused(messages=[user(asked)]) == ("CAPABILITY_NOT_SUPPORTED", [path])


def test_a_conversation_goes_on_after_a_tool_has_failed() -> None:
    sent = ask(messages=[user(result("c", words("no such city"), isError=True))])
    assert json.loads(sent.body)["messages"] == [{"role": "tool", "tool_call_id": "c", "content": "no such city"}]
    assert warned(sent) == [("FIELD_DROPPED", "input.messages[0].content[0].tool_result.is_error")]


def test_what_goes_back_of_an_answer() -> None:
    """Nothing of an answer of its own makes a request fail."""
    answer = assistant(
        {"thinking": {"text": "Hm", "signature": "s"}},
        {"text": {"text": "a", "citations": [{"webLocation": {"url": "u"}}], "logprobs": [{"token": "a"}]}},
        {"refusal": {"text": "No."}},
        {"opaque": {"providerType": "openai", "type": "audio", "rawJson": '{"type":"audio","id":"audio_1"}'}},
        {"redactedThinking": {"data": "x"}},
        origin={"provider": "openai", "providerType": "openai"},
    )  # fmt: skip
    sent = ask(messages=[user(words("a")), answer])
    [_, message] = json.loads(sent.body)["messages"]
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "No."}]
    assert message == {"role": "assistant", "content": parts, "audio": {"id": "audio_1"}}
    path = "input.messages[1].content"
    assert warned(sent) == [
        ("NOT_PORTABLE", f"{path}[0].thinking"),
        ("FIELD_DROPPED", f"{path}[1].text.citations"),
        ("NOT_PORTABLE", f"{path}[4].redacted_thinking"),
    ]
    # Compatible servers take their own reasoning back, and refusals as text.
    sent = ask(COMPATIBLE_PROVIDER, messages=[user(words("a")), answer])
    [_, message] = json.loads(sent.body)["messages"]
    assert message["reasoning_content"] == "Hm"
    assert message["content"][1] == {"type": "text", "text": "No."}


def test_what_goes_back_of_the_answer_of_another_provider() -> None:
    answer = assistant(
        {"thinking": {"text": "Hm", "signature": "s"}, "providerState": "eA=="},
        words("a", providerFieldsJson='{"x": 1}', providerState="eA=="),
        {"toolUse": {"id": "s", "name": "web_search", "runner": "TOOL_RUNNER_SERVER"}},
        {"serverToolResult": {"toolUseId": "s", "type": "web_search_tool_result"}},
        {"toolUse": {"id": "c", "name": "f", "runner": "TOOL_RUNNER_CLIENT", "caller": {"type": "direct"}}},
        {"opaque": {"providerType": "anthropic", "rawJson": "{}"}},
        origin={"provider": "anthropic", "providerType": "anthropic"},
    )
    for provider in (PROVIDER, COMPATIBLE_PROVIDER, AZURE_PROVIDER):
        sent = ask(provider, messages=[user(words("a")), answer])
        [_, message] = json.loads(sent.body)["messages"]
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        assert message == {"role": "assistant", "content": "a", "tool_calls": [call]}
        assert {code for code, _ in warned(sent)} == {"NOT_PORTABLE"}
        blocks = [field.removeprefix("input.messages[1].content") for _, field in warned(sent)]
        assert [name for name in blocks if name.startswith("[0]")] == ["[0].thinking"]
        assert {name[:3] for name in blocks} == {"[0]", "[1]", "[2]", "[3]", "[4]", "[5]"}


def test_a_call_goes_back_with_what_its_server_put_into_it() -> None:
    extra = {"google": {"thought_signature": "s=="}}
    first = calls(piece(0, "{}", name="a", id="call_1", extra_content=extra))
    message = play(sse(FIRST, first, chunk({}, "tool_calls"), DONE)).response.message
    chat_input = chat_input_pb2.ChatInput(messages=[message])
    [sent] = json.loads(COMPATIBLE_PROVIDER.encode_chat(chat_input, TARGET).body)["messages"]
    [call] = sent["tool_calls"]
    assert call["extra_content"] == extra


def test_the_details_of_reasoning_survive_a_tool_loop() -> None:
    one = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    sealed = {"type": "reasoning.encrypted", "id": "r", "index": 1, "data": "x=="}
    thoughts = [
        chunk({"reasoning": "H", "reasoning_details": [one | {"text": "H"}]}),
        chunk({"reasoning": "m", "reasoning_details": [one | {"text": "m", "signature": None}]}),
        chunk({"reasoning_details": [one | {"text": "", "signature": "s"}, sealed]}),
    ]
    call = calls(piece(0, "{}", name="a", id="call_1"))
    message = play(sse(FIRST, *thoughts, call, chunk({}, "tool_calls"), DONE)).response.message
    chat_input = chat_input_pb2.ChatInput(messages=[message])
    request = COMPATIBLE_PROVIDER.encode_chat(chat_input, TARGET)
    [sent] = json.loads(request.body)["messages"]
    assert sent["reasoning_details"] == [one | {"text": "Hm", "signature": "s"}, sealed]
    assert [each["id"] for each in sent["tool_calls"]] == ["call_1"]
    assert not request.warnings
    # Only its writer can read them.
    chat_input.messages[0].origin.provider = "other"
    request = COMPATIBLE_PROVIDER.encode_chat(chat_input, TARGET)
    assert b"reasoning" not in request.body
    assert {code for code, _ in warned(request)} == {"NOT_PORTABLE"}


def test_an_answer_with_nothing_in_it() -> None:
    assert messages_of(assistant()) == [{"role": "assistant", "content": ""}]
    assert messages_of(user()) == [{"role": "user", "content": ""}]


def test_text_after_a_call() -> None:
    sent = ask(messages=[assistant({"toolUse": {"id": "c", "name": "f"}}, words("after"))])
    assert warned(sent) == [("FIELD_DROPPED", "input.messages[0].content[1]")]
    assert sent.warnings[0].message.startswith("left out: its place, ")
    assert json.loads(sent.body)["messages"][0]["content"] == "after"


def test_members_of_messages() -> None:
    fields = '{"reasoning_details": [{"x": 1.0}]}'
    [message] = messages_of(assistant(words("a"), providerFieldsJson=fields))
    assert message == {"role": "assistant", "content": "a", "reasoning_details": [{"x": 1.0}]}
    several = user(result("c"), words("a"), providerFieldsJson="{}")
    assert refused(messages=[several]) == ("INVALID_REQUEST", ["input.messages[0].provider_fields_json"])
