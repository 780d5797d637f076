"""What there is to count in a conversation.

What is not text counts for a number of tokens that is right in size, not exact: a picture for that of one of about a
megapixel, a PDF for its pages, sound for its length. Of a document that is somewhere else, one page is all that is
known. Marks that only the provider reads (signatures, encrypted reasoning) have no tokens here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from trunkline.v1 import chat_input_pb2, message_pb2

TOKENS_A_PICTURE = 1600
TOKENS_A_PAGE = 2500
# A second has 32 tokens, and 16 kB as most files have it.
BYTES_OF_SOUND_A_TOKEN = 500
TOKENS_OF_UNKNOWN_SOUND = 2000

_PAGE = re.compile(rb"/Type\s{0,9}/Page(?![s])")


class Inventory:
    """Goes through a conversation once: its texts, and how many of what has no text. Tools are not in it.

    `has_others` says that there is more than text between the two sides, so that the texts are only near to what the
    model reads: media, calls of tools and their results, documents, thoughts, shapes of the answer.
    """

    def __init__(self, chat_input: chat_input_pb2.ChatInput) -> None:
        self.texts: list[str] = []
        self.messages = len(chat_input.messages) + bool(chat_input.system)
        self.names = 0
        self.media_tokens = 0
        self.has_others = False
        self._blocks(chat_input.system)
        for message in chat_input.messages:
            self._blocks(message.content)
            if message.name:
                self.names += 1
                self._text(message.name)
        schema = chat_input.output_format.json_schema
        # Options that go upstream as they are may hold anything.
        self.has_others |= chat_input.HasField("output_format") or bool(chat_input.provider_options_json)
        self._text(schema.schema_json, schema.name, schema.description)

    def _text(self, *texts: str) -> None:
        self.texts.extend(filter(None, texts))

    def _media(self, tokens: int) -> None:
        self.media_tokens += tokens
        self.has_others = True

    def _blocks(self, blocks: Iterable[message_pb2.ContentBlock]) -> None:
        for block in blocks:
            self._block(block)

    def _block(self, block: message_pb2.ContentBlock) -> None:
        kind = block.WhichOneof("kind")
        self.has_others |= kind not in ("text", "refusal")
        match kind:
            case "text":
                self._text(block.text.text)
            case "thinking":
                self._text(block.thinking.text)
            case "refusal":
                self._text(block.refusal.text)
            case "tool_use":
                self._text(block.tool_use.name, block.tool_use.input_json, block.tool_use.input_text)
            case "tool_result":
                self._blocks(block.tool_result.content)
            case "server_tool_result":
                self._text(block.server_tool_result.content_json)
            case "search_result":
                self._text(block.search_result.source, block.search_result.title)
                self._blocks(block.search_result.content)
            case "opaque":
                self._text(block.opaque.raw_json)
            case "image":
                self._media(TOKENS_A_PICTURE)
            case "audio":
                sound = len(block.audio.media.data)
                self._media(-(-sound // BYTES_OF_SOUND_A_TOKEN) if sound else TOKENS_OF_UNKNOWN_SOUND)
            case "document":
                self._document(block.document)

    def _document(self, document: message_pb2.DocumentBlock) -> None:
        self._text(document.title, document.context)
        match document.WhichOneof("source"):
            case "text":
                self._text(document.text)
            case "content":
                self._blocks(document.content.blocks)
            case "media" if document.media.media_type.startswith("text/") and document.media.data:
                self._text(document.media.data.decode("utf-8", "replace"))
            case "media":
                pages = sum(1 for _ in _PAGE.finditer(document.media.data))
                self._media(max(pages, 1) * TOKENS_A_PAGE)
