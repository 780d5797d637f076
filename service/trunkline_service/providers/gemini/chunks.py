"""The shape of the chunks that make up nearly all of a stream, for msgspec to decode in one go.

It forbids members that it does not name: a chunk with anything more in it fails to decode here, and is read member by
member in `stream.py`, so that nothing of it is lost.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of text, or of thought."""

    text: str
    thought: bool = False


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """What the model has written since the last chunk."""

    parts: list[Part]
    role: str = ""


class Candidate(msgspec.Struct, forbid_unknown_fields=True):
    """The answer, which has not ended."""

    content: Content
    index: Literal[0] = 0


class Chunk(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A piece of an answer."""

    candidates: tuple[Candidate]
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str = ""
    response_id: str = ""
    create_time: str = ""


frequent = msgspec.json.Decoder(Chunk)
