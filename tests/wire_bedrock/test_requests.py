"""What goes to Bedrock, by each of its ways."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest

from support.calls import chat_input
from trunkline.v1 import chat_input_pb2
from trunkline_service import catalog
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.bedrock import BedrockMantle, BedrockMessages
from trunkline_service.providers.bedrock.invoke import BedrockInvoke

TARGET = Target(
    provider="bedrock",
    model="us.anthropic.claude-opus-5-5",
    base_url="https://b.invalid",
    auth="bearer",
    region="us-east-1",
    max_output_tokens=64_000,
    takes_newest_version=True,
)
INVOKE, MESSAGES, MANTLE = BedrockInvoke(), BedrockMessages(), BedrockMantle()
Options = chat_input_pb2.AnthropicOptions
Params = chat_input_pb2.GenerationParams
SAMPLED = Params(max_output_tokens=5, temperature=0.5)
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"


def body_of(sent: Any) -> Any:
    return json.loads(sent.body)


def test_invoke_is_anthropics_body_without_what_the_path_says() -> None:
    sent = INVOKE.encode_chat(chat_input(), TARGET)
    url = "https://b.invalid/model/us.anthropic.claude-opus-5-5/invoke-with-response-stream"
    assert (sent.method, sent.url) == ("POST", url)
    body = body_of(sent)
    theirs = body_of(AnthropicProvider().encode_chat(chat_input(), TARGET))
    assert theirs.pop("model") == TARGET.model
    assert theirs.pop("stream") is True
    assert body.pop("anthropic_version") == "2026-10-21"
    assert body == theirs
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["accept"] == "application/vnd.amazon.eventstream"
    assert not {"authorization", "x-api-key", "anthropic-version", "anthropic-beta"} & sent.headers.keys()


@pytest.mark.parametrize("provider", [MESSAGES, MANTLE])
def test_the_other_ways_are_anthropics_own(provider: BedrockMessages) -> None:
    asked = chat_input(anthropic=Options(betas=["b"], user_profile_id="u"))
    sent = provider.encode_chat(asked, dataclasses.replace(TARGET, betas=("a",)))
    assert sent.url == "https://b.invalid/v1/messages"
    body = body_of(sent)
    assert (body["model"], body["stream"], body["user_profile_id"]) == (TARGET.model, True, "u")
    assert "anthropic_version" not in body
    assert sent.headers["anthropic-version"] == "2026-10-21"
    assert sent.headers["anthropic-beta"] == "a,b"
    assert "anthropic-user-profile-id" not in sent.headers


@pytest.mark.parametrize(
    ("model", "newest"),
    [
        ("anthropic.claude-opus-5-5", True),
        ("global.anthropic.claude-sonnet-5", True),
        ("eu.anthropic.claude-opus-4-7-20260301-v1:0", True),
        ("anthropic.claude-opus-4-6-v1:0", False),
        ("anthropic.claude-sonnet-4-20250514-v1:0", False),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", False),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", False),
        ("anthropic.claude-fable-5-1", True),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-5", True),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0", False),
        (ARN, False),
    ],
)
def test_only_newer_models_get_the_newest_version(model: str, newest: bool) -> None:
    facts = catalog.find("bedrock", model)
    target = dataclasses.replace(TARGET, model=model, takes_newest_version=facts and facts.takes_newest_version)
    expected = "2026-10-21" if newest else "bedrock-2023-05-31"
    assert body_of(INVOKE.encode_chat(chat_input(), target))["anthropic_version"] == expected
    expected = "2026-10-21" if newest else "2023-06-01"
    assert MESSAGES.encode_chat(chat_input(), target).headers["anthropic-version"] == expected
    assert MANTLE.encode_chat(chat_input(), target).headers["anthropic-version"] == expected


@pytest.mark.parametrize(
    ("asked", "configured", "version"),
    [
        (chat_input(generation=SAMPLED), "", "bedrock-2023-05-31"),
        (chat_input(anthropic=Options(version="2023-06-01")), "", "bedrock-2023-05-31"),
        (chat_input(), "bedrock-2023-05-31", "bedrock-2023-05-31"),
        (chat_input(anthropic=Options(version="2026-10-21")), "bedrock-2023-05-31", "2026-10-21"),
        (chat_input(provider_options_json={"bedrock": '{"anthropic_version":"x"}'}), "", "x"),
    ],
)
def test_versions_have_their_names_here(asked: chat_input_pb2.ChatInput, configured: str, version: str) -> None:
    sent = INVOKE.encode_chat(asked, dataclasses.replace(TARGET, version=configured))
    assert body_of(sent)["anthropic_version"] == version


def test_what_is_a_header_elsewhere_is_in_the_body() -> None:
    target = dataclasses.replace(
        TARGET, betas=("a", "b"), api_key="k", headers={"x-amzn-bedrock-guardrailidentifier": "g"}
    )
    asked = chat_input(anthropic=Options(betas=["b", "c"], user_profile_id="u"), service_tier="flex")
    sent = INVOKE.encode_chat(asked, target)
    body = body_of(sent)
    assert body["anthropic_beta"] == ["a", "b", "c"]
    assert body["user_profile_id"] == "u"
    assert "service_tier" not in body
    assert sent.headers["x-amzn-bedrock-service-tier"] == "flex"
    assert sent.headers["x-amzn-bedrock-guardrailidentifier"] == "g"
    assert sent.headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("name", "value", "untold"),
    [
        ("X-Amzn-Bedrock-Service-Tier", "priority", True),
        ("X-Amzn-Bedrock-Service-Tier", "default", False),
        ("x-amzn-bedrock-performanceconfig-latency", "optimized", True),
        ("x-amzn-bedrock-performanceconfig-latency", "standard", False),
        ("x-amzn-bedrock-guardrailidentifier", "g", True),
        ("x-amzn-bedrock-trace", "ENABLED", False),
    ],
)
def test_a_header_that_costs_something(name: str, value: str, untold: bool) -> None:
    target = dataclasses.replace(TARGET, headers={name: value})
    assert INVOKE.encode_chat(chat_input(), target).untold_costs is untold
    assert not MESSAGES.encode_chat(chat_input(), target).untold_costs


@pytest.mark.parametrize("provider", [INVOKE, MESSAGES, MANTLE])
def test_workspaces_are_refused_by_name(provider: BedrockMessages) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.encode_chat(chat_input(anthropic=Options(workspace_id="w")), TARGET)
    assert [violation.field for violation in caught.value.violations] == ["input.anthropic.workspace_id"]


@pytest.mark.parametrize("tier", ["a b", "a\r\nx-evil: 1", "é"])
def test_a_service_tier_that_no_header_can_hold_is_refused(tier: str) -> None:
    with pytest.raises(GatewayError) as caught:
        INVOKE.encode_chat(chat_input(service_tier=tier), TARGET)
    assert [violation.field for violation in caught.value.violations] == ["input.service_tier"]


@pytest.mark.parametrize("option", ["model", "stream"])
def test_what_the_path_says_cannot_be_an_option(option: str) -> None:
    with pytest.raises(GatewayError, match="the gateway's to decide"):
        INVOKE.encode_chat(chat_input(provider_options_json={"anthropic": f'{{"{option}":true}}'}), TARGET)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("us.anthropic.claude-3-haiku-20240307-v1:0", "us.anthropic.claude-3-haiku-20240307-v1:0"),
        (ARN, "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile%2Fabc"),
        ("a;b c?d#e%/é", "a;b%20c%3Fd%23e%25%2F%C3%A9"),
    ],
)
def test_models_are_percent_encoded(model: str, path: str) -> None:
    sent = INVOKE.encode_chat(chat_input(), dataclasses.replace(TARGET, model=model))
    assert sent.url == f"https://b.invalid/model/{path}/invoke-with-response-stream"


def test_invoke_counts_a_whole_body_of_the_model_itself() -> None:
    sent = INVOKE.encode_count(chat_input(), dataclasses.replace(TARGET, headers={"x-own": "1"}))
    assert sent.url == "https://b.invalid/model/anthropic.claude-opus-5-5/count-tokens"
    inner = json.loads(base64.b64decode(body_of(sent)["input"]["invokeModel"]["body"]))
    assert inner == body_of(INVOKE.encode_chat(chat_input(), TARGET))
    assert inner["max_tokens"] == 100
    assert sent.headers["x-own"] == "1"
    assert sent.headers["accept"] == "application/json"


def test_a_count_needs_no_maximum_of_the_caller() -> None:
    unknown = dataclasses.replace(TARGET, max_output_tokens=None)
    thinking = chat_input_pb2.ReasoningParams(mode=chat_input_pb2.REASONING_MODE_BUDGET, budget_tokens=2048)
    for reasoning, maximum in ((chat_input_pb2.ReasoningParams(), 1), (thinking, 2049)):
        sent = INVOKE.encode_count(chat_input(generation=Params(), reasoning=reasoning), unknown)
        inner = json.loads(base64.b64decode(body_of(sent)["input"]["invokeModel"]["body"]))
        assert inner["max_tokens"] == maximum
        assert not sent.warnings


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"),
        (ARN, ARN),
    ],
)
def test_what_is_counted_for(model: str, base: str) -> None:
    target = dataclasses.replace(TARGET, model=model)
    sent = INVOKE.encode_count(chat_input(), target)
    assert sent.url == INVOKE.platform.url("/model/{model}/count-tokens", dataclasses.replace(TARGET, model=base))
    assert sent.model == MANTLE.encode_count(chat_input(), target).model == base


def test_mantle_counts_by_its_own_path_and_the_native_path_by_that_of_invoke() -> None:
    sent = MANTLE.encode_count(chat_input(), TARGET)
    assert sent.url == "https://b.invalid/v1/messages/count_tokens"
    assert body_of(sent)["model"] == "anthropic.claude-opus-5-5"
    # Where the host begins, only the usual address tells.
    assert MESSAGES.encode_count(chat_input(), TARGET) is None
    usual = dataclasses.replace(TARGET, base_url=f"{TARGET.base_url}/anthropic")
    assert MESSAGES.encode_count(chat_input(), usual) == INVOKE.encode_count(chat_input(), TARGET)
    assert MESSAGES.decode_count(b'{"inputTokens":3}', usual).input_tokens == 3
    assert MANTLE.decode_count(b'{"input_tokens":3}', TARGET).input_tokens == 3


def test_the_count_is_read() -> None:
    counted = INVOKE.decode_count(b'{"inputTokens":7,"more":1}', TARGET)
    assert (counted.input_tokens, counted.provider_fields_json) == (7, '{"more":1}')
    assert counted.origin.provider_type == "anthropic"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"inputTokens":-1}', b'{"inputTokens":"7"}', b'{"input_tokens":7}']
)
def test_what_is_no_count(body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        INVOKE.decode_count(body, TARGET)


@pytest.mark.parametrize("provider", [INVOKE, MESSAGES, MANTLE])
def test_bedrock_tells_nothing_of_models(provider: BedrockMessages) -> None:
    assert provider.encode_model(TARGET) is None
    assert provider.type == "anthropic"
