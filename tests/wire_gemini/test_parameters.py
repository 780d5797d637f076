"""What else of a request goes to Gemini: tools, parameters, options; and other requests."""

from __future__ import annotations

import json

import pytest

from support.calls import text_block, user
from trunkline.v1 import chat_input_pb2
from wire.decoding import Json
from wire_gemini.asking import (
    asked,
    assistant,
    body,
    encoded,
    reasoning,
    refused,
    tool,
    tool_result,
    tool_use,
)
from wire_gemini.decoding import ON_VERTEX, PROVIDER, TARGET, VERTEX


def test_functions_stand_together_and_other_tools_alone() -> None:
    search = chat_input_pb2.Tool(
        provider_defined=chat_input_pb2.ProviderTool(provider_type="gemini", raw_json='{"googleSearch":{}}')
    )
    sent = body(tools=[tool(name="a", description="A"), tool(name="b", strict=False), search, tool(name="c")])
    assert sent["tools"] == [
        {"functionDeclarations": [{"name": "a", "description": "A"}, {"name": "b"}]},
        {"googleSearch": {}},
        {"functionDeclarations": [{"name": "c"}]},
    ]


@pytest.mark.parametrize("name", ["files/read", "1st", "näme", "x" * 65])
def test_names_of_tools_that_gemini_refuses_are_changed_everywhere(name: str) -> None:
    request = encoded(
        asked(
            user("Hello"),
            assistant(tool_use(name=name)),
            user(tool_result("x")),
            tools=[tool(name=name), tool(name="plain.name:x-1")],
            tool_choice=chat_input_pb2.ToolChoice(tool_name=name),
        )
    )
    sent = json.loads(request.body)
    (changed,) = request.tool_names
    assert request.tool_names[changed] == name
    assert len(changed) <= 64
    assert changed[0].isalpha() or changed[0] == "_"
    declared = [each["name"] for each in sent["tools"][0]["functionDeclarations"]]
    assert declared == [changed, "plain.name:x-1"]
    assert sent["contents"][1]["parts"][0]["functionCall"]["name"] == changed
    assert sent["contents"][2]["parts"][0]["functionResponse"]["name"] == changed
    assert sent["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [changed]}}


MODES = {
    "AUTO": chat_input_pb2.TOOL_CHOICE_MODE_AUTO,
    "ANY": chat_input_pb2.TOOL_CHOICE_MODE_ANY,
    "NONE": chat_input_pb2.TOOL_CHOICE_MODE_NONE,
}


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_choice(mode: str) -> None:
    choice = chat_input_pb2.ToolChoice(mode=MODES[mode], parallel=True)
    assert body(tool_choice=choice)["toolConfig"] == {"functionCallingConfig": {"mode": mode}}
    assert "toolConfig" not in body(tool_choice=chat_input_pb2.ToolChoice(parallel=True))


def test_the_whole_of_generation() -> None:
    sent = body(
        generation=chat_input_pb2.GenerationParams(
            max_output_tokens=0, temperature=1.5, top_p=0.0, top_k=3, stop_sequences=["END"], seed=-7,
            presence_penalty=-1, frequency_penalty=2, logprobs=True, top_logprobs=5,
        ),
        gemini=chat_input_pb2.GeminiOptions(
            safety_settings=[chat_input_pb2.SafetySetting(category="HARM_CATEGORY_X", threshold="OFF")],
            cached_content="cachedContents/a", media_resolution="MEDIA_RESOLUTION_LOW",
        ),
        service_tier="flex",
        output_format=chat_input_pb2.OutputFormat(json_object=chat_input_pb2.JsonObjectFormat()),
    )  # fmt: skip
    assert sent["generationConfig"] == {
        "maxOutputTokens": 0, "temperature": 1.5, "topP": 0.0, "topK": 3, "stopSequences": ["END"], "seed": -7,
        "presencePenalty": -1, "frequencyPenalty": 2, "responseLogprobs": True, "logprobs": 5,
        "responseMimeType": "application/json", "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }  # fmt: skip
    assert sent["safetySettings"] == [{"category": "HARM_CATEGORY_X", "threshold": "OFF"}]
    assert sent["cachedContent"] == "cachedContents/a"
    assert sent["serviceTier"] == "flex"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (reasoning("DISABLED"), {"thinkingBudget": 0}),
        (reasoning("DISABLED", effort="none"), {"thinkingBudget": 0}),
        (reasoning("ADAPTIVE"), {"thinkingBudget": -1}),
        (
            reasoning("ADAPTIVE", effort="high", display="summarized"),
            {"thinkingLevel": "HIGH", "includeThoughts": True},
        ),
        (reasoning("BUDGET", budget_tokens=99, display="omitted"), {"thinkingBudget": 99, "includeThoughts": False}),
        (reasoning(effort="minimal"), {"thinkingLevel": "MINIMAL"}),
        (reasoning(effort="none"), {"thinkingBudget": 0}),
        (reasoning(display="auto"), {"includeThoughts": True}),
    ],
)
def test_reasoning(params: chat_input_pb2.ReasoningParams, expected: Json) -> None:
    assert body(reasoning=params)["generationConfig"] == {"thinkingConfig": expected}


@pytest.mark.parametrize(
    "params",
    [
        reasoning("BUDGET", budget_tokens=9, effort="low"),
        reasoning("BUDGET", budget_tokens=9, effort="none"),
        reasoning("DISABLED", effort="low"),
    ],
)
def test_a_level_and_a_budget_are_too_much(params: chat_input_pb2.ReasoningParams) -> None:
    assert [each.field for each in refused(asked(reasoning=params)).violations] == ["input.reasoning.effort"]


def test_provider_options_are_merged_last() -> None:
    sent = body(
        generation=chat_input_pb2.GenerationParams(temperature=1),
        provider_options_json={
            "gemini": '{"generationConfig": {"temperature": 0.5, "speechConfig": {"x": 1.0}}, "a": 1}',
            "anthropic": '{"b": 1}',
        },
    )
    assert sent["generationConfig"] == {"temperature": 0.5, "speechConfig": {"x": 1.0}}
    assert sent["a"] == 1
    assert "b" not in sent


def test_labels_are_vertexs() -> None:
    sent = body(gemini=chat_input_pb2.GeminiOptions(labels={"team": "a", "area": "b", "who": "c"}), vertex=True)
    assert list(sent["labels"].items()) == [("area", "b"), ("team", "a"), ("who", "c")]


def test_counting_at_the_developer_api_counts_all_of_it() -> None:
    request = PROVIDER.encode_count(asked(system=[text_block("Be brief.")], tools=[tool(name="f")]), TARGET)
    assert request.url == "https://gemini.invalid/v1beta/models/gemini-3.8-flash:countTokens"
    sent = json.loads(request.body)["generateContentRequest"]
    assert sent["model"] == "models/gemini-3.8-flash"
    assert set(sent) == {"model", "contents", "systemInstruction", "tools"}


def test_counting_on_vertex_sends_what_it_takes() -> None:
    chat_input = asked(
        system=[text_block("Be brief.")],
        tool_choice=chat_input_pb2.ToolChoice(mode=chat_input_pb2.TOOL_CHOICE_MODE_ANY),
        generation=chat_input_pb2.GenerationParams(temperature=1),
    )
    chat_input.gemini.cached_content = "c"
    chat_input.provider_options_json["gemini"] = '{"generationConfig": {}, "modelArmorConfig": {}}'
    request = VERTEX.encode_count(chat_input, ON_VERTEX)
    assert [each.field for each in request.warnings] == [
        "input.gemini.cached_content",
        'input.provider_options_json["gemini"].modelArmorConfig',
    ]
    assert request.url.endswith("/publishers/google/models/gemini-3.8-flash:countTokens")
    assert set(json.loads(request.body)) == {"contents", "systemInstruction", "generationConfig"}


def test_what_is_known_of_a_model_and_of_a_count() -> None:
    request = PROVIDER.encode_model(TARGET)
    assert request is not None
    assert (request.method, request.url) == ("GET", "https://gemini.invalid/v1beta/models/gemini-3.8-flash")
    assert VERTEX.encode_model(ON_VERTEX) is None
    assert PROVIDER.decode_model(b'{"inputTokenLimit": 1048576, "outputTokenLimit": 65536}') == 65536
    assert PROVIDER.decode_model(b"{}") is None
    counted = PROVIDER.decode_count(b'{"totalTokens": 7, "promptTokensDetails": [ 1 ]}', TARGET)
    assert counted.input_tokens == 7
    assert counted.provider_fields_json == '{"promptTokensDetails":[ 1 ]}'
