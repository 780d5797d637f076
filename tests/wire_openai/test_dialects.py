"""Servers that speak Chat Completions in a way of their own: where they have reasoning, and what Mistral takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline.v1 import chat_input_pb2, embedding_service_pb2, message_pb2
from trunkline_service.config import ProviderSettings
from trunkline_service.errors import GatewayError
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.providers.openai.platform import COMPATIBLE, MISTRAL
from trunkline_service.providers.registry import codec
from wire.decoding import Json
from wire_openai.asking import ask, assistant, refused, user, warned, words
from wire_openai.decoding import COMPATIBLE_PROVIDER, DONE, FIRST, TARGET, calls, chunk, piece, play, sse, text, whole

MISTRAL_PROVIDER = ChatProvider(MISTRAL)


def thought(*texts: str, **beside: Any) -> Json:
    """A chunk of Mistral's with reasoning in it."""
    pieces = [{"type": "text", "text": each} for each in texts]
    return chunk({"content": [{"type": "thinking", "thinking": pieces, **beside}]})


def sent_back(message: message_pb2.Message, provider: ChatProvider = COMPATIBLE_PROVIDER) -> Json:
    request = provider.encode_chat(chat_input_pb2.ChatInput(messages=[message]), TARGET)
    assert not request.warnings
    [sent] = json.loads(request.body)["messages"]
    assert isinstance(sent, dict)
    return sent


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_goes_back_by_the_name_that_it_came_by(name: str) -> None:
    """Groq, for one, refuses the name that it does not have itself."""
    call = calls(piece(0, "{}", name="f", id="call_1"))
    parts = [chunk({name: "H"}), chunk({name: "m"}), *text("So."), call]
    streamed = play(sse(FIRST, *parts, chunk({}, "tool_calls"), DONE)).response.message
    assert [block.WhichOneof("kind") for block in streamed.content] == ["thinking", "text", "tool_use"]
    back = sent_back(streamed)
    assert {member: back[member] for member in ("reasoning_content", "reasoning") if member in back} == {name: "Hm"}
    at_once = whole({name: "Hm", "content": "So."}).message
    assert sent_back(at_once) == {"role": "assistant", "content": "So.", name: "Hm"}


def test_reasoning_by_both_names() -> None:
    same = play(sse(FIRST, chunk({"reasoning": "Hm", "reasoning_content": "Hm"}), chunk({}, "stop"), DONE))
    assert sent_back(same.response.message) == {"role": "assistant", "content": "", "reasoning_content": "Hm"}
    other = play(sse(FIRST, chunk({"reasoning": "a", "reasoning_content": "b"}), chunk({}, "stop"), DONE))
    assert sent_back(other.response.message) == {
        "role": "assistant", "content": "", "reasoning_content": "b", "reasoning": "a",
    }  # fmt: skip


def test_reasoning_in_parts() -> None:
    parts = [
        thought("H"),
        thought("m", " \N{GRINNING FACE}"),
        thought(closed=True, signature="s"),
        *text("So."),
    ]
    streamed = play(sse(FIRST, *parts, chunk({}, "stop"), DONE)).response.message
    said = [{"type": "text", "text": "Hm \N{GRINNING FACE}"}]
    content = [
        {"type": "thinking", "thinking": said, "closed": True, "signature": "s"},
        {"type": "text", "text": "So."},
    ]
    assert [block.WhichOneof("kind") for block in streamed.content] == ["thinking", "text"]
    assert sent_back(streamed, MISTRAL_PROVIDER) == {"role": "assistant", "content": content}
    at_once = whole({"content": content}).message
    assert at_once == streamed
    # What is more than texts stays as it is.
    odd = {"type": "thinking", "thinking": [*said, {"type": "reference", "reference_ids": [1]}]}
    kept = whole({"content": [odd, content[1]]}).message
    assert [block.WhichOneof("kind") for block in kept.content] == ["opaque", "text"]
    assert sent_back(kept, MISTRAL_PROVIDER) == {"role": "assistant", "content": [odd, content[1]]}


def test_reasoning_without_a_place_is_a_part_to_mistral() -> None:
    message = whole({"reasoning_content": "Hm", "content": "So."}).message
    [first, _] = sent_back(message, MISTRAL_PROVIDER)["content"]
    assert first == {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}


def test_what_stands_beside_reasoning_that_is_a_text() -> None:
    block = {"thinking": {"text": "Hm"}, "providerFieldsJson": '{"type": "reasoning", "x": 1}'}
    request = ask(COMPATIBLE_PROVIDER, messages=[assistant(block, origin={"provider": TARGET.provider})])
    assert warned(request) == [("FIELD_DROPPED", "input.messages[0].content[0].provider_fields_json")]
    assert json.loads(request.body)["messages"][0]["reasoning"] == "Hm"


def test_mistral_is_asked_for_nothing_that_it_does_not_know() -> None:
    request = ask(MISTRAL_PROVIDER, messages=[user(words("a"))], generation={"seed": "7", "maxOutputTokens": 9})
    body = json.loads(request.body)
    assert body == {
        "model": TARGET.model, "messages": [{"role": "user", "content": "a"}], "stream": True, "max_tokens": 9,
        "random_seed": 7,
    }  # fmt: skip
    lacking = {
        "messages": [user(words("a"), name="Ann")], "endUserId": "u", "serviceTier": "flex",
        "generation": {"logitBias": {"1": 1.0}},
        "openai": {"store": False, "verbosity": "low", "promptCacheKey": "k"},
    }  # fmt: skip
    assert refused(provider=MISTRAL_PROVIDER, **lacking) == (
        "CAPABILITY_NOT_SUPPORTED",
        [
            "input.messages[0].name", "input.generation.logit_bias", "input.openai.prompt_cache_key",
            "input.service_tier", "input.openai.store", "input.end_user_id", "input.openai.verbosity",
        ],
    )  # fmt: skip


def test_embeddings_of_mistral() -> None:
    request = embedding_service_pb2.EmbedRequest(inputs=[{"text": "a"}], dimensions=256)
    body = json.loads(MISTRAL_PROVIDER.encode_embed(request, TARGET).body)
    assert body == {"model": TARGET.model, "input": ["a"], "output_dimension": 256}
    request.end_user_id = "u"
    with pytest.raises(GatewayError) as raised:
        MISTRAL_PROVIDER.encode_embed(request, TARGET)
    assert [violation.field for violation in raised.value.violations] == ["end_user_id"]


def test_options_of_mistral_are_the_callers() -> None:
    options = {"openai": '{"prompt_mode": "reasoning", "stream_options": null}'}
    body = json.loads(ask(MISTRAL_PROVIDER, messages=[user(words("a"))], providerOptionsJson=options).body)
    assert body["prompt_mode"] == "reasoning"


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://api.mistral.ai/v1", MISTRAL),
        ("https://API.mistral.ai:443/v1", MISTRAL),
        ("https://api.groq.com/openai/v1", COMPATIBLE),
        ("http://127.0.0.1:8000/v1", COMPATIBLE),
        ("https://api.mistral.ai.example.com/v1", COMPATIBLE),
    ],
)
def test_servers_are_known_by_their_host(url: str, platform: object) -> None:
    chat = codec(ProviderSettings(name="m", type="openai_compatible", api="chat", base_url=url))
    assert isinstance(chat, ChatProvider)
    assert chat.platform is platform
