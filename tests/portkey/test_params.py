"""`override_params`: what becomes a field, what goes into the provider's own request, and what is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import text_format

from portkey.converting import converted, noted, refused, target
from trunkline.portkey import NoteKind
from trunkline.v1 import ChatInput

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
TEXT = json.dumps(SCHEMA, separators=(",", ":"))


def overrides(params: dict[str, Any], provider: str = "openai") -> ChatInput:
    return converted(target(provider, params=params)).route.overrides


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("params", "input_"),
    [
        ({"max_tokens": 100}, "generation { max_output_tokens: 100 }"),
        ({"max_completion_tokens": 100.0}, "generation { max_output_tokens: 100 }"),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "generation { max_output_tokens: 7 }"),
        ({"temperature": 0, "top_p": 1, "top_k": 5}, "generation { temperature: 0 top_p: 1 top_k: 5 }"),
        ({"stop": "END"}, 'generation { stop_sequences: "END" }'),
        ({"stop": ["a", "b"]}, 'generation { stop_sequences: ["a", "b"] }'),
        ({"seed": -7}, "generation { seed: -7 }"),
        (
            {"presence_penalty": 0.5, "frequency_penalty": -1},
            "generation { presence_penalty: 0.5 frequency_penalty: -1 }",
        ),
        ({"logprobs": True, "top_logprobs": 3}, "generation { logprobs: true top_logprobs: 3 }"),
        ({"logit_bias": {"50256": -100}}, "generation { logit_bias { key: 50256 value: -100 } }"),
        ({"user": "u-1"}, 'end_user_id: "u-1"'),
        ({"service_tier": "flex"}, 'service_tier: "flex"'),
        ({"reasoning_effort": "low"}, 'reasoning { effort: "low" }'),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            "reasoning { mode: REASONING_MODE_BUDGET budget_tokens: 2048 }",
        ),
        ({"thinking": {"type": "disabled"}}, "reasoning { mode: REASONING_MODE_DISABLED }"),
        ({"response_format": {"type": "json_object"}}, "output_format { json_object {} }"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "strict": True, "schema": SCHEMA},
                }
            },
            f'output_format {{ json_schema {{ name: "n" strict: true schema_json: {quoted(TEXT)} }} }}',
        ),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
                        "cache_control": {"type": "ephemeral", "ttl": "1h"},
                    }
                ]
            },
            f'tools {{ cache_control {{ ttl: "1h" }} function {{ name: "f" description: "d" strict: true'
            f" input_schema_json: {quoted(TEXT)} }} }}",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "defer": 1}, "x": [2]}]},
            'tools { function { name: "f" provider_fields_json: "{\\"defer\\":1,\\"x\\":[2]}" } }',
        ),
        ({"tool_choice": "required"}, "tool_choice { mode: TOOL_CHOICE_MODE_ANY }"),
        (
            {"tool_choice": "auto", "parallel_tool_calls": False},
            "tool_choice { mode: TOOL_CHOICE_MODE_AUTO parallel: false }",
        ),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, 'tool_choice { tool_name: "f" }'),
        ({"tool_choice": {"type": "any"}}, "tool_choice { mode: TOOL_CHOICE_MODE_ANY }"),
        ({"metadata": {"a": "b"}}, 'openai { metadata { key: "a" value: "b" } }'),
        (
            {"store": True, "verbosity": "low", "prompt_cache_key": "k"},
            'openai { store: true verbosity: "low" prompt_cache_key: "k" }',
        ),
    ],
)
def test_what_becomes_a_field(params: dict[str, Any], input_: str) -> None:
    assert overrides(params) == text_format.Parse(input_, ChatInput())


@pytest.mark.parametrize(
    ("params", "input_"),
    [
        ({"metadata": {"user_id": "u"}}, 'end_user_id: "u"'),
        (
            {"anthropic_version": "2023-06-01", "anthropic_beta": "a, b"},
            'anthropic { version: "2023-06-01" betas: ["a", "b"] }',
        ),
        ({"anthropic_beta": ["a", "b"]}, 'anthropic { betas: ["a", "b"] }'),
        (
            {"tools": [{"type": "web_search", "web_search": {"name": "web_search_20250305", "max_uses": 3}}]},
            "tools { provider_defined { provider_type: 'anthropic'"
            ' raw_json: \'{"type":"web_search_20250305","name":"web_search","max_uses":3}\' } }',
        ),
    ],
)
def test_what_becomes_a_field_at_anthropic(params: dict[str, Any], input_: str) -> None:
    assert overrides(params, "anthropic") == text_format.Parse(input_, ChatInput())


def test_the_headers_of_anthropic_may_stand_in_the_target() -> None:
    done = converted(target(anthropic_version="2023-06-01", anthropic_beta="prompt-caching-2024-07-31"))
    assert done.route.overrides.anthropic.version == "2023-06-01"
    assert done.route.overrides.anthropic.betas == ["prompt-caching-2024-07-31"]
    assert not done.notes


@pytest.mark.parametrize(
    "params",
    [
        {"modalities": ["text"], "prediction": {"type": "content"}},
        {"tool_choice": {"type": "custom", "custom": {"name": "x"}}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}, "new": 1}}},
        {"thinking": {"type": "enabled"}},
        {"metadata": {"a": 1}},
    ],
)
def test_what_has_no_field_goes_into_the_providers_request(params: dict[str, Any]) -> None:
    done = converted(target("openai", params=params))
    assert json.loads(done.route.overrides.provider_options_json["openai"]) == params
    assert noted(done, NoteKind.DIFFERS) == [f"config.override_params.{name}" for name in params]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", True),
        ("stream_options", {"include_usage": True}),
        ("n", 2),
        ("messages", [{"role": "user", "content": "Hello"}]),
        ("temperature", None),
        ("response_format", {"type": "text"}),
        ("tools", []),
        ("stop", []),
    ],
)
def test_what_no_route_can_say_is_named(name: str, value: Any) -> None:
    done = converted(target(params={name: value}))
    assert not done.route.HasField("overrides")
    assert noted(done, NoteKind.DROPPED) == [f"config.override_params.{name}"]


def test_what_only_openai_has_is_named_elsewhere() -> None:
    done = converted(target("anthropic", params={"store": True}))
    assert not done.route.HasField("overrides")
    assert noted(done, NoteKind.DROPPED) == ["config.override_params.store"]


@pytest.mark.parametrize(
    ("params", "path", "text"),
    [
        ({"max_tokens": "many"}, ".max_tokens", "expected a number, found a text"),
        ({"max_tokens": -1}, ".max_tokens", "expected a whole number from 0 to 2147483647"),
        ({"max_tokens": 2**31}, ".max_tokens", "expected a whole number from 0 to 2147483647"),
        ({"top_p": 1.5}, ".top_p", "expected a number from 0 to 1"),
        ({"stop": [1]}, ".stop[0]", "expected a text, found a number"),
        ({"top_logprobs": 3}, ".top_logprobs", "needs logprobs: true beside it"),
        ({"logit_bias": {"a": 1}}, ".logit_bias.a", "expected a token's id, a whole number"),
        ({"tools": [{"type": "function", "function": {}}]}, ".tools[0].function", "needs a name"),
        ({"tools": {}}, ".tools", "expected a list, found an object"),
        ({"stop_sequences": ["a"], "stop": "b"}, ".stop_sequences", "is the same as stop: choose one"),
        ({"temperature": True}, ".temperature", "expected a number, found true or false"),
    ],
)
def test_mistakes(params: dict[str, Any], path: str, text: str) -> None:
    assert refused(target("openai", params=params)) == (f"config.override_params{path}", text)
