"""Requests as tables: what each input becomes, what cannot be sent, and what the gateway adds."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from typing import Any

import pytest

from support.calls import chat_input, text_block, user
from trunkline.v1 import chat_input_pb2, message_pb2, warning_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import Target
from wire.decoding import KEY, PROVIDER, TARGET, Json

Block = message_pb2.ContentBlock
Media = message_pb2.Media
DROPPING = dataclasses.replace(TARGET, drop_unsupported=True)
LEGACY, NEWEST = "2023-06-01", "2026-10-21"


def body_of(asked: chat_input_pb2.ChatInput, target: Target = TARGET) -> Json:
    body: Json = json.loads(PROVIDER.encode_chat(asked, target).body)
    return body


def block_of(block: Block) -> Json:
    sent: Json = body_of(chat_input("m", user(block)))["messages"][0]["content"][0]
    return sent


def image(**media: Any) -> Block:
    return Block(image=message_pb2.ImageBlock(media=Media(**media)))


def document(**fields: Any) -> Block:
    return Block(document=message_pb2.DocumentBlock(**fields))


def base64_source(media_type: str, data: bytes) -> Json:
    return {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}


PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n....",
    "image/jpeg": b"\xff\xd8\xff\xe0....",
    "image/gif": b"GIF89a....",
    "image/webp": b"RIFF....WEBPVP8 ",
}
PDF = b"%PDF-1.7"
EQUAL: dict[str, tuple[Block, Json]] = {
    **{
        f"a picture that is {kind}": (image(data=data), {"type": "image", "source": base64_source(kind, data)})
        for kind, data in PICTURES.items()
    },
    "an old GIF": (image(data=b"GIF87a"), {"type": "image", "source": base64_source("image/gif", b"GIF87a")}),
    "what the caller says it is": (
        image(data=PICTURES["image/png"], media_type="image/webp"),
        {"type": "image", "source": base64_source("image/webp", PICTURES["image/png"])},
    ),
    "an address, whatever type it may have": (
        image(url="HTTPS://e.org/x", media_type="image/x-odd"),
        {"type": "image", "source": {"type": "url", "url": "HTTPS://e.org/x"}},
    ),
    "a PDF by its bytes": (
        document(media=Media(data=PDF)),
        {"type": "document", "source": base64_source("application/pdf", PDF)},
    ),
    "a text in bytes": (
        document(media=Media(data="é".encode(), media_type="text/plain")),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
    ),
    "a call by nobody in particular": (
        Block(tool_use=message_pb2.ToolUseBlock(id="t", name="n")),
        {"type": "tool_use", "input": {}, "id": "t", "name": "n"},
    ),
    "a cache mark on an opaque block": (
        Block(
            opaque=message_pb2.Opaque(provider_type="anthropic", raw_json=' {"type": "x"} '),
            cache_control=message_pb2.CacheControl(),
            provider_fields_json='{"y":1}',
        ),
        {"type": "x", "cache_control": {"type": "ephemeral"}, "y": 1},
    ),
    "fields over fields": (
        Block(text=message_pb2.TextBlock(text="a"), provider_fields_json='{"text":"b","cache_control":null}'),
        {"type": "text", "text": "b", "cache_control": None},
    ),
}


@pytest.mark.parametrize(("block", "expected"), EQUAL.values(), ids=EQUAL)
def test_blocks(block: Block, expected: Json) -> None:
    assert block_of(block) == expected


@pytest.mark.parametrize(
    ("role", "word"),
    [("SYSTEM", "system"), ("DEVELOPER", "system"), ("USER", "user"), ("TOOL", "user"), ("ASSISTANT", "assistant")],
)
def test_roles(role: str, word: str) -> None:
    message = message_pb2.Message(role=message_pb2.Role.Value(f"ROLE_{role}"), content=[text_block("a")])
    assert body_of(chat_input("m", message))["messages"] == [{"role": word, "content": [{"type": "text", "text": "a"}]}]


Choice = chat_input_pb2.ToolChoice
REST: dict[str, tuple[Json, Json]] = {
    "parallel alone": ({"tool_choice": Choice(parallel=False)}, {"type": "auto", "disable_parallel_tool_use": True}),
    "parallel, with a tool": (
        {"tool_choice": Choice(tool_name="n", parallel=True)},
        {"type": "tool", "name": "n", "disable_parallel_tool_use": False},
    ),
}


@pytest.mark.parametrize(("fields", "expected"), REST.values(), ids=REST)
def test_tool_choice(fields: Json, expected: Json) -> None:
    assert body_of(chat_input("m", **fields))["tool_choice"] == expected


def test_a_tool_without_a_schema_takes_no_arguments() -> None:
    tool = chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="n"))
    sent = body_of(chat_input("m", tools=[tool]))["tools"]
    assert sent == [{"name": "n", "input_schema": {"type": "object", "properties": {}}}]


def generation(**fields: Any) -> Json:
    return {"generation": chat_input_pb2.GenerationParams(max_output_tokens=5, **fields)}


def asked(*content: Block, **fields: Any) -> chat_input_pb2.ChatInput:
    return chat_input("m", user(*content), **fields) if content else chat_input("m", **fields)


def format_of(**fields: Any) -> chat_input_pb2.OutputFormat:
    schema = chat_input_pb2.JsonSchemaFormat(schema_json="{}", **fields)
    return chat_input_pb2.OutputFormat(json_schema=schema)


FOREIGN = message_pb2.Opaque(provider_type="openai", type="x", raw_json='{"SENT":1}')
AUDIO = Block(audio=message_pb2.AudioBlock(media=Media(data=b"SENT", media_type="audio/wav")))
LOUD = Block(image=message_pb2.ImageBlock(media=Media(file_id="f"), detail="SENT"))
CLOUD = Media(url="gs://SENT")
NESTED = Block(tool_result=message_pb2.ToolResultBlock(tool_use_id="t", content=[AUDIO]))
NONE = Choice(mode=chat_input_pb2.TOOL_CHOICE_MODE_NONE, parallel=False)
OPENAI_TOOL = chat_input_pb2.Tool(
    provider_defined=chat_input_pb2.ProviderTool(provider_type="openai", raw_json='{"SENT":1}')
)
# What Anthropic has no place for: the field that the error names, and what is missing.
UNSUPPORTED: dict[str, tuple[chat_input_pb2.ChatInput, str, str]] = {
    "audio": (asked(text_block("a"), AUDIO), "input.messages[0].content[1].audio", "audio"),
    "audio in a result": (asked(NESTED), "input.messages[0].content[0].tool_result.content[0].audio", "audio"),
    "audio in system": (asked(system=[AUDIO]), "input.system[0].audio", "audio"),
    "audio in a document": (
        asked(document(content=message_pb2.ContentList(blocks=[AUDIO]))),
        "input.messages[0].content[0].document.content.blocks[0].audio",
        "audio",
    ),
    "audio in a search result": (
        asked(Block(search_result=message_pb2.SearchResultBlock(source="s", title="t", content=[AUDIO]))),
        "input.messages[0].content[0].search_result.content[0].audio",
        "audio",
    ),
    "detail": (asked(LOUD), "input.messages[0].content[0].image.detail", "image_detail"),
    "a picture in a cloud": (
        asked(Block(image=message_pb2.ImageBlock(media=CLOUD))),
        "input.messages[0].content[0].image.media.url",
        "cloud_urls",
    ),
    "a document in a cloud": (
        asked(document(media=CLOUD)),
        "input.messages[0].content[0].document.media.url",
        "cloud_urls",
    ),
    "a name": (
        chat_input("m", message_pb2.Message(role=message_pb2.ROLE_USER, content=[text_block("a")], name="SENT")),
        "input.messages[0].name",
        "message_name",
    ),
    "a tool of another's": (asked(tools=[OPENAI_TOOL]), "input.tools[0].provider_defined", "provider_tools"),
    **{
        f"an effort called {word}": (
            asked(reasoning=chat_input_pb2.ReasoningParams(effort=word)), "input.reasoning.effort", "effort"
        )
        for word in ("none", "minimal")
    },
    "parallel, with no tools": (asked(tool_choice=NONE), "input.tool_choice.parallel", "parallel"),
    "a loose schema": (
        asked(output_format=format_of(strict=False)),
        "input.output_format.json_schema.strict",
        "strict",
    ),
    "JSON of any shape": (
        asked(output_format=chat_input_pb2.OutputFormat(json_object=chat_input_pb2.JsonObjectFormat())),
        "input.output_format.json_object",
        "json_object",
    ),
    **{
        name: (asked(**generation(**{name: 1})), f"input.generation.{name}", name)
        for name in ("seed", "presence_penalty", "frequency_penalty")
    },
    **{
        f"{name} on the newest version": (
            asked(**generation(**{name: 1}), anthropic=chat_input_pb2.AnthropicOptions(version=NEWEST)),
            f"input.generation.{name}",
            name,
        )
        for name in ("temperature", "top_p", "top_k")
    },
}  # fmt: skip


def test_no_effort_is_what_no_reasoning_means() -> None:
    disabled = chat_input_pb2.REASONING_MODE_DISABLED
    sent = PROVIDER.encode_chat(asked(reasoning=chat_input_pb2.ReasoningParams(mode=disabled, effort="none")), TARGET)
    body = json.loads(sent.body)
    assert body["thinking"] == {"type": "disabled"}
    assert "output_config" not in body


@pytest.mark.parametrize(("asked", "path", "capability"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_cannot_be_honoured_is_an_error_that_names_it(
    asked: chat_input_pb2.ChatInput, path: str, capability: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        PROVIDER.encode_chat(asked, TARGET)
    assert caught.value.reason_name == "ERROR_REASON_CAPABILITY_NOT_SUPPORTED"
    assert [violation.field for violation in caught.value.violations] == [path]
    assert caught.value.metadata["capability"] == capability


@pytest.mark.parametrize(("asked", "path", "capability"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_or_it_is_left_out_with_a_warning(asked: chat_input_pb2.ChatInput, path: str, capability: str) -> None:
    sent = PROVIDER.encode_chat(asked, DROPPING)
    [warning] = sent.warnings
    assert (warning.code, warning.field) == (warning_pb2.WARNING_CODE_FIELD_DROPPED, path)
    assert warning.message.startswith("left out: ")
    assert b"SENT" not in sent.body
    assert f'"{capability}"'.encode() not in sent.body


def test_all_of_it_is_named_at_once() -> None:
    with pytest.raises(GatewayError) as caught:
        PROVIDER.encode_chat(asked(AUDIO, LOUD, **generation(seed=1)), TARGET)
    assert len(caught.value.violations) == 3
    assert len(PROVIDER.encode_chat(asked(AUDIO, LOUD, **generation(seed=1)), DROPPING).warnings) == 3


def test_deltas_that_nobody_could_fold_never_go_upstream() -> None:
    block = Block(text=message_pb2.TextBlock(text="a"), opaque_deltas=[FOREIGN])
    sent = PROVIDER.encode_chat(asked(block), TARGET)
    assert [warning.field for warning in sent.warnings] == ["input.messages[0].content[0].opaque_deltas"]
    assert b"SENT" not in sent.body


FIRST = "input.messages[0].content[0]"
INVALID: dict[str, tuple[chat_input_pb2.ChatInput, str]] = {
    "a picture of no kind": (asked(image(data=b"....")), f"{FIRST}.image.media.media_type"),
    "a picture of another kind": (asked(image(data=b"BM", media_type="image/bmp")), f"{FIRST}.image.media.media_type"),
    "a picture that is a PDF": (asked(image(data=PDF)), f"{FIRST}.image.media.media_type"),
    "RIFF that is no picture": (asked(image(data=b"RIFF....WAVEfmt ")), f"{FIRST}.image.media.media_type"),
    "a document that is a picture": (
        asked(document(media=Media(data=PICTURES["image/png"]))),
        f"{FIRST}.document.media.media_type",
    ),
    "a text that is none": (
        asked(document(media=Media(data=b"a\xff", media_type="text/plain"))),
        f"{FIRST}.document.media.data",
    ),
    **{
        f"temperature {value}": (asked(**generation(temperature=value)), "input.generation.temperature")
        for value in (1.0001, -0.1, float("nan"), float("inf"))
    },
    "stream": (
        asked(provider_options_json={"anthropic": '{"stream":true}'}),
        'input.provider_options_json["anthropic"]',
    ),
    "no stream": (
        asked(provider_options_json={"anthropic": '{"stream":null}'}),
        'input.provider_options_json["anthropic"]',
    ),
}


@pytest.mark.parametrize(("asked", "path"), INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("target", [TARGET, DROPPING])
def test_what_is_wrong_is_an_error_whatever_the_policy(
    asked: chat_input_pb2.ChatInput, path: str, target: Target
) -> None:
    with pytest.raises(GatewayError) as caught:
        PROVIDER.encode_chat(asked, target)
    assert caught.value.reason_name == "ERROR_REASON_INVALID_REQUEST"
    assert [violation.field for violation in caught.value.violations] == [path]


def test_no_number_means_the_models_own_maximum() -> None:
    sent = PROVIDER.encode_chat(asked(generation=None), TARGET)
    assert json.loads(sent.body)["max_tokens"] == 128_000
    [warning] = sent.warnings
    assert warning.code == warning_pb2.WARNING_CODE_DEFAULT_APPLIED
    assert (warning.field, warning.value) == ("input.generation.max_output_tokens", "128000")
    with pytest.raises(GatewayError) as caught:
        PROVIDER.encode_chat(asked(generation=None), dataclasses.replace(TARGET, max_output_tokens=None))
    assert [violation.field for violation in caught.value.violations] == ["input.generation.max_output_tokens"]


@pytest.mark.parametrize("number", [0, 1, 2**31 - 1])
def test_a_number_is_sent_as_it_is_even_0(number: int) -> None:
    sent = PROVIDER.encode_chat(asked(generation=chat_input_pb2.GenerationParams(max_output_tokens=number)), TARGET)
    assert json.loads(sent.body)["max_tokens"] == number
    assert not sent.warnings


def test_a_number_of_the_options_is_a_number() -> None:
    sent = PROVIDER.encode_chat(asked(generation=None, provider_options_json={"anthropic": '{"max_tokens":7}'}), TARGET)
    assert json.loads(sent.body)["max_tokens"] == 7
    assert not sent.warnings


def test_the_key_is_in_no_representation() -> None:
    sent = PROVIDER.encode_chat(asked(), TARGET)
    assert KEY in sent.headers["x-api-key"]
    assert KEY not in repr(sent) + repr(TARGET)


def test_names_of_tools_that_the_api_does_not_take() -> None:
    """The same in the tool, in the choice and in the history; the provider's own are its to judge."""
    long, dotted = "look_up_" + "x" * 130, "weather.today"
    wanted = chat_input(
        "m",
        user("Hi"),
        tools=[chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name=name)) for name in (long, dotted, "fine")],
        tool_choice=chat_input_pb2.ToolChoice(tool_name=dotted),
    )
    own = message_pb2.ToolUseBlock(id="1", name=dotted)
    server = message_pb2.ToolUseBlock(id="2", name=dotted, runner=message_pb2.TOOL_RUNNER_SERVER)
    wanted.messages.add(
        role=message_pb2.ROLE_ASSISTANT, content=[message_pb2.ContentBlock(tool_use=each) for each in (own, server)]
    )
    request = PROVIDER.encode_chat(wanted, TARGET)
    body = json.loads(request.body)
    names = [tool["name"] for tool in body["tools"]]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", name) for name in names)
    assert names[2] == "fine"
    assert body["tool_choice"]["name"] == names[1]
    assert [block["name"] for block in body["messages"][-1]["content"]] == [names[1], dotted]
    assert request.tool_names == {names[0]: long, names[1]: dotted}
    assert PROVIDER.encode_chat(wanted, TARGET).body == request.body


def test_media_types_are_the_same_in_any_letters() -> None:
    sent = block_of(image(data=b"x", media_type="IMAGE/PNG"))
    assert sent["source"]["media_type"] == "image/png"
