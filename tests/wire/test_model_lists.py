"""Lists of models, as providers write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.v1 import model_service_pb2
from trunkline.v1.model_service_pb2 import Model
from trunkline_service.providers.anthropic.models import AnthropicModels
from trunkline_service.providers.base import ModelLister, ModelPage, ProtocolViolation, Target
from trunkline_service.providers.gemini.models import GeminiModels
from trunkline_service.providers.openai.models import OpenAiModels
from trunkline_service.providers.openai.platform import AZURE, COMPATIBLE, OPENAI
from wire.mutation import mutated


def openai(platform: Any = OPENAI) -> OpenAiModels:
    lister = OpenAiModels()
    lister.platform = platform
    return lister


LISTERS: dict[str, tuple[ModelLister, str, dict[str, Any]]] = {
    "anthropic": (AnthropicModels(), "data", {"id": "m", "capabilities": {"thinking": {"supported": True}}}),
    "openai": (openai(), "data", {"id": "m", "created": 1_700_000_000, "supported_parameters": ["tools"]}),
    "gemini": (GeminiModels(), "models", {"name": "models/m", "inputTokenLimit": 5}),
}
TARGET = Target(provider="p", model="", base_url="https://x", api_key="k", auth="bearer")


def body(member: str, *entries: Any, **more: Any) -> bytes:
    return json.dumps({member: entries, **more}).encode()


def one(kind: str, /, **fields: Any) -> Model:
    lister, member, _ = LISTERS[kind]
    (model,) = lister.decode_models(body(member, fields)).models
    return model


@pytest.mark.parametrize("name", LISTERS)
def test_nothing_of_a_description_is_lost(name: str) -> None:
    lister, member, entry = LISTERS[name]
    text = json.dumps({**entry, "new": 1.0, "other": {"b": 1, "a": 12345678901234567890}}, indent=1)
    (model,) = lister.decode_models(f'{{"{member}": [{text}]}}'.encode()).models
    assert model.id == "m"
    assert model.provider_model_json == text


def test_openai() -> None:
    model = one("openai", id="gpt-4o", created=1_700_000_000, shutdown_date="2027-01-14", owned_by="openai")
    assert model.create_time.ToJsonString() == "2023-11-14T22:13:20Z"
    assert model.retire_time.ToJsonString() == "2027-01-14T00:00:00Z"
    assert one("openai", id="a", shutdown_date=1_800_000_000).retire_time.seconds == 1_800_000_000
    assert not one("openai", id="a", created=0, shutdown_date=None).HasField("retire_time")
    request = openai().encode_models(TARGET, "")
    assert request is not None
    assert (request.method, request.url, request.body) == ("GET", "https://x/models", b"")
    assert request.headers["authorization"] == "Bearer k"
    assert openai(COMPATIBLE).encode_models(TARGET, "") is not None
    # Tells what could be deployed, not what is.
    assert openai(AZURE).encode_models(TARGET, "") is None


def test_servers_compatible_with_openai_tell_more() -> None:
    groq = one("openai", id="m", context_window=131_072, max_completion_tokens=8_192)
    assert (groq.context_window, groq.max_output_tokens) == (131_072, 8_192)
    assert one("openai", id="m", max_model_len=4_096).context_window == 4_096
    mistral = one(
        "openai", id="m", name="M", max_context_length=32_768, deprecation="2027-01-14T00:00:00Z",
        capabilities={"completion_chat": True, "function_calling": True, "vision": False, "reasoning": None},
    )  # fmt: skip
    assert (mistral.display_name, mistral.context_window) == ("M", 32_768)
    assert mistral.deprecate_time.ToJsonString() == "2027-01-14T00:00:00Z"
    assert list(mistral.capabilities) == [
        model_service_pb2.MODEL_CAPABILITY_CHAT, model_service_pb2.MODEL_CAPABILITY_TOOLS
    ]  # fmt: skip
    assert list(mistral.missing_capabilities) == [model_service_pb2.MODEL_CAPABILITY_IMAGE_INPUT]
    openrouter = one(
        "openai", id="m", context_length=200_000, top_provider={"context_length": 1, "max_completion_tokens": 64_000},
        architecture={"input_modalities": ["text", "file"]}, supported_parameters=["tools", "reasoning", "temperature"],
    )  # fmt: skip
    assert (openrouter.context_window, openrouter.max_output_tokens) == (200_000, 64_000)
    assert set(openrouter.capabilities) == {
        model_service_pb2.MODEL_CAPABILITY_DOCUMENT_INPUT,
        model_service_pb2.MODEL_CAPABILITY_TOOLS,
        model_service_pb2.MODEL_CAPABILITY_REASONING,
        model_service_pb2.MODEL_CAPABILITY_SAMPLING,
    }
    assert set(openrouter.missing_capabilities) == {
        model_service_pb2.MODEL_CAPABILITY_IMAGE_INPUT,
        model_service_pb2.MODEL_CAPABILITY_AUDIO_INPUT,
        model_service_pb2.MODEL_CAPABILITY_STRUCTURED_OUTPUT,
    }


@pytest.mark.parametrize("odd", [{}, [], -5, "text", None, [5, {}], {"input_modalities": 5}, {"vision": "yes"}])
def test_what_is_told_oddly_is_not_told(odd: Any) -> None:
    model = one(
        "openai", id="m", architecture=odd, capabilities=odd, top_provider=odd, context_length=odd, context_window=odd
    )
    assert not model.capabilities
    assert not model.missing_capabilities
    assert not model.HasField("context_window")
    assert not model.HasField("max_output_tokens")


@pytest.mark.parametrize(
    ("told", "has"),
    [(True, True), (False, False), ({"supported": True}, True), ({"supported": False}, False), ({}, None), (7, None)],
)
def test_a_capability_of_anthropics(told: Any, has: bool | None) -> None:
    model = one("anthropic", id="m", capabilities={"pdf_input": told})
    capability = model_service_pb2.MODEL_CAPABILITY_DOCUMENT_INPUT
    assert (capability in model.capabilities) is (has is True)
    assert (capability in model.missing_capabilities) is (has is False)


@pytest.mark.parametrize("stamp", ["", "soon", "9999-99-99", "2026-01-01T00:00:00+99:00", 5, None])
def test_a_day_that_is_none(stamp: Any) -> None:
    assert not one("anthropic", id="m", retires_at=stamp).HasField("retire_time")


@pytest.mark.parametrize("number", [0, -1, 2**31, 1.5, "many", None])
def test_a_limit_that_is_none(number: Any) -> None:
    model = one("anthropic", id="m", max_tokens=number, max_input_tokens=number)
    assert not model.HasField("max_output_tokens")
    assert not model.HasField("context_window")


def test_pages() -> None:
    lister, member, entry = LISTERS["anthropic"]
    assert lister.decode_models(body(member, entry, has_more=True, last_id="m")).cursor == "m"
    assert lister.decode_models(body(member, entry, has_more=False, last_id="m")).cursor == ""
    lister, member, entry = LISTERS["gemini"]
    assert lister.decode_models(body(member, entry, nextPageToken="n")).cursor == "n"
    request = lister.encode_models(TARGET, "n&x")
    assert request is not None
    assert request.url.endswith("&pageToken=n%26x")


def survives(lister: ModelLister, data: bytes) -> None:
    try:
        page = lister.decode_models(data)
    except ProtocolViolation:
        return
    assert isinstance(page, ModelPage)
    assert all(model.id and Model.FromString(model.SerializeToString()) == model for model in page.models)


@pytest.mark.parametrize("name", LISTERS)
@given(st.data())
@settings(max_examples=50)
def test_any_json(name: str, data: st.DataObject) -> None:
    lister, member, entry = LISTERS[name]
    more = {"has_more": True, "last_id": "m", "nextPageToken": "n", "lifecycle": "active"}
    value = data.draw(mutated(data.draw(mutated({member: [{**entry, **more}, entry], **more}))))
    survives(lister, json.dumps(value).encode())


@pytest.mark.parametrize("name", LISTERS)
@given(st.data())
@settings(max_examples=50)
def test_any_bytes(name: str, data: st.DataObject) -> None:
    lister, member, entry = LISTERS[name]
    whole = body(member, entry, entry, has_more=True, last_id="m")
    at = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(at, len(whole)))
    survives(lister, whole[:at] + data.draw(st.binary(max_size=5)) + whole[end:])
