"""Trunkline's client: one typed way to every LLM provider that the gateway knows.

    from trunkline import Trunkline

    with Trunkline("gateway:50051", model="anthropic/claude-sonnet-5") as client:
        print(client.chat("Hello").text)

The contract itself - messages, enums, stubs - is in trunkline.v1.
"""

from trunkline.accumulate import Accumulator
from trunkline.async_batch_calls import AsyncBatches
from trunkline.async_client import AsyncTrunkline
from trunkline.batch_calls import Batches
from trunkline.batches import Batch, BatchOptions, BatchResult, CreateBatchOptions, batch_item
from trunkline.client import Trunkline
from trunkline.content import (
    assistant,
    audio,
    cached,
    document,
    image,
    search_result,
    system,
    text,
    tool_result,
    tool_results,
    tool_use,
    user,
)
from trunkline.embeddings import Embeddings, EmbedOptions
from trunkline.errors import (
    APIError,
    AuthenticationError,
    BatchNotEndedError,
    CallCancelledError,
    CapabilityNotSupportedError,
    ConflictError,
    ContentBlockedError,
    ContextLengthError,
    DeadlineExceededError,
    GatewayUnavailableError,
    GatewayUnreachableError,
    InternalError,
    InvalidRequestError,
    MessageTooLargeError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    SlowConsumerError,
    StreamInterruptedError,
    UnavailableError,
    UnimplementedError,
    UpstreamCredentialsError,
    UpstreamOverloadedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    Violation,
)
from trunkline.models import ModelList, ModelsOptions
from trunkline.replies import Reply, TokenCount, ToolCall
from trunkline.requests import ChatOptions, StreamOptions
from trunkline.stream import AsyncChatStream, ChatStream
from trunkline.tools import json_object, json_schema, provider_tool, tool
from trunkline.v1 import ChatEvent, ChatInput, Message, Route, RoutingOptions, Target, ToolChoice

__all__ = [  # noqa: RUF022 - grouped
    # Clients.
    "Trunkline",
    "AsyncTrunkline",
    "ChatOptions",
    "StreamOptions",
    "EmbedOptions",
    "ModelsOptions",
    "BatchOptions",
    "CreateBatchOptions",
    # What comes back.
    "Reply",
    "ToolCall",
    "TokenCount",
    "Embeddings",
    "ModelList",
    "ChatStream",
    "AsyncChatStream",
    "Batches",
    "AsyncBatches",
    "Batch",
    "BatchResult",
    "Accumulator",
    # Batches.
    "batch_item",
    # Messages.
    "user",
    "assistant",
    "system",
    "tool_results",
    # Blocks.
    "text",
    "image",
    "audio",
    "document",
    "search_result",
    "tool_use",
    "tool_result",
    "cached",
    # Tools and output formats.
    "tool",
    "provider_tool",
    "json_schema",
    "json_object",
    # The contract's messages that one needs most; all of them are in trunkline.v1.
    "ChatEvent",
    "ChatInput",
    "Message",
    "Route",
    "RoutingOptions",
    "Target",
    "ToolChoice",
    # Why calls fail: APIError and, indented, what is below what.
    "APIError",
    # - the request is at fault
    "InvalidRequestError",
    "ContextLengthError",
    "ContentBlockedError",
    "RequestTooLargeError",
    "CapabilityNotSupportedError",
    "NotFoundError",
    "MessageTooLargeError",
    "BatchNotEndedError",
    "UnimplementedError",
    "Violation",
    # - keys and money
    "AuthenticationError",
    "PermissionDeniedError",
    "UpstreamCredentialsError",
    "QuotaExhaustedError",
    # - later may be better
    "RateLimitError",
    "UnavailableError",
    "UpstreamUnavailableError",
    "UpstreamTimeoutError",
    "UpstreamOverloadedError",
    "GatewayUnavailableError",
    "GatewayUnreachableError",
    "ConflictError",
    # - the call itself ended early
    "StreamInterruptedError",
    "SlowConsumerError",
    "DeadlineExceededError",
    "CallCancelledError",
    # - bugs
    "InternalError",
    "ProtocolError",
]
