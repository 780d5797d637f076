"""Short ways to write messages and blocks. Each returns a plain message of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from trunkline.json_text import JSON, json_text
from trunkline.v1.chat_input_pb2 import Tool
from trunkline.v1.message_pb2 import (
    AudioBlock,
    CacheControl,
    ContentBlock,
    ContentList,
    DocumentBlock,
    ImageBlock,
    Media,
    Message,
    Role,
    SearchResultBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)

Content: TypeAlias = str | ContentBlock | Iterable[str | ContentBlock]
"""Blocks; a string stands for a text block."""
ToolOutput: TypeAlias = Content | Mapping[str, Any]
"""What a tool said: blocks, or a dict, which becomes JSON text."""

# Messages


def user(*content: str | ContentBlock, name: str = "") -> Message:
    """Write a message of the user's.

    Example:
        user("What is in this picture?", image(Path("cat.png").read_bytes()))
    """
    return Message(role=Role.ROLE_USER, content=blocks(content), name=name)


def assistant(*content: str | ContentBlock, name: str = "") -> Message:
    """Write a message of the model's: for examples, or for an answer to be gone on with.

    To send back what a model really said, use `reply.message`, which has all of it.

    Example:
        assistant("Let me see.", tool_use("call_1", "weather", {"city": "Paris"}))
    """
    return Message(role=Role.ROLE_ASSISTANT, content=blocks(content), name=name)


def system(*content: str | ContentBlock) -> Message:
    """Write instructions for the middle of a conversation. Those that open it go to the argument `system`.

    Example:
        client.chat(messages=["Hello", reply.message, system("Speak French from now on."), "Where were we?"])
    """
    return Message(role=Role.ROLE_SYSTEM, content=blocks(content))


def tool_results(*results: ContentBlock) -> Message:
    """Write the message that answers the tool calls of one reply, all of them.

    Example:
        tool_results(tool_result("call_1", "18 degrees"), tool_result("call_2", "no such city", is_error=True))
    """
    return Message(role=Role.ROLE_TOOL, content=results)


# Blocks


def text(value: str) -> ContentBlock:
    """Write a text block. Where blocks are taken, a string does as well.

    Example:
        cached(text(manual))
    """
    return ContentBlock(text=TextBlock(text=value))


def image(
    source: bytes | str | None = None, *, file_id: str = "", media_type: str = "", detail: str = ""
) -> ContentBlock:
    """Show a picture: its bytes, an address that the provider can fetch, or the id of a file uploaded to it.

    Args:
        source: Bytes or an address.
        file_id: Instead of `source`.
        media_type: For example "image/png"; for bytes it may be left to the gateway to recognise.
        detail: How closely to look, in the provider's own word.

    Example:
        image(Path("cat.png").read_bytes())
        image("https://example.com/cat.png")
        image(file_id="file_011CNha8iCJcU1wXNR6q4V8w")
    """
    return ContentBlock(image=ImageBlock(media=_media(source, file_id, media_type), detail=detail))


def audio(source: bytes | str | None = None, *, file_id: str = "", media_type: str = "") -> ContentBlock:
    """Play a recording: its bytes, an address that the provider can fetch, or the id of a file uploaded to it.

    Example:
        audio(Path("question.wav").read_bytes(), media_type="audio/wav")
    """
    return ContentBlock(audio=AudioBlock(media=_media(source, file_id, media_type)))


def document(
    source: bytes | str | None = None,
    *,
    file_id: str = "",
    text: str | None = None,
    content: Content | None = None,
    media_type: str = "",
    title: str | None = None,
    context: str | None = None,
    citations: bool | None = None,
) -> ContentBlock:
    """Give a document to read.

    Args:
        source: The bytes of a file, or an address that the provider can fetch.
        file_id: Instead: the id of a file uploaded to the provider.
        text: Instead: plain text.
        content: Instead: blocks, which are then what citations point to.
        media_type: For example "application/pdf"; for bytes it may be left to the gateway to recognise.
        title: Shown to the model and named in citations.
        context: What the model should know about the document, but not cite.
        citations: Whether it may cite from it.

    Example:
        document(Path("report.pdf").read_bytes(), title="Annual report", citations=True)
        document(text="The grass is green.")
    """
    block = DocumentBlock(title=title, context=context, citations_enabled=citations)
    given = [source, file_id or None, text, content]
    if sum(each is not None for each in given) != 1:
        raise ValueError("a document needs one of source, file_id, text and content")
    if text is not None:
        block.text = text
    elif content is not None:
        block.content.CopyFrom(ContentList(blocks=blocks(content)))
    else:
        block.media.CopyFrom(_media(source, file_id, media_type))
    return ContentBlock(document=block)


def search_result(source: str, title: str, content: Content, *, citations: bool | None = None) -> ContentBlock:
    """Give a passage that the caller's own search found.

    Example:
        search_result("https://example.com/grass", "Grass", ["The grass is green."], citations=True)
    """
    block = SearchResultBlock(source=source, title=title, content=blocks(content), citations_enabled=citations)
    return ContentBlock(search_result=block)


def tool_use(id: str, name: str, arguments: JSON = "") -> ContentBlock:  # noqa: A002
    """Write a tool call as if a model had made it.

    Args:
        id: What the result will name.
        name: The tool's name.
        arguments: A dict, or JSON text, which is sent byte for byte.

    Example:
        assistant(tool_use("call_1", "weather", {"city": "Paris"}))
    """
    return ContentBlock(tool_use=ToolUseBlock(id=id, name=name, input_json=json_text(arguments)))


def tool_result(tool_use_id: str, content: ToolOutput = (), *, is_error: bool | None = None) -> ContentBlock:
    """Answer a tool call. `call.result(...)` says the same with less.

    Args:
        tool_use_id: The id of the call.
        content: What the tool said: text, blocks, or a dict that becomes JSON text.
        is_error: Whether the tool failed.

    Example:
        tool_result("call_1", "18 degrees")
    """
    said = [text(json_text(content))] if isinstance(content, Mapping) else blocks(content)
    return ContentBlock(tool_result=ToolResultBlock(tool_use_id=tool_use_id, content=said, is_error=is_error))


_Cacheable = TypeVar("_Cacheable", ContentBlock, Tool)


def cached(item: _Cacheable, ttl: str = "") -> _Cacheable:
    """Mark a block or a tool as the end of a prefix that the provider should cache; returns the same object.

    Args:
        item: What to mark. For a string, say `cached(text(...))`.
        ttl: How long to keep it, in the provider's own word: "5m" and "1h" on Anthropic.

    Example:
        client.chat("Summarise chapter 3.", system=cached(text(book), ttl="1h"))
    """
    item.cache_control.CopyFrom(CacheControl(ttl=ttl))
    return item


def blocks(content: Content) -> list[ContentBlock]:
    """Make blocks of whatever stands for them.

    Example:
        blocks(["Look:", image("https://example.com/cat.png")])
    """
    if isinstance(content, str | ContentBlock):
        content = (content,)
    elif isinstance(content, Mapping):
        raise TypeError("a dict is neither text nor a block")
    return [_block(each) for each in content]


def _block(piece: str | ContentBlock) -> ContentBlock:
    if isinstance(piece, str):
        return text(piece)
    if isinstance(piece, ContentBlock):
        return piece
    raise TypeError(f"expected a str or a ContentBlock, not {type(piece).__name__}")


def _media(source: bytes | str | None, file_id: str, media_type: str) -> Media:
    if (source is None) == (not file_id):
        raise ValueError("either bytes or an address, or a file_id is needed")
    if source is None:
        return Media(file_id=file_id, media_type=media_type)
    if isinstance(source, bytes):
        return Media(data=source, media_type=media_type)
    if "://" not in source:
        raise ValueError("not an address; for a file, pass its bytes: Path(name).read_bytes()")
    return Media(url=source, media_type=media_type)
