"""Parts of an answer: Gemini's JSON to the contract's blocks.

Members that the contract has no field for go to `provider_fields_json`, in the form in which they stand in the part;
parts that it does not type become opaque. Either way they come back as they were when the caller sends the answer back.
"""

from __future__ import annotations

import binascii
import hashlib
import re

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields

PROVIDER_TYPE = "gemini"

# What modifies a part, beside what it holds.
_MODIFIERS = ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")
_MADE_UP = re.compile(r"gemini_[0-9a-f]{16}_[0-9]+")
_URL_SAFE = str.maketrans("-_", "+/")


def decode_part(part: msgspec.Raw, answer_id: str, number: int) -> message_pb2.ContentBlock:
    """A part that is neither plain text nor plain thought. Before it, the answer had `number` calls.

    Raises:
        ProtocolViolation: it is a piece of a call, which nobody asked for.
        JsonTextError: it is not a JSON object.
    """
    fields = Fields(part)
    members = fields.remaining()
    if "text" in members:
        block = _text(fields)
    elif "functionCall" in members:
        block = _function_call(fields, answer_id, number)
    elif "inlineData" in members:
        block = _inline_data(fields)
    elif "fileData" in members:
        block = _file_data(fields)
    else:
        block = None
    if block is None:
        return opaque_part(part)
    if (state := _signature(fields)) is not None:
        block.provider_state = state
    block.provider_fields_json = fields.rest()
    return block


def opaque_part(part: msgspec.Raw) -> message_pb2.ContentBlock:
    """A part that the contract does not type: code, its result, what tools of Gemini's own are asked and say."""
    kinds = [name for name in json_text.parse_object(part) if name not in _MODIFIERS]
    return message_pb2.ContentBlock(opaque=untyped(kinds[0] if kinds else "", part))


def untyped(kind: str, data: bytes | msgspec.Raw) -> message_pb2.Opaque:
    """Anything that the contract does not type."""
    return message_pb2.Opaque(provider_type=PROVIDER_TYPE, type=kind, raw_json=bytes(data).decode())


def origin(target: Target, model: str) -> message_pb2.Origin:
    """Who wrote an answer."""
    return message_pb2.Origin(provider=target.provider, provider_type=PROVIDER_TYPE, model=model)


def made_up_id(answer_id: str, number: int, name: str, arguments: str) -> str:
    """An id for a call that Gemini gave none: the same whenever the same answer is read.

    It is `gemini_`, 16 hexadecimal digits that depend on the answer's own id and on the call, `_`, and the number of
    calls before it. Short enough for every provider that the conversation may go on to.
    """
    digest = hashlib.sha256(f"{answer_id}\0{name}\0{arguments}".encode()).hexdigest()[:16]
    return f"gemini_{digest}_{number}"


def is_made_up(call_id: str) -> bool:
    """Whether an id is one of `made_up_id`: Gemini knows nothing of it."""
    return _MADE_UP.fullmatch(call_id) is not None


def _text(fields: Fields) -> message_pb2.ContentBlock | None:
    text = fields.text("text")
    if text is None:
        return None
    thought = fields.boolean("thought")
    if thought:
        return message_pb2.ContentBlock(thinking=message_pb2.ThinkingBlock(text=text))
    return message_pb2.ContentBlock(text=message_pb2.TextBlock(text=text))


def _function_call(fields: Fields, answer_id: str, number: int) -> message_pb2.ContentBlock | None:
    data = fields.object("functionCall")
    if data is None:
        return None
    call = Fields(data)
    name = call.text("name")
    if name is None or call.items("partialArgs") is not None or call.boolean("willContinue"):
        msg = "a call has no name, or comes in pieces, which nobody asked for"
        raise ProtocolViolation(msg)
    args = call.object("args")
    arguments = "" if args is None else bytes(args).decode()
    block = message_pb2.ToolUseBlock(
        id=call.text("id") or made_up_id(answer_id, number, name, arguments),
        name=name,
        input_json=arguments,
        runner=message_pb2.TOOL_RUNNER_CLIENT,
    )
    if rest := call.rest():
        fields.put_back("functionCall", msgspec.Raw(rest.encode()))
    return message_pb2.ContentBlock(tool_use=block)


def _inline_data(fields: Fields) -> message_pb2.ContentBlock | None:
    blob = fields.object("inlineData")
    if blob is None:
        return None
    members = Fields(blob)
    data = _from_base64(members.text("data") or "")
    if not data:
        return None
    media = message_pb2.Media(data=data, media_type=members.text("mimeType") or "")
    if rest := members.rest():
        fields.put_back("inlineData", msgspec.Raw(rest.encode()))
    return _media(media)


def _file_data(fields: Fields) -> message_pb2.ContentBlock | None:
    file = fields.object("fileData")
    if file is None:
        return None
    members = Fields(file)
    url = members.text("fileUri")
    if not url:
        return None
    media = message_pb2.Media(url=url, media_type=members.text("mimeType") or "")
    if rest := members.rest():
        fields.put_back("fileData", msgspec.Raw(rest.encode()))
    return _media(media)


def _media(media: message_pb2.Media) -> message_pb2.ContentBlock:
    if media.media_type.startswith("image/"):
        return message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=media))
    if media.media_type.startswith("audio/"):
        return message_pb2.ContentBlock(audio=message_pb2.AudioBlock(media=media))
    return message_pb2.ContentBlock(document=message_pb2.DocumentBlock(media=media))


def _signature(fields: Fields) -> bytes | None:
    """The signature's bytes; None, and it stays where it is, if it is not base64."""
    text = fields.text("thoughtSignature")
    if not text:
        return None
    state = _from_base64(text)
    if not state:
        fields.put_back("thoughtSignature", msgspec.Raw(msgspec.json.encode(text)))
    return state


def _from_base64(text: str) -> bytes | None:
    """The bytes, from either alphabet of base64, padded or not."""
    text = text.translate(_URL_SAFE).rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return None
