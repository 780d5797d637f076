"""Requests in a line, and errors with their details unpacked."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from google.rpc import error_details_pb2, status_pb2

from trunkline.v1 import (
    chat_input_pb2,
    chat_service_pb2,
    chat_service_pb2_grpc,
    error_reason_pb2,
    message_pb2,
    route_pb2,
)

Stub: TypeAlias = "chat_service_pb2_grpc.ChatServiceAsyncStub"
SERVICE = "trunkline.v1.ChatService"


def text_block(text: str) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(text=message_pb2.TextBlock(text=text))


def user(*content: str | message_pb2.ContentBlock) -> message_pb2.Message:
    blocks = [text_block(block) if isinstance(block, str) else block for block in content]
    return message_pb2.Message(role=message_pb2.ROLE_USER, content=blocks)


def chat_input(
    model: str = "simulator/text", *messages: message_pb2.Message, **fields: Any
) -> chat_input_pb2.ChatInput:
    """A question of 100 tokens at most; `fields` are those of ChatInput."""
    fields.setdefault("generation", chat_input_pb2.GenerationParams(max_output_tokens=100))
    return chat_input_pb2.ChatInput(model=model, messages=messages or [user("Hello")], **fields)


def request(model: str = "simulator/text", **fields: Any) -> chat_service_pb2.ChatRequest:
    return chat_service_pb2.ChatRequest(input=chat_input(model, **fields))


def stream_request(model: str = "simulator/text", **fields: Any) -> chat_service_pb2.StreamChatRequest:
    return chat_service_pb2.StreamChatRequest(input=chat_input(model, **fields))


def to_target(provider: str, model: str, api_key: str = "") -> route_pb2.RoutingOptions:
    target = route_pb2.Target(provider=provider, model=model, api_key=api_key)
    return route_pb2.RoutingOptions(route=route_pb2.Route(target=target))


def reason_name(reason: error_reason_pb2.ErrorReason.ValueType) -> str:
    """A reason without its prefix."""
    return error_reason_pb2.ErrorReason.Name(reason).removeprefix("ERROR_REASON_")


def said(answer: chat_service_pb2.ChatResponse) -> str:
    """The text of an answer."""
    return "".join(block.text.text for block in answer.message.content)


@dataclass
class Failure:
    """A failed call: its code, and its details by type."""

    code: grpc.StatusCode
    message: str
    status: status_pb2.Status | None
    trailers: dict[str, str | bytes]
    info: error_details_pb2.ErrorInfo = field(default_factory=error_details_pb2.ErrorInfo)
    retry: error_details_pb2.RetryInfo | None = None
    bad_request: error_details_pb2.BadRequest | None = None
    quota: error_details_pb2.QuotaFailure | None = None
    resource: error_details_pb2.ResourceInfo | None = None
    request_info: error_details_pb2.RequestInfo | None = None
    report: route_pb2.RouteReport = field(default_factory=route_pb2.RouteReport)

    @property
    def reason(self) -> str:
        """The reason without its prefix; empty if the status has no details."""
        return self.info.reason.removeprefix("ERROR_REASON_")

    @property
    def fields(self) -> list[str]:
        return [violation.field for violation in self.bad_request.field_violations] if self.bad_request else []


_DETAILS = {
    "info": error_details_pb2.ErrorInfo,
    "retry": error_details_pb2.RetryInfo,
    "bad_request": error_details_pb2.BadRequest,
    "quota": error_details_pb2.QuotaFailure,
    "resource": error_details_pb2.ResourceInfo,
    "request_info": error_details_pb2.RequestInfo,
    "report": route_pb2.RouteReport,
}


def failure(error: grpc.aio.AioRpcError) -> Failure:
    trailers = dict(error.trailing_metadata() or ())
    packed = trailers.get("grpc-status-details-bin")
    status = status_pb2.Status.FromString(packed) if isinstance(packed, bytes) else None
    result = Failure(error.code(), error.details() or "", status, trailers)
    for any_detail in status.details if status else ():
        for name, kind in _DETAILS.items():
            if any_detail.Is(kind.DESCRIPTOR):
                detail = kind()
                any_detail.Unpack(detail)
                setattr(result, name, detail)
    return result


async def failure_of(call: Awaitable[Any]) -> Failure:
    """Waits for a call, which must fail."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return failure(error)
    raise AssertionError("the call did not fail")


async def chat_failure(
    stub: chat_service_pb2_grpc.ChatServiceAsyncStub, asked: chat_service_pb2.ChatRequest, timeout: float = 20
) -> Failure:
    """Calls Chat, which must fail."""
    try:
        await stub.Chat(asked, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        return failure(error)
    raise AssertionError("the call did not fail")


async def stream_failure(
    stub: chat_service_pb2_grpc.ChatServiceAsyncStub, asked: chat_service_pb2.StreamChatRequest, timeout: float = 20
) -> tuple[list[chat_service_pb2.ChatEvent], Failure]:
    """Calls StreamChat, which must fail; returns the events that came before."""
    events: list[chat_service_pb2.ChatEvent] = []
    try:
        async for message in stub.StreamChat(asked, timeout=timeout):
            events.extend(message.events)
    except grpc.aio.AioRpcError as error:
        return events, failure(error)
    raise AssertionError("the call did not fail")


async def events_of(
    stub: chat_service_pb2_grpc.ChatServiceAsyncStub, asked: chat_service_pb2.StreamChatRequest, timeout: float = 20
) -> list[chat_service_pb2.ChatEvent]:
    """All events of a stream that must succeed."""
    return [event async for message in stub.StreamChat(asked, timeout=timeout) for event in message.events]
