"""Bodies of Chat Completions in the contract's terms: the way back of a request, for those that were recorded."""

from __future__ import annotations

import base64
import json
from typing import Any

from trunkline.v1 import chat_input_pb2, message_pb2
from wire.decoding import Json

_ROLES = {
    "system": message_pb2.ROLE_SYSTEM,
    "developer": message_pb2.ROLE_DEVELOPER,
    "user": message_pb2.ROLE_USER,
    "assistant": message_pb2.ROLE_ASSISTANT,
    "tool": message_pb2.ROLE_TOOL,
}
_MODES = {
    "auto": chat_input_pb2.TOOL_CHOICE_MODE_AUTO,
    "required": chat_input_pb2.TOOL_CHOICE_MODE_ANY,
    "none": chat_input_pb2.TOOL_CHOICE_MODE_NONE,
}
_GENERATION = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs")


def lift(body: Json) -> chat_input_pb2.ChatInput:
    """What the caller of the gateway would have asked. Knows what the recordings have, and fails on anything else."""
    body = dict(body)
    result = chat_input_pb2.ChatInput(model=body.pop("model"))
    for entry in body.pop("messages"):
        result.messages.append(_message(dict(entry)))
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body:
            result.generation.max_output_tokens = body.pop(name)
    for name in _GENERATION:
        if name in body:
            setattr(result.generation, name, body.pop(name))
    for tool in body.pop("tools", ()):
        function = tool["function"]
        assert function.keys() <= {"name", "description", "parameters", "strict"}
        lifted = result.tools.add().function
        lifted.name = function["name"]
        lifted.input_schema_json = json.dumps(function["parameters"])
        for name in ("description", "strict"):
            if name in function:
                setattr(lifted, name, function[name])
    if "tool_choice" in body:
        result.tool_choice.mode = _MODES[body.pop("tool_choice")]
    for name in ("stream", "stream_options"):
        body.pop(name, None)
    assert body.keys() <= {"n"}, body
    return result


def _message(entry: Json) -> message_pb2.Message:
    result = message_pb2.Message(role=_ROLES[entry.pop("role")], name=entry.pop("name", ""))
    content = entry.pop("content")
    result.content.extend(map(_part, [{"type": "text", "text": content}] if isinstance(content, str) else content))
    assert not entry, entry
    return result


def _part(part: dict[str, Any]) -> message_pb2.ContentBlock:
    match part["type"]:
        case "text":
            return message_pb2.ContentBlock(text=message_pb2.TextBlock(text=part["text"]))
        case "image_url":
            return message_pb2.ContentBlock(image=_image(part["image_url"]))
    raise AssertionError(part)


def _image(image: dict[str, str]) -> message_pb2.ImageBlock:
    url = image["url"]
    if not url.startswith("data:"):
        media = message_pb2.Media(url=url)
    else:
        media_type, _, data = url.removeprefix("data:").partition(";base64,")
        media = message_pb2.Media(data=base64.b64decode(data), media_type=media_type)
    return message_pb2.ImageBlock(media=media, detail=image.get("detail", ""))
