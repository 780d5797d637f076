"""Anthropic's names for the places in a request, in the contract's.

Its messages for a bad request begin with a path: `messages.0.content.1.text: …` or `max_tokens: …`.
"""

from __future__ import annotations

import re

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from trunkline.v1 import chat_input_pb2

_PATH = re.compile(r"^([a-z_]+(?:\.[A-Za-z0-9_-]+)*): ")

_TOP_LEVEL = {
    "model": "input.model",
    "messages": "input.messages",
    "system": "input.system",
    "tools": "input.tools",
    "tool_choice": "input.tool_choice",
    "max_tokens": "input.generation.max_output_tokens",
    "temperature": "input.generation.temperature",
    "top_p": "input.generation.top_p",
    "top_k": "input.generation.top_k",
    "stop_sequences": "input.generation.stop_sequences",
    "thinking": "input.reasoning",
    "output_config": "input.output_format",
    "cache_control": "input.cache_control",
    "metadata": "input.end_user_id",
    "service_tier": "input.service_tier",
    "speed": "input.anthropic.speed",
    "inference_geo": "input.anthropic.inference_geo",
}


def from_message(message: str) -> str:
    """The contract's path of the field that a message is about, as far as the contract has it; empty without one."""
    match = _PATH.match(message)
    if match is None:
        return ""
    first, *rest = match[1].split(".")
    path = _TOP_LEVEL.get(first)
    if path is None:
        return ""
    place = _Place(path)
    for part in rest:
        if not place.go(part):
            break
    return place.path


class _Place:
    """A field of the request, by the descriptors of the contract."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._field: FieldDescriptor | None = None
        self._within_list = False
        message: Descriptor | None = chat_input_pb2.ChatInput.DESCRIPTOR
        for name in path.removeprefix("input.").split("."):
            self._field = message.fields_by_name[name] if message is not None else None
            message = self._field.message_type if self._field is not None else None

    def go(self, part: str) -> bool:
        """One step further down; False if the contract has no such place."""
        field = self._field
        if field is None:
            return False
        if part.isdigit():
            if self._within_list:
                return False
            self._within_list = True
            self.path += f"[{part}]"
            return True
        if field.message_type is None:
            return False
        below = field.message_type.fields_by_name.get(part)
        if below is None:
            return False
        self._field = below
        self._within_list = False
        self.path += f".{part}"
        return True
