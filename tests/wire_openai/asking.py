"""Requests in the contract's JSON form, and what goes upstream for them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from trunkline.v1 import chat_input_pb2, warning_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import Target
from trunkline_service.providers.openai.chat import ChatProvider
from trunkline_service.upstream.request import UpstreamRequest
from wire.decoding import Json
from wire_openai.decoding import PROVIDER, TARGET

USER = {"role": "user", "content": "Hello"}


def ask(provider: ChatProvider = PROVIDER, target: Target = TARGET, **fields: Any) -> UpstreamRequest:
    fields.setdefault("messages", [{"role": "ROLE_USER", "content": [{"text": {"text": "Hello"}}]}])
    chat_input = chat_input_pb2.ChatInput()
    ParseDict(fields, chat_input)
    return provider.encode_chat(chat_input, target)


def body_of(provider: ChatProvider = PROVIDER, target: Target = TARGET, **fields: Any) -> Json:
    """The body, without what is in all of them."""
    sent = ask(provider, target, **fields)
    body: Json = json.loads(sent.body)
    assert body.pop("stream") is True
    assert body.pop("stream_options") == {"include_usage": True}
    assert body.pop("model") == target.model
    if "messages" not in fields and "system" not in fields:
        assert body.pop("messages") == [USER]
    return body


def messages_of(*messages: Json, provider: ChatProvider = PROVIDER, target: Target = TARGET) -> list[Json]:
    result: list[Json] = body_of(provider, target, messages=list(messages))["messages"]
    return result


def user(*content: Json, **members: Any) -> Json:
    return {"role": "ROLE_USER", "content": list(content)} | members


def assistant(*content: Json, **members: Any) -> Json:
    return {"role": "ROLE_ASSISTANT", "content": list(content)} | members


def words(text: str, **members: Any) -> Json:
    return {"text": {"text": text}} | members


def media(**source: Any) -> Json:
    if isinstance(data := source.get("data"), bytes):
        source["data"] = base64.b64encode(data).decode()
    return source


def refused(provider: ChatProvider = PROVIDER, target: Target = TARGET, **fields: Any) -> tuple[str, list[str]]:
    """The reason, and the fields that it names."""
    with pytest.raises(GatewayError) as caught:
        ask(provider, target, **fields)
    return caught.value.reason_name.removeprefix("ERROR_REASON_"), [each.field for each in caught.value.violations]


def warned(sent: UpstreamRequest) -> list[tuple[str, str]]:
    return [
        (warning_pb2.WarningCode.Name(each.code).removeprefix("WARNING_CODE_"), each.field) for each in sent.warnings
    ]
