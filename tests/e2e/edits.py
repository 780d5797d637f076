"""Requests that are good but for one edit, and the blocks and tools that edits put in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.calls import chat_input
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2, route_pb2

Edit = Callable[[chat_service_pb2.ChatRequest], object]

BLOCK = "input.messages[0].content[0]"


def content(*blocks: message_pb2.ContentBlock, role: message_pb2.Role.ValueType = message_pb2.ROLE_USER) -> Edit:
    """Makes `blocks` the content of the only message."""

    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        del asked.input.messages[:]
        asked.input.messages.add(role=role, content=blocks)

    return edit


def fields_of(name: str, **fields: Any) -> Edit:
    """Sets fields of a message below `input`: generation, reasoning, anthropic …"""

    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        below = getattr(asked.input, name)
        below.MergeFrom(type(below)(**fields))

    return edit


def image(**media: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=message_pb2.Media(**media)))


def document(**document: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(document=message_pb2.DocumentBlock(**document))


def tool_result(*blocks: message_pb2.ContentBlock, tool_use_id: str = "toolu_1") -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(tool_result=message_pb2.ToolResultBlock(tool_use_id=tool_use_id, content=blocks))


def tool_use(**fields: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(tool_use=message_pb2.ToolUseBlock(**{"id": "toolu_1", "name": "weather", **fields}))


def cited(**citation: Any) -> message_pb2.ContentBlock:
    citations = [message_pb2.Citation(**citation)]
    return message_pb2.ContentBlock(text=message_pb2.TextBlock(text="So.", citations=citations))


def tool(**fields: Any) -> Edit:
    return lambda asked: asked.input.tools.add(**fields)


def function(**fields: Any) -> Edit:
    return tool(function=chat_input_pb2.FunctionTool(**{"name": "weather", **fields}))


def model(name: str) -> Edit:
    return lambda asked: setattr(asked.input, "model", name)


def to_route(name: str) -> Edit:
    return lambda asked: setattr(asked.routing, "route_name", name)


def to_target(**target: Any) -> Edit:
    return lambda asked: asked.routing.route.target.MergeFrom(route_pb2.Target(**target))


def option(provider: str, text: str) -> Edit:
    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        asked.input.provider_options_json[provider] = text

    return edit


def without_messages(asked: chat_service_pb2.ChatRequest) -> None:
    del asked.input.messages[:]


def role(number: int) -> Edit:
    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        asked.input.messages[0].role = number  # type: ignore[assignment]

    return edit


def numbered(value: int) -> Any:
    """A number that an enum does not have."""
    return value


EMPTY = message_pb2.ContentBlock()

OPAQUE = message_pb2.Opaque(provider_type="anthropic", type="new", raw_json='{"type":"new"}')


def asking(model: str, *messages: message_pb2.Message, **fields: Any) -> chat_service_pb2.ChatRequest:
    return chat_service_pb2.ChatRequest(input=chat_input(model, *messages, **fields))


def stream_of(asked: chat_service_pb2.ChatRequest) -> chat_service_pb2.StreamChatRequest:
    return chat_service_pb2.StreamChatRequest.FromString(asked.SerializeToString())


def count_of(asked: chat_service_pb2.ChatRequest) -> chat_service_pb2.CountTokensRequest:
    return chat_service_pb2.CountTokensRequest.FromString(asked.SerializeToString())
