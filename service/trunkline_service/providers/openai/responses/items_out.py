"""Items of an answer: the Responses API's JSON to the contract's blocks.

A message is a block for each of its parts; what the item says beside them (its id, status and phase) is the member
"item" of `provider_fields_json`: the whole of it with the last part, the id with those before. Reasoning and calls of
the caller's tools are a block each. Any other item, such as the call of a tool that OpenAI runs, is opaque. All come
back as they were when the caller sends the answer back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from trunkline.v1 import message_pb2
from trunkline_service.json_text import RawObject
from trunkline_service.providers.base import Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.platform import PROVIDER_TYPE
from trunkline_service.providers.openai.responses.logprobs import decode_logprobs

# Between the parts of a reasoning, which the contract has as one text.
PART_BREAK = "\n\n"


def decode_item(data: msgspec.Raw) -> list[message_pb2.ContentBlock]:
    """The blocks of an item that is complete: one at least.

    Raises:
        JsonTextError: it is not a JSON object.
    """
    fields = Fields(data)
    kind = fields.text("type") or ""
    if kind == "message":
        parts = fields.items("content")
        return decode_parts(parts, fields) if parts else [opaque(kind, data)]
    decode = _DECODERS.get(kind)
    block = None if decode is None else decode(fields)
    return [opaque(kind, data) if block is None else block]


def begun(data: msgspec.Raw) -> message_pb2.ContentBlock | None:
    """The block that a reasoning or a call begins as, before its deltas; None if it does not say enough for that yet.

    Raises as `decode_item` does.
    """
    block = decode_item(data)[0]
    if block.HasField("thinking"):
        return message_pb2.ContentBlock(thinking=message_pb2.ThinkingBlock())
    if not block.HasField("tool_use"):
        return None
    # Its input comes in deltas, or else at its end, and the rest of what it says then, too.
    block.ClearField("provider_fields_json")
    block.tool_use.ClearField("input_json")
    if block.tool_use.HasField("input_text"):
        block.tool_use.input_text = ""
    return block


def decode_parts(parts: list[msgspec.Raw], item: Fields) -> list[message_pb2.ContentBlock]:
    """The parts of a message, of which `item` is what is beside them. Raises as `decode_item` does."""
    beside = envelope(item)
    last = len(parts) - 1
    return [decode_part(part, beside, is_last=number == last) for number, part in enumerate(parts)]


def envelope(item: Fields) -> RawObject:
    """What a message says beside its parts."""
    members = dict(item.remaining())
    for name in ("type", "content"):
        members.pop(name, None)
    if bytes(members.get("role", b"")) == b'"assistant"':
        del members["role"]
    return members


def decode_part(data: msgspec.Raw, beside: RawObject, *, is_last: bool) -> message_pb2.ContentBlock:
    """A part of a message. Raises as `decode_item` does."""
    fields = Fields(data)
    kind = fields.text("type") or ""
    if kind == "output_text":
        block = _text(fields)
    elif kind == "refusal":
        block = message_pb2.ContentBlock(refusal=message_pb2.RefusalBlock(text=fields.text("refusal") or ""))
    else:
        block = opaque(kind, data)
        fields = Fields(b"{}")
    members = fields.remaining()
    item = beside if is_last else {name: value for name, value in beside.items() if name == "id"}
    if item:
        members["item"] = msgspec.Raw(msgspec.json.encode(item))
    block.provider_fields_json = fields.rest()
    return block


def decode_citation(data: msgspec.Raw) -> message_pb2.Citation:
    """An annotation of a text. Raises as `decode_item` does."""
    fields = Fields(data)
    kind = fields.text("type") or ""
    url = fields.text("url")
    if kind != "url_citation" or url is None:
        return message_pb2.Citation(opaque=untyped(kind, data))
    web = message_pb2.WebLocation(url=url, title=fields.text("title"))
    return message_pb2.Citation(web_location=web, provider_fields_json=fields.rest())


def opaque(kind: str, data: bytes | msgspec.Raw) -> message_pb2.ContentBlock:
    """A block that the contract does not type."""
    return message_pb2.ContentBlock(opaque=untyped(kind, data))


def untyped(kind: str, data: bytes | msgspec.Raw) -> message_pb2.Opaque:
    """Anything that the contract does not type."""
    return message_pb2.Opaque(provider_type=PROVIDER_TYPE, type=kind, raw_json=bytes(data).decode())


def origin(target: Target, model: str) -> message_pb2.Origin:
    """Who wrote an answer."""
    return message_pb2.Origin(provider=target.provider, provider_type=PROVIDER_TYPE, model=model)


def _text(fields: Fields) -> message_pb2.ContentBlock:
    block = message_pb2.TextBlock(
        text=fields.text("text") or "",
        citations=[decode_citation(annotation) for annotation in fields.items("annotations") or ()],
    )
    raw = fields.remaining().get("logprobs")
    if raw is not None and (tokens := fields.items("logprobs")):
        if (decoded := decode_logprobs(tokens)) is not None:
            block.logprobs.extend(decoded)
        else:
            fields.put_back("logprobs", raw)
    return message_pb2.ContentBlock(text=block)


def _reasoning(fields: Fields) -> message_pb2.ContentBlock:
    """The text is that of all parts. The parts themselves stay beside it where the text does not say them all."""
    raw = dict(fields.remaining())
    summary, content = fields.items("summary"), fields.items("content")
    texts = [*_texts(summary or ()), *_texts(content or ())]
    text = PART_BREAK.join(filter(None, texts))
    if summary is not None and not _is_said(summary, text):
        fields.put_back("summary", raw["summary"])
    if content is not None:
        fields.put_back("content", raw["content"])
    return message_pb2.ContentBlock(
        thinking=message_pb2.ThinkingBlock(text=text),
        provider_state=(fields.text("encrypted_content") or "").encode(),
        provider_fields_json=fields.rest(),
    )


def _texts(parts: Iterable[msgspec.Raw]) -> list[str]:
    return [Fields(part).text("text") or "" for part in parts if bytes(part).startswith(b"{")]


def _is_said(summary: list[msgspec.Raw], text: str) -> bool:
    """Whether `summary` is what `reasoning` in `items_in.py` makes of the text alone."""
    if not summary:
        return not text
    fields = Fields(summary[0]) if len(summary) == 1 and text else Fields(b"{}")
    return fields.text("type") == "summary_text" and fields.text("text") == text and not fields.rest()


def _function_call(fields: Fields) -> message_pb2.ContentBlock | None:
    call = _call(fields)
    if call is None:
        return None
    call.input_json = fields.text("arguments") or ""
    return message_pb2.ContentBlock(tool_use=call, provider_fields_json=fields.rest())


def _custom_tool_call(fields: Fields) -> message_pb2.ContentBlock | None:
    call = _call(fields)
    if call is None:
        return None
    call.input_text = fields.text("input") or ""
    return message_pb2.ContentBlock(tool_use=call, provider_fields_json=fields.rest())


def _call(fields: Fields) -> message_pb2.ToolUseBlock | None:
    """The call without its input; None if it has no id or name, without which nobody could answer it."""
    call_id, name = fields.text("call_id"), fields.text("name")
    if not call_id or not name:
        return None
    return message_pb2.ToolUseBlock(id=call_id, name=name, runner=message_pb2.TOOL_RUNNER_CLIENT)


_DECODERS: dict[str, Callable[[Fields], message_pb2.ContentBlock | None]] = {
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_tool_call,
}
