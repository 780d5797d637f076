"""Messages, blocks and tools of the conversations, in a line each."""

from __future__ import annotations

import json
from typing import Any

from support.calls import text_block
from trunkline.v1 import chat_input_pb2, message_pb2


def tool(name: str, **properties: str) -> chat_input_pb2.Tool:
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    return chat_input_pb2.Tool(
        function=chat_input_pb2.FunctionTool(name=name, description=name, input_schema_json=json.dumps(schema))
    )


def marked(text: str) -> message_pb2.ContentBlock:
    block = text_block(text)
    block.cache_control.SetInParent()
    return block


def media(data: bytes, kind: str) -> message_pb2.Media:
    return message_pb2.Media(data=data, media_type=kind)


def image(source: message_pb2.Media) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=source))


def document(**fields: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(document=message_pb2.DocumentBlock(**fields))


def called(*names: str) -> message_pb2.Message:
    """An assistant's turn that calls tools; the ids are those of no provider."""
    uses = [
        message_pb2.ToolUseBlock(id=f"call_{place}", name=name, input_json='{"seats": 7}')
        for place, name in enumerate(names)
    ]
    blocks = [message_pb2.ContentBlock(tool_use=use) for use in uses]
    return message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content=[text_block("I will look."), *blocks])


def results(*contents: message_pb2.ContentBlock) -> message_pb2.Message:
    found = [
        message_pb2.ToolResultBlock(tool_use_id=f"call_{place}", content=[content])
        for place, content in enumerate(contents)
    ]
    blocks = [message_pb2.ContentBlock(tool_result=result) for result in found]
    return message_pb2.Message(role=message_pb2.ROLE_TOOL, content=blocks)


def failed(text: str) -> message_pb2.Message:
    """What `results` is, of one tool that failed."""
    message = results(text_block(text))
    message.content[0].tool_result.is_error = True
    return message


def turn(role: message_pb2.Role.ValueType, text: str) -> message_pb2.Message:
    return message_pb2.Message(role=role, content=[text_block(text)])


def shown(display: str) -> chat_input_pb2.ReasoningParams:
    """Asks for thoughts that are told."""
    mode = chat_input_pb2.REASONING_MODE_ADAPTIVE
    return chat_input_pb2.ReasoningParams(effort="high", mode=mode, display=display)


TOOLS = [tool("book", seats="integer"), tool("weather", city="string")]
