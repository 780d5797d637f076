"""What goes upstream for each field of a request, and what is said about those that cannot."""

from __future__ import annotations

import dataclasses
import json

import pytest

from wire.decoding import Json
from wire_openai.asking import ask, assistant, body_of, media, refused, user, warned, words
from wire_openai.decoding import AZURE_PROVIDER, COMPATIBLE_PROVIDER, KEY, TARGET


def test_the_least_request() -> None:
    sent = ask()
    assert sent.method == "POST"
    assert sent.url == "https://api.invalid/v1/chat/completions"
    assert sent.body == (
        b'{"model":"gpt-6-sol","messages":[{"role":"user","content":"Hello"}],'
        b'"stream":true,"stream_options":{"include_usage":true}}'
    )
    assert sent.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "authorization": f"Bearer {KEY}",
    }


def test_keys_and_headers() -> None:
    own = dataclasses.replace(TARGET, auth="api-key", headers={"openai-project": "p", "accept": "x"})
    sent = ask(target=own)
    assert sent.headers["api-key"] == KEY
    assert "authorization" not in sent.headers
    assert (sent.headers["openai-project"], sent.headers["accept"]) == ("p", "x")
    assert not {"api-key", "authorization"} & ask(target=dataclasses.replace(TARGET, api_key="")).headers.keys()


def test_addresses_of_azure() -> None:
    new = dataclasses.replace(TARGET, base_url="https://r.openai.azure.com/openai/v1")
    assert ask(AZURE_PROVIDER, new).url == "https://r.openai.azure.com/openai/v1/chat/completions"
    preview = dataclasses.replace(new, version="preview")
    assert ask(AZURE_PROVIDER, preview).url == f"{new.base_url}/chat/completions?api-version=preview"
    old = dataclasses.replace(TARGET, base_url="https://r.openai.azure.com", version="2024-10-21", model="my gpt/4")
    path = "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21"
    assert ask(AZURE_PROVIDER, old).url == f"https://r.openai.azure.com{path}"


GENERATION: list[tuple[Json, Json, Json]] = [
    ({"maxOutputTokens": 0}, {"max_completion_tokens": 0}, {"max_tokens": 0}),
    ({"temperature": 2}, {"temperature": 2.0}, {"temperature": 2.0}),
    ({"topP": 0}, {"top_p": 0.0}, {"top_p": 0.0}),
    ({"stopSequences": ["a", "b"]}, {"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
    ({"seed": "9007199254740993"}, {"seed": 9007199254740993}, {"seed": 9007199254740993}),
    ({"presencePenalty": -2}, {"presence_penalty": -2.0}, {"presence_penalty": -2.0}),
    ({"frequencyPenalty": 0.5}, {"frequency_penalty": 0.5}, {"frequency_penalty": 0.5}),
    ({"logprobs": True, "topLogprobs": 0},) + ({"logprobs": True, "top_logprobs": 0},) * 2,
    ({"logitBias": {"9": -100, "-1": 0.5}},) + ({"logit_bias": {"-1": 0.5, "9": -100}},) * 2,
]


@pytest.mark.parametrize(("generation", "strict", "compatible"), GENERATION)
def test_length_and_sampling(generation: Json, strict: Json, compatible: Json) -> None:
    assert body_of(generation=generation) == strict
    assert body_of(AZURE_PROVIDER, generation=generation) == strict
    assert body_of(COMPATIBLE_PROVIDER, generation=generation) == compatible


def test_what_only_some_take() -> None:
    assert refused(generation={"topK": 5}) == ("CAPABILITY_NOT_SUPPORTED", ["input.generation.top_k"])
    assert body_of(COMPATIBLE_PROVIDER, generation={"topK": 5}) == {"top_k": 5}
    assert refused(generation={"temperature": 2.1}) == ("INVALID_REQUEST", ["input.generation.temperature"])
    assert body_of(COMPATIBLE_PROVIDER, generation={"temperature": 2.1}) == {"temperature": 2.1}
    assert refused(generation={"temperature": "NaN"}) == ("INVALID_REQUEST", ["input.generation.temperature"])
    assert refused(COMPATIBLE_PROVIDER, generation={"topP": "Infinity"})[1] == ["input.generation.top_p"]
    five = {"stopSequences": list("abcde")}
    assert refused(generation=five) == ("INVALID_REQUEST", ["input.generation.stop_sequences"])
    assert body_of(COMPATIBLE_PROVIDER, generation=five) == {"stop": list("abcde")}
    fixed = dataclasses.replace(TARGET, takes_sampling=False)
    assert refused(target=fixed, generation={"topP": 1})[1] == ["input.generation.top_p"]


REASONING: list[tuple[Json, Json | list[str]]] = [
    ({"effort": "xhigh"}, {"reasoning_effort": "xhigh"}),
    ({"mode": "REASONING_MODE_DISABLED"}, {"reasoning_effort": "none"}),
    ({"mode": "REASONING_MODE_DISABLED", "effort": "none"}, {"reasoning_effort": "none"}),
    ({"mode": "REASONING_MODE_ADAPTIVE", "effort": "low"}, {"reasoning_effort": "low"}),
    ({"mode": "REASONING_MODE_ADAPTIVE"}, {}),
    ({"mode": "REASONING_MODE_DISABLED", "effort": "low"}, ["input.reasoning.effort"]),
    ({"mode": "REASONING_MODE_BUDGET", "budgetTokens": 9}, ["input.reasoning.budget_tokens"]),
    ({"budgetTokens": 9}, ["input.reasoning.budget_tokens"]),
    ({"mode": "REASONING_MODE_BETWEEN_TOOLS"}, ["input.reasoning.mode"]),
    ({"display": "auto"}, ["input.reasoning.display"]),
]


@pytest.mark.parametrize(("reasoning", "expected"), REASONING)
def test_reasoning(reasoning: Json, expected: Json | list[str]) -> None:
    if isinstance(expected, dict):
        assert body_of(reasoning=reasoning) == expected
    else:
        assert refused(reasoning=reasoning)[1] == expected


def test_forms_of_answers() -> None:
    assert body_of(outputFormat={"jsonObject": {}}) == {"response_format": {"type": "json_object"}}
    schema = '{"type": "object",  "n": 1.0}'
    least = ask(outputFormat={"jsonSchema": {"schemaJson": schema}})
    assert b'"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":' + schema.encode() in (
        least.body
    )
    full = {"schemaJson": "{}", "name": "n", "description": "d", "strict": False}
    expected = {"name": "n", "description": "d", "schema": {}, "strict": False}
    assert body_of(outputFormat={"jsonSchema": full})["response_format"]["json_schema"] == expected


def test_options() -> None:
    options = {"promptCacheKey": "k", "verbosity": "low", "store": False, "metadata": {"b": "1", "a": "2"}}
    assert body_of(openai=options, serviceTier="flex", endUserId="u") == {
        "prompt_cache_key": "k", "verbosity": "low", "store": False, "metadata": {"a": "2", "b": "1"},
        "service_tier": "flex", "safety_identifier": "u",
    }  # fmt: skip
    assert body_of(COMPATIBLE_PROVIDER, endUserId="u") == {"user": "u"}
    assert body_of(AZURE_PROVIDER, endUserId="u") == {"user": "u"}
    only = {
        "previousResponseId": "r", "conversationId": "c", "include": ["i"], "truncation": "auto", "maxToolCalls": 0
    }  # fmt: skip
    reason, fields = refused(openai=only)
    assert reason == "CAPABILITY_NOT_SUPPORTED"
    assert set(fields) == {
        f"input.openai.{name}"
        for name in ("previous_response_id", "conversation_id", "include", "truncation", "max_tool_calls")
    }
    # What only others know applies where they answer.
    assert body_of(anthropic={"speed": "fast"}, gemini={"cachedContent": "c"}) == {}


def test_caching() -> None:
    left_out = [("FIELD_DROPPED", "input.cache_control")]
    assert body_of(cacheControl={}) == {}
    assert warned(ask(cacheControl={})) == left_out
    assert warned(ask(cacheControl={"ttl": "1h"})) == left_out
    assert warned(ask(COMPATIBLE_PROVIDER, cacheControl={})) == left_out
    marked = ask(
        system=[{"text": {"text": "Be kind"}, "cacheControl": {}}],
        messages=[user(words("a", cacheControl={"ttl": "5m"}))],
        tools=[{"function": {"name": "f"}, "cacheControl": {}}],
    )
    assert b"cache" not in marked.body
    where = ("system[0]", "messages[0].content[0]", "tools[0]")
    assert warned(marked) == [("FIELD_DROPPED", f"input.{path}.cache_control") for path in where]


MARKED = dataclasses.replace(TARGET, takes_cache_marks=True)


def test_marks_for_models_that_take_them() -> None:
    sent = ask(
        target=MARKED,
        system=[{"text": {"text": "Be kind"}, "cacheControl": {}}],
        messages=[
            user(words("a", cacheControl={"ttl": "12h"}), words("b", cacheControl={"ttl": "1h"})),
            assistant(words("c", cacheControl={}), {"toolUse": {"id": "c1", "name": "f"}, "cacheControl": {}}),
            user({"toolResult": {"toolUseId": "c1", "content": [words("d")]}, "cacheControl": {"ttl": "30m"}}),
        ],
        tools=[{"function": {"name": "f"}, "cacheControl": {}}],
        cacheControl={"ttl": "30m"},
    )
    body = json.loads(sent.body)

    def text(words: str, **members: str) -> Json:
        return {"type": "text", "text": words, "prompt_cache_breakpoint": {"mode": "explicit", **members}}

    assert [message["content"] for message in body["messages"]] == [
        [text("Be kind")], [text("a", ttl="12h"), text("b")], [text("c")], [text("d", ttl="30m")],
    ]  # fmt: skip
    assert body["prompt_cache_options"] == {"mode": "implicit", "ttl": "30m"}
    assert warned(sent) == [
        ("FIELD_DROPPED", "input.messages[0].content[1].cache_control.ttl"),
        ("FIELD_DROPPED", "input.messages[1].content[1].cache_control"),
        ("FIELD_DROPPED", "input.tools[0].cache_control"),
    ]
    # What is kept for 12 hours costs more to write, and no usage tells it apart.
    assert sent.untold_costs
    assert not ask(target=MARKED, messages=[user(words("12h", cacheControl={"ttl": "30m"}))]).untold_costs
    longest = ask(target=MARKED, messages=[user(words("a"))], cacheControl={"ttl": "12h"})
    assert warned(longest) == [("FIELD_DROPPED", "input.cache_control.ttl")]
    # Azure and others are not known to take them.
    for provider in (AZURE_PROVIDER, COMPATIBLE_PROVIDER):
        assert b"cache" not in ask(provider, MARKED, messages=[user(words("a", cacheControl={}))]).body


def test_options_of_the_caller_come_last() -> None:
    own = dataclasses.replace(TARGET, provider="mine")
    options = {
        "openai": '{"n": 1, "prediction": {"a": 1.0}, "temperature": null, "stream_options": {"x": true}}',
        "mine": '{"prediction": {"b": 2}}',
        "anthropic": '{"speed": "fast"}',
    }
    body = json.loads(ask(target=own, generation={"temperature": 1}, providerOptionsJson=options).body)
    assert body["prediction"] == {"a": 1.0, "b": 2}
    assert body["temperature"] is None
    assert body["stream_options"] == {"include_usage": True, "x": True}
    assert "speed" not in body
    null = json.loads(ask(providerOptionsJson={"openai": '{"stream_options": null}'}).body)
    assert null["stream_options"] is None


@pytest.mark.parametrize(
    "options", ['{"n": 2}', '{"n": "2"}', '{"stream": false}', '{"stream_options": {"include_usage": false}}']
)
def test_options_that_would_break_the_gateway(options: str) -> None:
    reason, fields = refused(providerOptionsJson={"openai": options})
    assert (reason, fields) == ("INVALID_REQUEST", ['input.provider_options_json["openai"]'])


FUNCTION = {
    "name": "get_weather",
    "description": "",
    "inputSchemaJson": '{"type":"object",  "properties":{"n":{"maximum":1.0}}}',
    "strict": True,
    "providerFieldsJson": '{"function": {"x": 1}, "y": 2}',
}


def test_tools() -> None:
    sent = ask(tools=[{"function": FUNCTION}, {"function": {"name": "nothing"}}])
    assert b'"parameters":{"type":"object",  "properties":{"n":{"maximum":1.0}}}' in sent.body
    [first, second] = json.loads(sent.body)["tools"]
    function = first.pop("function")
    assert first == {"type": "function", "y": 2}
    assert function.pop("parameters")
    assert function == {"name": "get_weather", "description": "", "strict": True, "x": 1}
    assert second == {"type": "function", "function": {"name": "nothing"}}
    [compatible] = body_of(COMPATIBLE_PROVIDER, tools=[{"function": {"name": "nothing"}}])["tools"]
    assert compatible["function"]["parameters"] == {"type": "object", "properties": {}}


CUSTOM = '{"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}'


def test_tools_of_the_provider() -> None:
    tools = [{"providerDefined": {"providerType": "openai", "rawJson": CUSTOM}}, {"function": {"name": "f"}}]
    sent = ask(tools=tools, toolChoice={"toolName": "sql"})
    assert b'"tools":[' + CUSTOM.encode() + b"," in sent.body
    assert json.loads(sent.body)["tool_choice"] == {"type": "custom", "custom": {"name": "sql"}}
    foreign = {"providerDefined": {"providerType": "anthropic", "rawJson": "{}"}}
    assert refused(tools=[foreign])[1] == ["input.tools[0].provider_defined"]


def test_what_tools_cannot_have() -> None:
    function = {
        "name": "f", "inputExamplesJson": ["{}"], "deferLoading": False, "eagerInputStreaming": True,
        "allowedCallers": ["direct"],
    }  # fmt: skip
    reason, fields = refused(tools=[{"function": function}])
    assert reason == "CAPABILITY_NOT_SUPPORTED"
    names = ("input_examples_json", "defer_loading", "eager_input_streaming", "allowed_callers")
    assert set(fields) == {f"input.tools[0].function.{name}" for name in names}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"mode": "TOOL_CHOICE_MODE_AUTO"}, {"tool_choice": "auto"}),
        ({"mode": "TOOL_CHOICE_MODE_ANY"}, {"tool_choice": "required"}),
        ({"mode": "TOOL_CHOICE_MODE_NONE", "parallel": False}, {"tool_choice": "none", "parallel_tool_calls": False}),
        ({"toolName": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"parallel": True}, {"parallel_tool_calls": True}),
    ],
)
def test_the_choice_of_tools(choice: Json, expected: Json) -> None:
    assert body_of(toolChoice=choice) == expected


def test_names_of_tools_go_and_come_back() -> None:
    long = "a" * 65
    use = {"toolUse": {"id": "c", "name": "weather/now", "inputJson": "{}"}}
    sent = ask(
        tools=[{"function": {"name": name}} for name in ("weather/now", long, "fine", "weather.now")],
        toolChoice={"toolName": "weather/now"},
        messages=[user(words("a")), assistant(use)],
    )
    body = json.loads(sent.body)
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert len(set(names)) == 4
    assert names[2] == "fine"
    assert all(len(name) <= 64 and name.replace("_", "").isalnum() for name in names)
    assert body["tool_choice"]["function"]["name"] == names[0]
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == names[0]
    assert sent.tool_names == {names[0]: "weather/now", names[1]: long, names[3]: "weather.now"}


def test_everything_that_is_wrong_is_told_at_once() -> None:
    reason, fields = refused(
        messages=[user({"image": {"media": media(data=b"x")}})],
        generation={"topK": 1, "temperature": 9},
        providerOptionsJson={"openai": '{"stream": true}'},
    )
    assert reason == "INVALID_REQUEST"
    assert fields == [
        "input.messages[0].content[0].image.media.media_type",
        "input.generation.temperature",
        'input.provider_options_json["openai"]',
    ]
