"""What goes to Vertex: Anthropic's body, in Google's envelope."""

from __future__ import annotations

import dataclasses
import json

import pytest

from support.calls import chat_input
from trunkline.v1 import chat_input_pb2
from trunkline_service.config import KINDS
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.base import Target
from trunkline_service.providers.vertex import VertexProvider

TARGET = Target(
    provider="vertex",
    model="claude-opus-5-5",
    base_url="https://v.invalid/v1",
    auth="bearer",
    region="europe-west1",
    project="my-project",
    max_output_tokens=64_000,
)
PROVIDER = VertexProvider()
PUBLISHER = "https://v.invalid/v1/projects/my-project/locations/europe-west1/publishers/anthropic/models"
Options = chat_input_pb2.AnthropicOptions
SAMPLED = chat_input_pb2.GenerationParams(max_output_tokens=5, temperature=0.5)


def test_a_chat_is_anthropics_without_the_model_and_with_the_version() -> None:
    sent = PROVIDER.encode_chat(chat_input(), TARGET)
    assert (sent.method, sent.url) == ("POST", f"{PUBLISHER}/claude-opus-5-5:streamRawPredict")
    body = json.loads(sent.body)
    assert body.pop("anthropic_version") == "2026-10-21"
    theirs = json.loads(AnthropicProvider().encode_chat(chat_input(), TARGET).body)
    assert theirs.pop("model") == "claude-opus-5-5"
    assert body == theirs
    assert body["stream"] is True
    assert "anthropic-version" not in sent.headers
    # Credentials are to add what lets it in.
    assert not {"authorization", "x-api-key"} & sent.headers.keys()


def test_a_count_keeps_the_model() -> None:
    sent = PROVIDER.encode_count(chat_input(), TARGET)
    assert sent is not None
    assert sent.url == f"{PUBLISHER}/count-tokens:rawPredict"
    body = json.loads(sent.body)
    assert (body["model"], body["anthropic_version"]) == ("claude-opus-5-5", "2026-10-21")
    assert not {"max_tokens", "stream"} & body.keys()


@pytest.mark.parametrize(
    ("asked", "configured", "version"),
    [
        (chat_input(generation=SAMPLED), "", "vertex-2023-10-16"),
        (chat_input(anthropic=Options(version="2023-06-01")), "2026-10-21", "vertex-2023-10-16"),
        (chat_input(), "vertex-2023-10-16", "vertex-2023-10-16"),
        (chat_input(), "2023-06-01", "vertex-2023-10-16"),
        (chat_input(provider_options_json={"anthropic": '{"anthropic_version":"x"}'}), "", "x"),
    ],
)
def test_versions_have_their_names_here(asked: chat_input_pb2.ChatInput, configured: str, version: str) -> None:
    sent = PROVIDER.encode_chat(asked, dataclasses.replace(TARGET, version=configured))
    assert json.loads(sent.body)["anthropic_version"] == version


def test_betas_and_the_key_are_headers() -> None:
    target = dataclasses.replace(TARGET, betas=("a",), api_key="ya29", headers={"x-own": "1"})
    sent = PROVIDER.encode_chat(chat_input(anthropic=Options(betas=["b"], user_profile_id="u")), target)
    assert sent.headers["anthropic-beta"] == "a,b"
    assert sent.headers["authorization"] == "Bearer ya29"
    assert sent.headers["anthropic-user-profile-id"] == "u"
    assert sent.headers["x-own"] == "1"
    assert "anthropic_beta" not in json.loads(sent.body)


def test_what_vertex_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(GatewayError) as caught:
        PROVIDER.encode_chat(chat_input(anthropic=Options(workspace_id="w")), TARGET)
    assert [violation.field for violation in caught.value.violations] == ["input.anthropic.workspace_id"]
    dropped = dataclasses.replace(TARGET, drop_unsupported=True)
    sent = PROVIDER.encode_chat(chat_input(anthropic=Options(workspace_id="w")), dropped)
    assert [warning.field for warning in sent.warnings] == ["input.anthropic.workspace_id"]
    assert b'"w"' not in sent.body
    assert "w" not in sent.headers.values()
    with pytest.raises(GatewayError, match="model is the gateway's"):
        PROVIDER.encode_chat(chat_input(provider_options_json={"anthropic": '{"model":"other"}'}), TARGET)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("claude-opus-4@20250514", "claude-opus-4@20250514"),
        ("claude-haiku-4-5@default", "claude-haiku-4-5@default"),
        ("a;b/../c?d#e f", "a%3Bb%2F..%2Fc%3Fd%23e%20f"),
    ],
)
def test_models_are_percent_encoded(model: str, path: str) -> None:
    sent = PROVIDER.encode_chat(chat_input(), dataclasses.replace(TARGET, model=model))
    assert sent.url == f"{PUBLISHER}/{path}:streamRawPredict"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_regions_have_their_hosts(region: str, host: str) -> None:
    for kind in ("vertex_anthropic", "vertex_gemini"):
        assert KINDS[kind].base_url("", region) == f"https://{host}/v1"


def test_vertex_tells_nothing_of_models() -> None:
    assert PROVIDER.encode_model(TARGET) is None
