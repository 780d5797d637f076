"""Requests to Gemini in a line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.calls import text_block, user
from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.upstream.request import UpstreamRequest
from wire_gemini.decoding import ON_VERTEX, PROVIDER, TARGET, VERTEX

Block = message_pb2.ContentBlock
Input = chat_input_pb2.ChatInput


def asked(*messages: message_pb2.Message, **fields: Any) -> Input:
    return Input(model="gemini/x", messages=messages or [user("Hello")], **fields)


def encoded(chat_input: Input, *, vertex: bool = False) -> UpstreamRequest:
    return VERTEX.encode_chat(chat_input, ON_VERTEX) if vertex else PROVIDER.encode_chat(chat_input, TARGET)


def body(*messages: message_pb2.Message, vertex: bool = False, **fields: Any) -> Any:
    return json.loads(encoded(asked(*messages, **fields), vertex=vertex).body)


def parts(*blocks: Block, role: message_pb2.Role.ValueType = message_pb2.ROLE_USER, **fields: Any) -> Any:
    return body(message_pb2.Message(role=role, content=blocks, **fields))["contents"][0]["parts"]


def assistant(*blocks: Block, origin: str = "") -> message_pb2.Message:
    message = message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=blocks)
    message.origin.provider_type = origin
    return message


def tool_use(call_id: str = "c1", name: str = "get_weather", **fields: Any) -> Block:
    fields.setdefault("input_json", '{"city": "Oslo"}')
    return Block(tool_use=message_pb2.ToolUseBlock(id=call_id, name=name, **fields))


def tool_result(*content: Block | str, call_id: str = "c1", is_error: bool | None = None) -> Block:
    blocks = [text_block(each) if isinstance(each, str) else each for each in content]
    return Block(tool_result=message_pb2.ToolResultBlock(tool_use_id=call_id, content=blocks, is_error=is_error))


def image(**media: Any) -> Block:
    media = media or {"data": b"\x89PNG\r\n\x1a\n"}
    return Block(image=message_pb2.ImageBlock(media=message_pb2.Media(**media)))


def document(**source: Any) -> Block:
    return Block(document=message_pb2.DocumentBlock(**source))


def tool(**fields: Any) -> chat_input_pb2.Tool:
    return chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(**fields))


def refused(chat_input: Input, *, vertex: bool = False) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        encoded(chat_input, vertex=vertex)
    return caught.value


def reasoning(mode: str = "UNSPECIFIED", **fields: Any) -> chat_input_pb2.ReasoningParams:
    return chat_input_pb2.ReasoningParams(mode=chat_input_pb2.ReasoningMode.Value(f"REASONING_MODE_{mode}"), **fields)
