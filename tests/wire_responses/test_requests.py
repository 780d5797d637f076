"""Requests: what each field becomes, and what is refused by name."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from google.protobuf import text_format

from support.calls import text_block, user
from trunkline.v1 import chat_input_pb2, error_reason_pb2, message_pb2, warning_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.openai.platform import AZURE, COMPATIBLE
from trunkline_service.providers.openai.responses import ResponsesProvider
from wire_responses.decoding import KEY, PROVIDER, TARGET, Json, sent

PNG = b"\x89PNG\r\n\x1a\n..."
PNG_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


def chat_input(words: str = "", **fields: Any) -> chat_input_pb2.ChatInput:
    """An input of one message, "Hi", and what `words` say in protobuf's text format."""
    result = chat_input_pb2.ChatInput(**fields)
    if words:
        text_format.Parse(words, result)
    if not result.messages:
        result.messages.append(user("Hi"))
    return result


MINIMAL: Json = {
    "model": "gpt-6-sol",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "stream": True,
}

# What is asked, and what it adds to the smallest request.
FIELDS: dict[str, tuple[str, Json]] = {
    "nothing": ("", {}),
    "one text as instructions": ('system { text { text: "Be kind" } }', {"instructions": "Be kind"}),
    "length and sampling": (
        "generation { max_output_tokens: 0 temperature: 1.5 top_p: 0 }",
        {"max_output_tokens": 0, "temperature": 1.5, "top_p": 0.0},
    ),
    "likelihoods": (
        "generation { logprobs: true top_logprobs: 3 }",
        {"top_logprobs": 3, "include": ["reasoning.encrypted_content", "message.output_text.logprobs"]},
    ),
    "no likelihoods": ("generation { logprobs: false }", {}),
    "effort": ('reasoning { effort: "high" }', {"reasoning": {"effort": "high"}}),
    "no reasoning": ("reasoning { mode: REASONING_MODE_DISABLED }", {"reasoning": {"effort": "none"}}),
    "a summary in Anthropic's word": ('reasoning { display: "summarized" }', {"reasoning": {"summary": "auto"}}),
    "no summary in Anthropic's word": (
        'reasoning { effort: "low" display: "omitted" }',
        {"reasoning": {"effort": "low"}},
    ),
    "a summary": (
        'reasoning { mode: REASONING_MODE_ADAPTIVE display: "detailed" }',
        {"reasoning": {"summary": "detailed"}},
    ),
    "any JSON": ("output_format { json_object {} }", {"text": {"format": {"type": "json_object"}}}),
    "JSON of a shape": (
        'output_format { json_schema { schema_json: "{\\"a\\": 1.0}" name: "n" description: "d" strict: false } }',
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "n",
                    "schema": {"a": 1.0},
                    "description": "d",
                    "strict": False,
                }
            }
        },
    ),
    "a shape without a name": (
        'output_format { json_schema { schema_json: "{}" } } openai { verbosity: "low" }',
        {"text": {"format": {"type": "json_schema", "name": "answer", "schema": {}}, "verbosity": "low"}},
    ),
    "the person and the class": (
        'end_user_id: "u" service_tier: "flex"',
        {"safety_identifier": "u", "service_tier": "flex"},
    ),
    "stored": ("openai { store: true }", {"store": True, "include": None}),
    "not stored": ("openai { store: false }", {}),
    "all of OpenAI's": (
        """openai {
            prompt_cache_key: "k" verbosity: "high" store: true metadata { key: "a" value: "b" }
            previous_response_id: "resp_1" conversation_id: "conv_1" include: "web_search_call.action.sources"
            truncation: "auto" max_tool_calls: 0
        }""",
        {
            "prompt_cache_key": "k",
            "text": {"verbosity": "high"},
            "store": True,
            "metadata": {"a": "b"},
            "previous_response_id": "resp_1",
            "conversation": "conv_1",
            "include": ["web_search_call.action.sources"],
            "truncation": "auto",
            "max_tool_calls": 0,
        },
    ),
    "encrypted reasoning asked for twice": (
        'openai { include: "reasoning.encrypted_content" }',
        {"include": ["reasoning.encrypted_content"]},
    ),
    "a function": (
        """tools { function { name: "f" description: "d" input_schema_json: "{\\"type\\":\\"object\\"}" strict: true
            defer_loading: true provider_fields_json: "{\\"x\\": 1}" } }""",
        {
            "tools": [
                {
                    "type": "function",
                    "name": "f",
                    "description": "d",
                    "parameters": {"type": "object"},
                    "strict": True,
                    "defer_loading": True,
                    "x": 1,
                }
            ]
        },
    ),
    "a function without arguments": (
        'tools { function { name: "f" } }',
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]},
    ),
    "a tool of OpenAI's": (
        'tools { provider_defined { provider_type: "openai" raw_json: "{\\"type\\":\\"web_search\\"}" } }'
        'tool_choice { tool_name: "web_search" }',
        {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}},
    ),
    "a custom tool": (
        'tools { provider_defined { provider_type: "openai" '
        'raw_json: "{\\"type\\":\\"custom\\",\\"name\\":\\"c\\"}" } }'
        'tool_choice { tool_name: "c" }',
        {"tools": [{"type": "custom", "name": "c"}], "tool_choice": {"type": "custom", "name": "c"}},
    ),
    "tools if it wants": ("tool_choice { mode: TOOL_CHOICE_MODE_AUTO }", {"tool_choice": "auto"}),
    "a tool for certain": ("tool_choice { mode: TOOL_CHOICE_MODE_ANY }", {"tool_choice": "required"}),
    "no tools": ("tool_choice { mode: TOOL_CHOICE_MODE_NONE }", {"tool_choice": "none"}),
    "this tool, alone": (
        'tool_choice { tool_name: "f" parallel: false }',
        {"tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": False},
    ),
    "in parallel": ("tool_choice { parallel: true }", {"parallel_tool_calls": True}),
}


@pytest.mark.parametrize(("words", "adds"), FIELDS.values(), ids=FIELDS)
def test_fields(words: str, adds: Json) -> None:
    expected = {name: value for name, value in (MINIMAL | adds).items() if value is not None}
    assert sent(chat_input(words)) == expected


def test_options_are_merged_last() -> None:
    asked = chat_input(
        'generation { temperature: 1 } reasoning { effort: "low" }',
        provider_options_json={
            "openai": '{"temperature": null, "include": [], "reasoning": {"context": "all"}, "background": true}',
            "anthropic": '{"thinking": 1}',
        },
    )
    body = sent(asked)
    assert (body["temperature"], body["include"], body["background"]) == (None, [], True)
    assert body["reasoning"] == {"effort": "low", "context": "all"}
    assert "thinking" not in body
    asked.provider_options_json["azure"] = '{"temperature": 2}'
    assert sent(asked, dataclasses.replace(TARGET, provider="azure"))["temperature"] == 2


def test_json_of_callers_goes_out_byte_for_byte() -> None:
    schema = '{ "type":"object", "n": 1.0, "é": 10e2, "n2": 123456789012345678901234567890 }'
    asked = chat_input(
        tools=[chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="f", input_schema_json=schema))],
        output_format=chat_input_pb2.OutputFormat(json_schema=chat_input_pb2.JsonSchemaFormat(schema_json=schema)),
    )
    assert PROVIDER.encode_chat(asked, TARGET).body.count(schema.encode()) == 2


CONTENT: dict[str, tuple[str, Json]] = {
    "a picture": (
        'image { media { url: "https://e.org/a" } detail: "low" }',
        {"type": "input_image", "image_url": "https://e.org/a", "detail": "low"},
    ),
    "an uploaded picture": ('image { media { file_id: "file-1" } }', {"type": "input_image", "file_id": "file-1"}),
    "bytes of a picture": (
        'image { media { data: "\\x89PNG\\r\\n\\x1a\\n..." } }',
        {"type": "input_image", "image_url": PNG_URL},
    ),
    "a document": (
        'document { media { data: "%PDF-1" } title: "Report" citations_enabled: false }',
        {
            "type": "input_file",
            "filename": "Report.pdf",
            "file_data": "data:application/pdf;base64," + base64.b64encode(b"%PDF-1").decode(),
        },
    ),
    "a document with a file's name": (
        'document { media { data: "a,b" media_type: "text/csv" } title: "a.b.csv" }',
        {"type": "input_file", "filename": "a.b.csv", "file_data": "data:text/csv;base64,YSxi"},
    ),
    "a document elsewhere": (
        'document { media { url: "https://e.org/a.pdf" } }',
        {"type": "input_file", "file_url": "https://e.org/a.pdf"},
    ),
    "an uploaded document": (
        'document { media { file_id: "file-1" } }',
        {"type": "input_file", "file_id": "file-1"},
    ),
    "a text as a document": (
        'document { text: "hé" }',
        {
            "type": "input_file",
            "filename": "document.txt",
            "file_data": "data:text/plain;base64," + base64.b64encode("hé".encode()).decode(),
        },
    ),
    "sound": (
        'audio { media { data: "ID3x" } }',
        {"type": "input_audio", "input_audio": {"data": "SUQzeA==", "format": "mp3"}},
    ),
    "sound of a kind": (
        'audio { media { data: "x" media_type: "audio/x-wav" } }',
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
    ),
    "members of OpenAI's own": (
        'text { text: "x" } provider_fields_json: "{\\"prompt_cache_breakpoint\\": {\\"mode\\": \\"explicit\\"}}"',
        {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ),
    "a part of OpenAI's own": (
        'opaque { provider_type: "openai" raw_json: "{\\"type\\":\\"input_video\\",\\"x\\":1}" }',
        {"type": "input_video", "x": 1},
    ),
}


@pytest.mark.parametrize(("words", "part"), CONTENT.values(), ids=CONTENT)
def test_content(words: str, part: Json) -> None:
    block = text_format.Parse(words, message_pb2.ContentBlock())
    body = sent(chat_input_pb2.ChatInput(messages=[user(block, "and this")]))
    assert body["input"] == [
        {"type": "message", "role": "user", "content": [part, {"type": "input_text", "text": "and this"}]}
    ]


def test_roles_and_order() -> None:
    system = [text_block("One"), text_block("Two")]
    messages = [
        message_pb2.Message(role=role, content=[text_block(str(role))])
        for role in (message_pb2.ROLE_SYSTEM, message_pb2.ROLE_DEVELOPER, message_pb2.ROLE_USER)
    ]
    messages.append(message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=[text_block("a"), text_block("b")]))
    messages.append(message_pb2.Message(role=message_pb2.ROLE_USER, provider_fields_json='{"content": "plain"}'))
    body = sent(chat_input_pb2.ChatInput(system=system, messages=messages))
    assert "instructions" not in body
    assert body["input"] == [
        {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "One"}, {"type": "input_text", "text": "Two"}],
        },
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "1"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "2"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "3"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}],
        },
        {"type": "message", "role": "user", "content": "plain"},
    ]


def test_items_of_openais_own_stand_where_they_are() -> None:
    item = '{"type": "item_reference", "id": "msg_1"}'
    block = message_pb2.ContentBlock(opaque=message_pb2.Opaque(provider_type="openai", raw_json=item))
    body = sent(chat_input_pb2.ChatInput(messages=[user("a", block, "b")]))
    assert [each["type"] for each in body["input"]] == ["message", "item_reference", "message"]


def test_names_of_tools_that_are_not_taken_are_mapped() -> None:
    name = "mcp/server.tool" + "x" * 100
    call = message_pb2.ContentBlock(tool_use=message_pb2.ToolUseBlock(id="c", name=name))
    asked = chat_input(
        messages=[user("x"), message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=[call])],
        tools=[chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name=name))],
        tool_choice=chat_input_pb2.ToolChoice(tool_name=name),
    )
    request = PROVIDER.encode_chat(asked, TARGET)
    body = json.loads(request.body)
    [mapped] = request.tool_names
    assert request.tool_names[mapped] == name
    assert len(mapped) == 64
    assert body["tools"][0]["name"] == body["tool_choice"]["name"] == body["input"][1]["name"] == mapped


REFUSED: dict[str, tuple[str, str]] = {
    "generation.top_k": ("generation { top_k: 3 }", "top_k"),
    "generation.stop_sequences": ('generation { stop_sequences: "x" }', "stop_sequences"),
    "generation.seed": ("generation { seed: 0 }", "seed"),
    "generation.presence_penalty": ("generation { presence_penalty: 0 }", "presence_penalty"),
    "generation.frequency_penalty": ("generation { frequency_penalty: 1 }", "frequency_penalty"),
    "generation.logit_bias": ("generation { logit_bias { key: 1 value: 2 } }", "logit_bias"),
    "reasoning.budget_tokens": ("reasoning { mode: REASONING_MODE_BUDGET budget_tokens: 5 }", "budget_tokens"),
    "reasoning.mode": ("reasoning { mode: REASONING_MODE_BETWEEN_TOOLS }", "mode"),
    "messages[0].name": ('messages { role: ROLE_USER name: "Ann" }', "message_name"),
    "messages[0].content[0].provider_state": (
        'messages { role: ROLE_USER content { text { text: "x" } provider_state: "x" } }',
        "provider_state",
    ),
    "messages[0].content[0].text.citations": (
        'messages { role: ROLE_USER content { text { text: "x" citations { web_location { url: "u" } } } } }',
        "citations",
    ),
    "messages[0].content[0].text.citations[0]": (
        'messages { role: ROLE_ASSISTANT content { text { text: "x" citations { char_location {} } } } }',
        "citations",
    ),
    "messages[0].content[0].search_result": (
        'messages { role: ROLE_USER content { search_result { source: "s" title: "t" } } }',
        "search_result",
    ),
    "messages[0].content[0].image": (
        'messages { role: ROLE_ASSISTANT content { image { media { url: "https://e.org" } } } }',
        "assistant_image",
    ),
    "messages[0].content[0].image.media.url": (
        'messages { role: ROLE_USER content { image { media { url: "gs://a" } } } }',
        "cloud_urls",
    ),
    "messages[0].content[0].audio.media.url": (
        'messages { role: ROLE_USER content { audio { media { url: "https://a" } } } }',
        "audio_url",
    ),
    "messages[0].content[0].document.context": (
        'messages { role: ROLE_USER content { document { text: "x" context: "c" } } }',
        "document_context",
    ),
    "messages[0].content[0].document.citations_enabled": (
        'messages { role: ROLE_USER content { document { text: "x" citations_enabled: true } } }',
        "citations",
    ),
    "messages[0].content[0].document.content": (
        "messages { role: ROLE_USER content { document { content {} } } }",
        "document_content",
    ),
    "messages[0].content[0].tool_result.toolset_name": (
        'messages { role: ROLE_TOOL content { tool_result { tool_use_id: "c" toolset_name: "t" } } }',
        "toolset_name",
    ),
    "messages[0].content[0].server_tool_result": (
        'messages { role: ROLE_ASSISTANT content { server_tool_result { tool_use_id: "c" type: "t" } } }',
        "server_tools",
    ),
    "messages[0].content[0].tool_use.runner": (
        'messages { role: ROLE_ASSISTANT content { tool_use { id: "c" name: "n" runner: TOOL_RUNNER_SERVER } } }',
        "server_tools",
    ),
    "messages[0].content[0].tool_use.caller": (
        'messages { role: ROLE_ASSISTANT content { tool_use { id: "c" name: "n" caller { type: "direct" } } } }',
        "caller",
    ),
    "messages[0].content[0].opaque": (
        'messages { role: ROLE_USER content { opaque { provider_type: "gemini" raw_json: "{}" } } }',
        "foreign_blocks",
    ),
    "tools[0].function.eager_input_streaming": (
        'tools { function { name: "f" eager_input_streaming: false } }',
        "eager_input_streaming",
    ),
    "tools[0].function.allowed_callers": (
        'tools { function { name: "f" allowed_callers: "direct" } }',
        "allowed_callers",
    ),
    "tools[0].function.input_examples_json": (
        'tools { function { name: "f" input_examples_json: "{}" } }',
        "input_examples_json",
    ),
    "tools[0].provider_defined": (
        'tools { provider_defined { provider_type: "anthropic" raw_json: "{}" } }',
        "provider_tools",
    ),
}


@pytest.mark.parametrize(("field", "words", "capability"), [(key, *value) for key, value in REFUSED.items()])
def test_what_cannot_be_honoured_is_refused_by_name_or_left_out(field: str, words: str, capability: str) -> None:
    with pytest.raises(GatewayError) as caught:
        sent(chat_input(words))
    assert caught.value.reason == error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED
    assert [violation.field for violation in caught.value.violations] == [f"input.{field}"]
    assert caught.value.metadata["capability"] == capability
    request = PROVIDER.encode_chat(chat_input(words), dataclasses.replace(TARGET, drop_unsupported=True))
    assert [warning.field for warning in request.warnings] == [f"input.{field}"]


HINTS = {
    "cache_control": "cache_control {}",
    "messages[0].content[0].cache_control": (
        'messages { role: ROLE_USER content { text { text: "x" } cache_control {} } }'
    ),
    "messages[0].content[0].tool_result.is_error": (
        'messages { role: ROLE_TOOL content { tool_result { tool_use_id: "c" is_error: true } } }'
    ),
    "messages[0].content[0].tool_result.content[0].cache_control": (
        'messages { role: ROLE_TOOL content { tool_result { content { text { text: "x" } cache_control {} } } } }'
    ),
    "tools[0].cache_control": 'tools { function { name: "f" } cache_control {} }',
}


@pytest.mark.parametrize(("field", "words"), HINTS.items())
def test_marks_that_change_no_answer_are_left_out_with_a_warning(field: str, words: str) -> None:
    request = PROVIDER.encode_chat(chat_input(words), TARGET)
    assert [(each.code, each.field) for each in request.warnings] == [
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, f"input.{field}")
    ]


MARKS = """
system { text { text: "Be kind" } cache_control {} }
messages {
  role: ROLE_USER
  content { text { text: "a" } cache_control { ttl: "12h" } }
  content { image { media { url: "https://e.org/a.png" } } cache_control { ttl: "1h" } }
}
messages {
  role: ROLE_ASSISTANT
  content { text { text: "b" } cache_control {} }
  content { tool_use { id: "c" name: "f" } cache_control {} }
}
messages {
  role: ROLE_TOOL
  content { tool_result { tool_use_id: "c" content { text { text: "d" } } } cache_control { ttl: "30m" } }
}
tools { function { name: "f" } cache_control {} }
cache_control {}
"""


def test_marks_for_models_that_take_them() -> None:
    target = dataclasses.replace(TARGET, takes_cache_marks=True)
    request = PROVIDER.encode_chat(chat_input(MARKS), target)
    body = json.loads(request.body)

    def marked(**members: str) -> Json:
        ttl = members.pop("ttl", None)
        return {**members, "prompt_cache_breakpoint": {"mode": "explicit", **({"ttl": ttl} if ttl else {})}}

    system, asked, said, call, result = body["input"]
    assert system["content"] == [marked(type="input_text", text="Be kind")]
    image = marked(type="input_image", image_url="https://e.org/a.png")
    assert asked["content"] == [marked(type="input_text", text="a", ttl="12h"), image]
    assert said["content"] == [{"type": "output_text", "text": "b"}]
    assert "prompt_cache_breakpoint" not in call
    assert result["output"] == [marked(type="input_text", text="d", ttl="30m")]
    assert body["prompt_cache_options"] == {"mode": "implicit"}
    assert [(each.code, each.field) for each in request.warnings] == [
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, f"input.{field}")
        for field in (
            "messages[0].content[1].cache_control.ttl", "messages[1].content[0].cache_control",
            "messages[1].content[1].cache_control", "tools[0].cache_control",
        )
    ]  # fmt: skip
    assert request.untold_costs
    counted = PROVIDER.encode_count(chat_input(MARKS), target)
    assert counted is not None
    assert json.loads(counted.body)["input"] == body["input"]
    for platform in (AZURE, COMPATIBLE):
        assert b"prompt_cache" not in ResponsesProvider(platform).encode_chat(chat_input(MARKS), target).body


INVALID: dict[str, str] = {
    "messages[0].content[0].image.media.file_id": (
        'messages { role: ROLE_USER content { image { media { file_id: "file_011" } } } }'
    ),
    "reasoning.effort": 'reasoning { mode: REASONING_MODE_DISABLED effort: "high" }',
    'provider_options_json["openai"]': 'provider_options_json { key: "openai" value: "{\\"stream\\": false}" }',
    "messages[0].content[0].image.media.media_type": (
        'messages { role: ROLE_USER content { image { media { data: "x" } } } }'
    ),
    "messages[0].content[0].document.media.media_type": (
        'messages { role: ROLE_USER content { document { media { data: "x" } } } }'
    ),
    "messages[0].content[0].audio.media.media_type": (
        'messages { role: ROLE_USER content { audio { media { data: "x" media_type: "audio/flac" } } } }'
    ),
    "messages[0].content[0].provider_state": (
        'messages { role: ROLE_ASSISTANT origin { provider: "openai" } '
        'content { thinking {} provider_state: "\\xff" } }'
    ),
    "messages[0].provider_fields_json": (
        'messages { role: ROLE_TOOL content { tool_result { tool_use_id: "c" } } provider_fields_json: "{\\"x\\":1}" }'
    ),
}


@pytest.mark.parametrize(("field", "words"), INVALID.items())
def test_what_is_broken_is_refused_by_name(field: str, words: str) -> None:
    with pytest.raises(GatewayError) as caught:
        sent(chat_input(words), dataclasses.replace(TARGET, drop_unsupported=True))
    assert caught.value.reason == error_reason_pb2.ERROR_REASON_INVALID_REQUEST
    assert [violation.field for violation in caught.value.violations] == [f"input.{field}"]


def test_a_model_that_takes_no_sampling() -> None:
    target = dataclasses.replace(TARGET, takes_sampling=False)
    with pytest.raises(GatewayError) as caught:
        sent(chat_input("generation { temperature: 1 top_p: 1 }"), target)
    assert [each.field for each in caught.value.violations] == [
        "input.generation.temperature",
        "input.generation.top_p",
    ]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-2025-04-14", "gpt-4o-mini", "gpt-5-chat-latest"])
def test_models_that_do_not_reason_are_not_asked_for_their_reasoning(model: str) -> None:
    """They answer that with 400: "Encrypted content is not supported with this model"."""
    body = sent(chat_input(), dataclasses.replace(TARGET, model=model))
    assert "include" not in body
    assert body["store"] is False


@pytest.mark.parametrize("model", ["gpt-6-sol", "o3", "gpt-5-mini", "some-deployment"])
def test_other_models_are_asked_for_their_reasoning(model: str) -> None:
    assert sent(chat_input(), dataclasses.replace(TARGET, model=model))["include"] == ["reasoning.encrypted_content"]


def test_counting_sends_what_has_tokens() -> None:
    asked = chat_input(
        """generation { max_output_tokens: 5 top_k: 3 } end_user_id: "u" service_tier: "flex"
        tools { function { name: "f" } } tool_choice { mode: TOOL_CHOICE_MODE_ANY parallel: false }
        reasoning { effort: "low" } openai { previous_response_id: "r" conversation_id: "c" truncation: "auto"
        verbosity: "low" store: true metadata { key: "a" value: "b" } } system { text { text: "s" } }""",
        provider_options_json={"openai": '{"background": true, "truncation": "disabled"}'},
    )
    request = PROVIDER.encode_count(asked, TARGET)
    assert request is not None
    assert request.url == "https://api.invalid/v1/responses/input_tokens"
    assert json.loads(request.body) == {
        "model": "gpt-6-sol",
        "instructions": "s",
        "input": MINIMAL["input"],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "previous_response_id": "r",
        "conversation": "c",
        "truncation": "disabled",
    }
    assert [warning.field for warning in request.warnings] == ['input.provider_options_json["openai"].background']


def test_addresses_and_headers() -> None:
    request = PROVIDER.encode_chat(chat_input(), dataclasses.replace(TARGET, headers={"openai-organization": "org"}))
    assert (request.method, request.url) == ("POST", "https://api.invalid/v1/responses")
    assert request.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "authorization": f"Bearer {KEY}",
        "openai-organization": "org",
    }
    azure = ResponsesProvider(AZURE)
    target = dataclasses.replace(TARGET, auth="api-key", base_url="https://a.invalid", version="2026-05-01")
    request = azure.encode_chat(chat_input(end_user_id="u"), target)
    assert request.url == "https://a.invalid/openai/responses?api-version=2026-05-01"
    assert request.headers["api-key"] == KEY
    assert json.loads(request.body)["user"] == "u"
    target = dataclasses.replace(TARGET, api_key="")
    assert "authorization" not in ResponsesProvider(COMPATIBLE).encode_chat(chat_input(), target).headers
    assert ResponsesProvider(COMPATIBLE).encode_count(chat_input(), target) is None
    assert PROVIDER.encode_model(TARGET) is None
    assert not PROVIDER.needs_maximum(chat_input(), TARGET)


def test_a_map_is_the_same_bytes_in_every_order() -> None:
    names = [f"name_{number}" for number in range(16)]
    bodies = {
        PROVIDER.encode_chat(
            chat_input(openai=chat_input_pb2.OpenAiOptions(metadata=dict.fromkeys(order, "x"))), TARGET
        ).body
        for order in (names, names[::-1])
    }
    [body] = bodies
    assert list(json.loads(body)["metadata"]) == sorted(names)
