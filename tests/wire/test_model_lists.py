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
    "openai": (openai(), "data", {"id": "m", "created": 1_700_000_000, "shutdown_date": "2026-12-11"}),
    "gemini": (GeminiModels(), "models", {"name": "models/m", "inputTokenLimit": 5}),
}
TARGET = Target(provider="p", model="", base_url="https://x", api_key="k", auth="bearer")


def body(member: str, *entries: Any, **more: Any) -> bytes:
    return json.dumps({member: entries, **more}).encode()


def one(name: str, **fields: Any) -> Model:
    lister, member, _ = LISTERS[name]
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
