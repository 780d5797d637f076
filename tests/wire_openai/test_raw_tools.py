"""Tools in OpenAI's own JSON: each API gets its own form, whichever the caller wrote."""

from __future__ import annotations

import json

import pytest

from trunkline.v1 import chat_input_pb2
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.providers.openai.platform import OPENAI
from trunkline_service.providers.openai.responses import ResponsesProvider
from trunkline_service.upstream.request import UpstreamRequest
from wire_openai.decoding import TARGET

PROVIDERS = {"chat": ChatProvider(OPENAI), "responses": ResponsesProvider(OPENAI)}

# The same tool for Chat Completions, and for the Responses API.
FORMS = {
    "a custom tool": ('{"type": "custom", "custom": {"name": "sql"}}', '{"type": "custom", "name": "sql"}'),
    "free text": (
        '{"type": "custom", "custom": {"name": "sql", "description": "d", "format": {"type": "text"}}}',
        '{"type": "custom", "name": "sql", "description": "d", "format": {"type": "text"}}',
    ),
    "a grammar": (
        '{"type": "custom", "custom": {"name": "sql", "format": '
        '{"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: \\"a\\""}}}}',
        '{"type": "custom", "name": "sql", "format": '
        '{"type": "grammar", "syntax": "lark", "definition": "start: \\"a\\""}}',
    ),
    "a function": (
        '{"type": "function", "function": {"name": "sql", "parameters": {"n": 1.0}, "strict": true}}',
        '{"type": "function", "name": "sql", "parameters": {"n": 1.0}, "strict": true}',
    ),
}


def sent(api: str, raw_json: str) -> UpstreamRequest:
    tool = chat_input_pb2.Tool(provider_defined=chat_input_pb2.ProviderTool(provider_type="openai", raw_json=raw_json))
    choice = chat_input_pb2.ToolChoice(tool_name="sql")
    asked = chat_input_pb2.ChatInput(tools=[tool], tool_choice=choice)
    return PROVIDERS[api].encode_chat(asked, TARGET)


@pytest.mark.parametrize(("chat", "responses"), FORMS.values(), ids=FORMS)
def test_each_api_gets_its_own_form(chat: str, responses: str) -> None:
    for form in (chat, responses):
        for api, expected in (("chat", chat), ("responses", responses)):
            body = json.loads(sent(api, form).body)
            assert body["tools"] == [json.loads(expected)]
            kind = body["tools"][0]["type"]
            name = {"name": "sql"}
            assert body["tool_choice"] == ({"type": kind, kind: name} if api == "chat" else {"type": kind, **name})
    # As it was written, where that is the API's own form.
    assert chat.encode() in sent("chat", chat).body
    assert responses.encode() in sent("responses", responses).body


@pytest.mark.parametrize("api", PROVIDERS)
@pytest.mark.parametrize(
    "raw_json",
    [
        '{"type": "web_search",  "filters": {}}', '{"type": "custom"}', '{"type": "custom", "custom": 1}',
        '{"name": "sql"}', '{"type": 1, "name": "sql"}',
    ],
)  # fmt: skip
def test_what_is_no_such_tool_goes_as_it_is(api: str, raw_json: str) -> None:
    assert raw_json.encode() in sent(api, raw_json).body
