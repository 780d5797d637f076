"""The shapes of the chunks that make up nearly all of a stream, for msgspec to decode in one go.

Each forbids members that it does not name: a chunk with anything else in it fails to decode here, and is read member by
member in `stream.py`, so that nothing of it is lost. Members that may only be null are those that common servers put
into every chunk without saying anything by it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

# They live for a moment and refer to nothing that refers to them: `gc=False` spares the collector looking at them.
NOTHING = msgspec.Raw(b"")
NULL = msgspec.Raw(b"null")


class FunctionPiece(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """More of a call's arguments; the first piece has the name."""

    name: str | None = None
    arguments: str | None = None


class CustomPiece(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """More of the text that a custom tool takes; the first piece has the name."""

    name: str | None = None
    input: str | None = None


class CallPiece(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A piece of a tool call; `index` counts the calls of the answer."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionPiece | None = None
    custom: CustomPiece | None = None


class Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a chunk adds to the message."""

    content: str | None = None
    role: str | None = None
    refusal: None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallPiece] | None = None
    function_call: None = None


class Choice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one answer of a call."""

    delta: Delta
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None
    content_filter_results: msgspec.Raw = NOTHING
    native_finish_reason: None = None
    stop_reason: None = None
    matched_stop: None = None
    token_ids: None = None


class Chunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One event of a stream."""

    choices: tuple[Choice]
    id: str = ""
    object: str = ""
    created: int = 0
    model: str = ""
    service_tier: str | None = None
    system_fingerprint: str | None = None
    # Some tell the usage so far with every chunk.
    usage: msgspec.Raw = NULL
    # OpenRouter's word for who answers.
    provider: str | None = None
    obfuscation: str | None = None
    prompt_token_ids: None = None


frequent = msgspec.json.Decoder(Chunk)
