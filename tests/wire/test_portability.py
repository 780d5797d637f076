"""Conversations that began with another API: what travels to Anthropic, and what stays behind with a warning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.calls import chat_input, text_block, user
from trunkline.v1 import error_reason_pb2, message_pb2, warning_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.bedrock.invoke import BedrockInvoke
from trunkline_service.providers.vertex import VertexProvider
from wire.decoding import TARGET, Json

Block = message_pb2.ContentBlock
ToolUse = message_pb2.ToolUseBlock
FOREIGN = message_pb2.Opaque(provider_type="openai", type="x", raw_json='{"SENT":1}')
FILE = message_pb2.Media(file_id="SENT")
CALL = Block(tool_use=ToolUse(id="call_1", name="get_weather", input_json='{ "n": 1.10 }'))
RESULT = Block(tool_result=message_pb2.ToolResultBlock(tool_use_id="call_1", content=[text_block("sunny")]))


def said(*blocks: Block, provider_type: str = "openai", **fields: Any) -> message_pb2.Message:
    """An answer of another API's."""
    origin = message_pb2.Origin(provider="other", provider_type=provider_type, model="gpt")
    return message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=blocks, origin=origin, **fields)


def sent(*messages: message_pb2.Message, provider: AnthropicProvider | None = None) -> tuple[list[Json], list[str]]:
    """The messages that go out, and the paths of what is left behind."""
    request = (provider or AnthropicProvider()).encode_chat(chat_input("m", *messages), TARGET)
    assert all(each.code == warning_pb2.WARNING_CODE_NOT_PORTABLE for each in request.warnings)
    assert b"SENT" not in request.body
    return json.loads(request.body)["messages"], [each.field for each in request.warnings]


LEFT: dict[str, tuple[Block, str]] = {
    "thinking": (Block(thinking=message_pb2.ThinkingBlock(text="SENT", signature="s")), ".thinking"),
    "thinking without a signature": (Block(thinking=message_pb2.ThinkingBlock(text="SENT")), ".thinking"),
    "encrypted thinking": (
        Block(redacted_thinking=message_pb2.RedactedThinkingBlock(data="SENT")),
        ".redacted_thinking",
    ),
    "a call of the provider's tool": (
        Block(tool_use=ToolUse(id="SENT", name="web_search", runner=message_pb2.TOOL_RUNNER_SERVER)),
        ".tool_use",
    ),
    "a call of an MCP tool": (
        Block(tool_use=ToolUse(id="SENT", name="x", runner=message_pb2.TOOL_RUNNER_MCP)),
        ".tool_use",
    ),
    "what the provider's tool said": (
        Block(server_tool_result=message_pb2.ServerToolResultBlock(tool_use_id="SENT", type="web_search_result")),
        ".server_tool_result",
    ),
    "an opaque block": (Block(opaque=FOREIGN), ".opaque"),
    "a picture's file": (Block(image=message_pb2.ImageBlock(media=FILE)), ".image.media.file_id"),
    "a document's file": (Block(document=message_pb2.DocumentBlock(media=FILE)), ".document.media.file_id"),
    "blank text": (text_block(" \n"), ".text"),
}


@pytest.mark.parametrize("signature", ["", None])
def test_a_thought_that_came_without_its_signature_stays_behind(signature: str | None) -> None:
    """Anthropic would refuse it, and with it every further turn; what the caller wrote itself goes as it is."""
    unsigned = Block(thinking=message_pb2.ThinkingBlock(text="Hm", signature=signature))
    answer = said(unsigned, Block(text=message_pb2.TextBlock(text="a")), provider_type="anthropic")
    messages, left = sent(user("Hi"), answer, user("Go on"))
    assert messages[1]["content"] == [{"type": "text", "text": "a"}]
    assert left == ["input.messages[1].content[0].thinking"]
    messages, _ = sent(user("Hi"), said(unsigned, provider_type="anthropic"), user("Go on"))
    assert [each["role"] for each in messages] == ["user", "user"]
    messages, left = sent(user("Hi"), message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=[unsigned]))
    assert left == []
    assert messages[1]["content"][0]["thinking"] == "Hm"


@pytest.mark.parametrize("provider", [AnthropicProvider(), BedrockInvoke(), VertexProvider()])
@pytest.mark.parametrize(("block", "where"), LEFT.values(), ids=LEFT)
def test_what_only_its_writer_can_read_stays_behind(block: Block, where: str, provider: AnthropicProvider) -> None:
    messages, left = sent(user("Hi"), said(block, text_block("So."), CALL), user(RESULT), provider=provider)
    assert left == [f"input.messages[1].content[0]{where}"]
    assert [each["type"] for each in messages[1]["content"]] == ["text", "tool_use"]
    assert messages[2]["content"][0]["content"] == [{"type": "text", "text": "sunny"}]


PARTS: dict[str, tuple[Block, str]] = {
    "state": (Block(text=message_pb2.TextBlock(text="a"), provider_state=b"SENT"), ".provider_state"),
    "members": (
        Block(text=message_pb2.TextBlock(text="a"), provider_fields_json='{"SENT":1}'),
        ".provider_fields_json",
    ),
    "citations": (
        Block(
            text=message_pb2.TextBlock(
                text="a", citations=[message_pb2.Citation(web_location=message_pb2.WebLocation(url="SENT"))]
            )
        ),
        ".text.citations",
    ),
    "a tool set": (Block(tool_use=ToolUse(id="a", name="a", toolset_name="SENT")), ".tool_use.toolset_name"),
    "what made a call": (
        Block(tool_use=ToolUse(id="a", name="a", caller=message_pb2.ToolCaller(type="SENT"))),
        ".tool_use.caller",
    ),
}


@pytest.mark.parametrize(("block", "where"), PARTS.values(), ids=PARTS)
def test_and_the_rest_of_the_block_goes_on(block: Block, where: str) -> None:
    messages, left = sent(user("Hi"), said(block), user("Go on"))
    assert left == [f"input.messages[1].content[0]{where}"]
    [only] = messages[1]["content"]
    expected: Json = (
        {"type": "text", "text": "a"}
        if block.HasField("text")
        else {"type": "tool_use", "id": "a", "name": "a", "input": {}}
    )
    assert only == expected


def test_text_calls_and_results_always_travel() -> None:
    cached = Block(text=message_pb2.TextBlock(text="a"), cache_control=message_pb2.CacheControl(ttl="1h"))
    free = Block(tool_use=ToolUse(id="c", name="shell", input_text="ls"))
    refusal = Block(refusal=message_pb2.RefusalBlock(text="No."))
    messages, left = sent(user("Hi"), said(cached, refusal, CALL, free), user(RESULT))
    assert left == []
    assert messages[1] == {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "No."},
            {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"n": 1.1}},
            {"type": "tool_use", "id": "c", "name": "shell", "input": {"input": "ls"}},
        ],
    }


def test_a_message_of_which_nothing_is_left_is_left_out() -> None:
    thought = Block(redacted_thinking=message_pb2.RedactedThinkingBlock(data="SENT"))
    messages, left = sent(user("Hi"), said(thought, provider_fields_json='{"SENT":1}'), user("Go on"))
    assert [each["role"] for each in messages] == ["user", "user"]
    assert left == ["input.messages[1].provider_fields_json", "input.messages[1].content[0].redacted_thinking"]


@pytest.mark.parametrize("provider", [AnthropicProvider(), BedrockInvoke(), VertexProvider()])
@pytest.mark.parametrize("origin", ["anthropic", ""])
def test_what_anthropic_wrote_goes_back_as_it_was(provider: AnthropicProvider, origin: str) -> None:
    """On whatever platform: its signatures hold on all of them."""
    own = [
        Block(thinking=message_pb2.ThinkingBlock(text="Hm", signature="s")),
        Block(redacted_thinking=message_pb2.RedactedThinkingBlock(data="d")),
        Block(tool_use=ToolUse(id="a", name="web_search", runner=message_pb2.TOOL_RUNNER_SERVER)),
        Block(text=message_pb2.TextBlock(text="a"), provider_fields_json='{"x":1}'),
        Block(opaque=message_pb2.Opaque(provider_type="anthropic", raw_json='{"type":"compaction"}')),
    ]
    messages, left = sent(user("Hi"), said(*own, provider_type=origin), user("Go on"), provider=provider)
    assert left == []
    assert messages[1]["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {}},
        {"type": "text", "text": "a", "x": 1},
        {"type": "compaction"},
    ]


def test_foreign_state_says_whose_it_is_wherever_it_is() -> None:
    """Not only in an answer: callers put blocks together as they like."""
    citing = message_pb2.TextBlock(text="a", citations=[message_pb2.Citation(opaque=FOREIGN)])
    asked = user(Block(opaque=FOREIGN), Block(text=citing), Block(text=citing, provider_state=b"SENT"))
    messages, left = sent(asked)
    assert left == [
        "input.messages[0].content[0].opaque",
        "input.messages[0].content[1].text.citations[0].opaque",
        "input.messages[0].content[2].provider_state",
        "input.messages[0].content[2].text.citations[0].opaque",
    ]
    assert [each["text"] for each in messages[0]["content"]] == ["a", "a"]


@pytest.mark.parametrize("provider", [AnthropicProvider(), BedrockInvoke(), VertexProvider()])
def test_a_file_is_where_it_was_uploaded(provider: AnthropicProvider) -> None:
    """Though all else of an answer can be read at every home of Claude."""
    picture = Block(image=message_pb2.ImageBlock(media=FILE))
    thought = Block(thinking=message_pb2.ThinkingBlock(text="Hm", signature="s"))
    elsewhere = said(thought, picture, provider_type="anthropic")
    messages, left = sent(user("Hi"), elsewhere, user("Go on"), provider=provider)
    assert left == ["input.messages[1].content[1].image.media.file_id"]
    assert messages[1]["content"] == [{"type": "thinking", "thinking": "Hm", "signature": "s"}]


@pytest.mark.parametrize(
    ("file_id", "home"), [("file-1", "OpenAI"), ("files/1", "Gemini"), ("gs://b/c", "Google Cloud")]
)
def test_a_question_is_not_asked_without_its_file(file_id: str, home: str) -> None:
    media = message_pb2.Media(file_id=file_id)
    picture = Block(image=message_pb2.ImageBlock(media=media))
    asked = chat_input(
        "m",
        user(
            picture,
            Block(document=message_pb2.DocumentBlock(content=message_pb2.ContentList(blocks=[picture]))),
            Block(document=message_pb2.DocumentBlock(media=media)),
        ),
        said(CALL),
        user(Block(tool_result=message_pb2.ToolResultBlock(tool_use_id="call_1", content=[picture]))),
    )
    with pytest.raises(GatewayError) as caught:
        AnthropicProvider().encode_chat(asked, TARGET)
    assert caught.value.reason == error_reason_pb2.ERROR_REASON_INVALID_REQUEST
    assert [(each.field, each.description) for each in caught.value.violations] == [
        (f"input.messages[{path}.media.file_id", f"is the id of a file at {home}")
        for path in (
            "0].content[0].image",
            "0].content[1].document.content.blocks[0].image",
            "0].content[2].document",
            "2].content[0].tool_result.content[0].image",
        )
    ]


@pytest.mark.parametrize("file_id", ["file_011", "whatever"])
def test_a_file_whose_form_says_nothing_else_is_the_providers_to_judge(file_id: str) -> None:
    picture = Block(image=message_pb2.ImageBlock(media=message_pb2.Media(file_id=file_id)))
    messages, _ = sent(user(picture))
    assert messages[0]["content"] == [{"type": "image", "source": {"type": "file", "file_id": file_id}}]
