"""Ids of uploaded files, which tell by their form at whose API the file is.

What the user asks has no origin, so a file id in it goes to whichever provider is asked. Where its form says that the
file is elsewhere, the caller learns it before anybody is asked; to leave the file out would change the question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.providers.report import EncodeReport

# How ids begin, at which kind of API, and what it is called.
_FORMS = (
    ("file_", "anthropic", "Anthropic"),
    ("file-", "openai", "OpenAI"),
    ("files/", "gemini", "Gemini"),
    ("https://generativelanguage.googleapis.com/", "gemini", "Gemini"),
    ("gs://", "gemini", "Google Cloud"),
)


def elsewhere(file_id: str, provider_type: str) -> str:
    """What is wrong with the id if it is of a file at another kind of API; empty if its form says no such thing."""
    for beginning, kind, name in _FORMS:
        if file_id.startswith(beginning) and kind != provider_type:
            return f"is the id of a file at {name}"
    return ""


def refuse_foreign(chat_input: chat_input_pb2.ChatInput, provider_type: str, report: EncodeReport) -> None:
    """Reports the files at other kinds of API in what the caller says: instructions, questions, results of tools.

    Answers are not looked at: they have an origin, and `portable.py` decides what of them can go on.
    """
    for path, media in _asked(chat_input):
        if media.WhichOneof("source") == "file_id" and (description := elsewhere(media.file_id, provider_type)):
            report.invalid(f"{path}.file_id", description)


def _asked(chat_input: chat_input_pb2.ChatInput) -> Iterator[tuple[str, message_pb2.Media]]:
    yield from _within(chat_input.system, "input.system")
    for number, message in enumerate(chat_input.messages):
        if message.role != message_pb2.ROLE_ASSISTANT:
            yield from _within(message.content, f"input.messages[{number}].content")


def _within(blocks: Sequence[message_pb2.ContentBlock], path: str) -> Iterator[tuple[str, message_pb2.Media]]:
    for number, block in enumerate(blocks):
        kind = block.WhichOneof("kind")
        if kind == "text":
            continue
        place = f"{path}[{number}]"
        match kind:
            case "image" | "audio":
                yield f"{place}.{kind}.media", getattr(block, kind).media
            case "document" if block.document.HasField("content"):
                yield from _within(block.document.content.blocks, f"{place}.document.content.blocks")
            case "document":
                yield f"{place}.document.media", block.document.media
            case "tool_result":
                yield from _within(block.tool_result.content, f"{place}.tool_result.content")
