"""Every constructor writes the message of the contract that it stands for."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message as AnyMessage

import trunkline
from trunkline import (
    assistant,
    audio,
    cached,
    document,
    image,
    json_object,
    json_schema,
    provider_tool,
    search_result,
    system,
    text,
    tool,
    tool_result,
    tool_results,
    tool_use,
    user,
)
from trunkline.json_text import json_text, laid_over
from trunkline.v1 import (
    AudioBlock,
    CacheControl,
    ContentBlock,
    ContentList,
    DocumentBlock,
    FunctionTool,
    ImageBlock,
    JsonObjectFormat,
    JsonSchemaFormat,
    Media,
    Message,
    OutputFormat,
    ProviderTool,
    Role,
    SearchResultBlock,
    TextBlock,
    Tool,
    ToolResultBlock,
    ToolUseBlock,
)

URL = "https://example.com/x"


def said(*pieces: str) -> list[ContentBlock]:
    return [ContentBlock(text=TextBlock(text=piece)) for piece in pieces]


def picture(**media: Any) -> ContentBlock:
    return ContentBlock(image=ImageBlock(media=Media(**media)))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (user("a"), Message(role=Role.ROLE_USER, content=said("a"))),
        (
            user("a", image(URL), "b", name="Ann"),
            Message(role=Role.ROLE_USER, content=[*said("a"), picture(url=URL), *said("b")], name="Ann"),
        ),
        (assistant("a"), Message(role=Role.ROLE_ASSISTANT, content=said("a"))),
        (assistant(name="Bot"), Message(role=Role.ROLE_ASSISTANT, name="Bot")),
        (system("a", "b"), Message(role=Role.ROLE_SYSTEM, content=said("a", "b"))),
        (
            tool_results(tool_result("1", "a")),
            Message(
                role=Role.ROLE_TOOL,
                content=[ContentBlock(tool_result=ToolResultBlock(tool_use_id="1", content=said("a")))],
            ),
        ),
        (text("a"), said("a")[0]),
        (image(b"\x89PNG"), picture(data=b"\x89PNG")),
        (image(URL, media_type="image/png"), picture(url=URL, media_type="image/png")),
        (image("gs://bucket/x"), picture(url="gs://bucket/x")),
        (image(file_id="f"), picture(file_id="f")),
        (image(b"x", detail="low"), ContentBlock(image=ImageBlock(media=Media(data=b"x"), detail="low"))),
        (
            audio(b"x", media_type="audio/wav"),
            ContentBlock(audio=AudioBlock(media=Media(data=b"x", media_type="audio/wav"))),
        ),
        (audio(file_id="f"), ContentBlock(audio=AudioBlock(media=Media(file_id="f")))),
        (document(b"%PDF"), ContentBlock(document=DocumentBlock(media=Media(data=b"%PDF")))),
        (document(URL), ContentBlock(document=DocumentBlock(media=Media(url=URL)))),
        (document(file_id="f"), ContentBlock(document=DocumentBlock(media=Media(file_id="f")))),
        (document(text=""), ContentBlock(document=DocumentBlock(text=""))),
        (
            document(content=["a", image(URL)], title="", context="c", citations=False),
            ContentBlock(
                document=DocumentBlock(
                    content=ContentList(blocks=[*said("a"), picture(url=URL)]),
                    title="",
                    context="c",
                    citations_enabled=False,
                )
            ),
        ),
        (
            search_result(URL, "t", "a", citations=True),
            ContentBlock(
                search_result=SearchResultBlock(source=URL, title="t", content=said("a"), citations_enabled=True)
            ),
        ),
        (tool_use("1", "t"), ContentBlock(tool_use=ToolUseBlock(id="1", name="t"))),
        (
            tool_use("1", "t", {"b": 1, "a": "é"}),
            ContentBlock(tool_use=ToolUseBlock(id="1", name="t", input_json='{"b":1,"a":"é"}')),
        ),
        (tool_result("1"), ContentBlock(tool_result=ToolResultBlock(tool_use_id="1"))),
        (
            tool_result("1", {"b": [1.0, None]}, is_error=False),
            ContentBlock(
                tool_result=ToolResultBlock(tool_use_id="1", content=said('{"b":[1.0,null]}'), is_error=False)
            ),
        ),
        (
            tool_result("1", ["a", image(URL)], is_error=True),
            ContentBlock(
                tool_result=ToolResultBlock(tool_use_id="1", content=[*said("a"), picture(url=URL)], is_error=True)
            ),
        ),
        (cached(text("a")), ContentBlock(text=TextBlock(text="a"), cache_control=CacheControl())),
        (cached(text("a"), "1h"), ContentBlock(text=TextBlock(text="a"), cache_control=CacheControl(ttl="1h"))),
        (cached(tool("t")), Tool(function=FunctionTool(name="t"), cache_control=CacheControl())),
        (tool("t"), Tool(function=FunctionTool(name="t"))),
        (
            tool("t", {"type": "object", "additionalProperties": False}, "", strict=False),
            Tool(
                function=FunctionTool(
                    name="t",
                    input_schema_json='{"type":"object","additionalProperties":false}',
                    description="",
                    strict=False,
                )
            ),
        ),
        (
            tool("t", ' {"type": "object"}\n'),
            Tool(function=FunctionTool(name="t", input_schema_json=' {"type": "object"}\n')),
        ),
        (
            provider_tool("anthropic", {"type": "web_search", "max_uses": 3}),
            Tool(
                provider_defined=ProviderTool(provider_type="anthropic", raw_json='{"type":"web_search","max_uses":3}')
            ),
        ),
        (json_object(), OutputFormat(json_object=JsonObjectFormat())),
        (json_schema("{ }"), OutputFormat(json_schema=JsonSchemaFormat(schema_json="{ }"))),
        (
            json_schema({"type": "object"}, "n", description="d", strict=True),
            OutputFormat(
                json_schema=JsonSchemaFormat(schema_json='{"type":"object"}', name="n", description="d", strict=True)
            ),
        ),
    ],
)
def test_constructors(made: AnyMessage, expected: AnyMessage) -> None:
    assert made == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: image(), "needed"),
        (lambda: image(b"x", file_id="f"), "needed"),
        (lambda: image("cat.png"), "read_bytes"),
        (lambda: image("data:image/png;base64,AAAA"), "read_bytes"),
        (lambda: audio(), "needed"),
        (lambda: document(), "one of"),
        (lambda: document(b"x", text="a"), "one of"),
        (lambda: document("report.pdf"), "read_bytes"),
        (lambda: tool("t", {"maximum": float("nan")}), "JSON"),
    ],
)
def test_what_cannot_be_meant(make: Callable[[], AnyMessage], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_json_is_neither_reordered_nor_escaped() -> None:
    assert json_text({"z": {"b": 1, "a": 2}, "y": "é😀", "big": 2**70, "f": 1.0}) == (
        '{"z":{"b":1,"a":2},"y":"é😀","big":1180591620717411303424,"f":1.0}'
    )
    assert json_text(' {"a" : 1.00}') == ' {"a" : 1.00}'


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        ("{}", "{}", "{}"),
        (" { } ", '{"a":1}', '{"a":1}'),
        ('{"a":1,"b":2}', '{ "a" : [1, 2.50] , "c":"\\u00e9,}" }', '{"a" : [1, 2.50],"b":2,"c":"\\u00e9,}"}'),
        ('{"é":1}', '{"\\u00e9":2}', '{"\\u00e9":2}'),
    ],
)
def test_members_keep_their_text(below: str, above: str, expected: str) -> None:
    assert laid_over(below, above) == expected


def test_every_constructor_is_tested() -> None:
    names = trunkline.__all__
    constructors = names[names.index("user") : names.index("ChatEvent")]
    assert [name for name in constructors if name not in globals()] == []
