"""Reasoning in Chat Completions, which OpenAI has no place for, and other servers have each their own.

Most have it in a member beside the content, by one of two names; Mistral has it in parts of the content. Servers take
it back only as they have told it, so that a block remembers its place: it is the member "type" of
`provider_fields_json`, if it is not the one that most of them have.
"""

from __future__ import annotations

import json

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers.fields import Fields

MEMBERS = ("reasoning_content", "reasoning")
PART = "thinking"
PLACES = (*MEMBERS, PART)


def begun(place: str) -> message_pb2.ContentBlock:
    """A block of reasoning before its text."""
    fields = "" if place == MEMBERS[0] else json_text.dump({"type": place})
    return message_pb2.ContentBlock(thinking=message_pb2.ThinkingBlock(), provider_fields_json=fields)


def place_of(members: json_text.RawObject) -> str:
    """Takes the place of a block's reasoning from its `provider_fields_json`."""
    place = json.loads(bytes(members.pop("type", b'""')))
    return place if place in PLACES else MEMBERS[0]


def texts(part: Fields) -> list[str] | None:
    """Takes the texts of a part that is reasoning; None, and takes nothing, if there is anything else in it."""
    raw = part.raw(PART)
    try:
        pieces = [Fields(each) for each in json_text.parse_list(raw or b"")]
    except json_text.JsonTextError:
        pieces = []
        is_plain = False
    else:
        is_plain = all(piece.text("type") == "text" for piece in pieces)
    found = [piece.raw("text") for piece in pieces]
    result = [json.loads(bytes(text)) for text in found if text is not None]
    if is_plain and len(result) == len(pieces) and not any(piece.remaining() for piece in pieces):
        return result
    if raw is not None:
        part.put_back(PART, raw)
    return None


def part(text: str, members: json_text.RawObject) -> dict[str, object]:
    """The part that says a text of reasoning, with what stood beside it."""
    said = [{"type": "text", "text": text}] if text else []
    return {"type": PART, PART: said, **members}
