"""What comes back: thin views of the contract's messages, which stay in reach as `proto`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from google.protobuf.descriptor import EnumDescriptor

from trunkline.content import ToolOutput, tool_result
from trunkline.v1.chat_service_pb2 import (
    ChatResponse,
    CountMethod,
    CountTokensResponse,
    FinishReason,
)
from trunkline.v1.message_pb2 import ContentBlock, Message, ToolRunner, ToolUseBlock
from trunkline.v1.route_pb2 import RouteReport
from trunkline.v1.usage_pb2 import Cost, Usage
from trunkline.v1.warning_pb2 import Warning as WarningMessage

_OURS: Final = (ToolRunner.TOOL_RUNNER_UNSPECIFIED, ToolRunner.TOOL_RUNNER_CLIENT)


class Reply:
    """What a model answered, or the part that came so far.

    Example:
        reply = client.chat("What is the capital of France?", model="anthropic/claude-sonnet-5")
        print(reply.text, reply.finish_reason, reply.usage.output_total)
        history.append(reply.message)
    """

    __slots__ = ("proto", "request_id")

    def __init__(self, proto: ChatResponse, request_id: str = "") -> None:
        self.proto: Final = proto
        """All that came."""
        self.request_id: Final = request_id
        """The call's id, to look it up in the gateway's log."""

    @property
    def message(self) -> Message:
        """The answer as the model gave it. To go on, append it to the messages of the next call.

        Example:
            history += [reply.message, "And of Spain?"]
        """
        return self.proto.message

    @property
    def text(self) -> str:
        """The text blocks, one after the other. Empty if the model only called tools or refused.

        Example:
            print(reply.text)
        """
        return "".join(block.text.text for block in self._blocks("text"))

    @property
    def thinking(self) -> str:
        """The reasoning, its blocks set apart by empty lines. Empty if the provider keeps it to itself.

        Example:
            print(reply.thinking)
        """
        return "\n\n".join(block.thinking.text for block in self._blocks("thinking"))

    @property
    def refusal(self) -> str:
        """The model's own words for why it will not answer. May be empty though `finish_reason` is "refusal".

        Example:
            print(reply.refusal or reply.text)
        """
        return "".join(block.refusal.text for block in self._blocks("refusal"))

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        """The tool calls that wait for the caller, in order; not those that the provider runs itself.

        Do not run them unless `finish_reason` is "tool_use": they may be cut short.

        Example:
            results = [call.result(run(call.name, call.arguments)) for call in reply.tool_calls]
        """
        calls = (block.tool_use for block in self._blocks("tool_use"))
        return [ToolCall(call) for call in calls if call.runner in _OURS]

    @property
    def finish_reason(self) -> str:
        """Why the answer ended: the end of a FinishReason's name in small letters, for example "max_output_tokens".

        "other" if the gateway is newer than this package and has a reason that this one does not know; see then
        `provider_finish_reason`. Empty as long as the answer is not complete.

        Example:
            assert reply.finish_reason in ("stop", "tool_use")
        """
        return word(FinishReason.DESCRIPTOR, self.proto.completion.finish_reason, "FINISH_REASON_")

    @property
    def provider_finish_reason(self) -> str:
        """The same in the provider's own word, for example "end_turn"."""
        return self.proto.completion.provider_finish_reason

    @property
    def complete(self) -> bool:
        """Whether this is the whole answer, not a part of a stream's."""
        return self.proto.HasField("completion")

    @property
    def usage(self) -> Usage:
        """The tokens it took. A number that the provider does not tell is not set, and reads as 0.

        Example:
            print(reply.usage.input_total, reply.usage.output_total)
        """
        return self.proto.completion.usage

    @property
    def cost(self) -> Cost | None:
        """What it cost, in nano-dollars, by the gateway's price list; None if a price is not known.

        Example:
            print(reply.cost.total_nano_usd / 1e9 if reply.cost else "not known")
        """
        return self.proto.completion.cost if self.proto.completion.HasField("cost") else None

    @property
    def warnings(self) -> Sequence[WarningMessage]:
        """What the gateway wants the caller to know: fields left out, defaults applied, odd output.

        Example:
            for warning in reply.warnings:
                log.warning("%s: %s", warning.field, warning.message)
        """
        return self.proto.completion.warnings

    @property
    def route_report(self) -> RouteReport:
        """Where the call went: every attempt, those that did not answer among them.

        Example:
            models = [attempt.model for attempt in reply.route_report.attempts]
        """
        return self.proto.completion.route_report

    def __repr__(self) -> str:
        origin = self.proto.message.origin
        return (
            f"<Reply id={self.proto.id!r} provider={origin.provider!r} model={origin.model!r} "
            f"finish_reason={self.finish_reason!r} request_id={self.request_id!r}>"
        )

    def _blocks(self, kind: str) -> list[ContentBlock]:
        return [block for block in self.proto.message.content if block.WhichOneof("kind") == kind]


class ToolCall:
    """A call of one of the caller's tools.

    Example:
        call = reply.tool_calls[0]
        print(call.id, call.name, call.arguments["city"])
    """

    def __init__(self, proto: ToolUseBlock) -> None:
        self.proto: Final = proto
        """All that came."""

    @property
    def id(self) -> str:
        """What the result has to name."""
        return self.proto.id

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.proto.name

    @property
    def arguments_json(self) -> str:
        """The arguments as the model wrote them, byte for byte. Not always JSON; empty stands for no arguments."""
        return self.proto.input_json

    @cached_property
    def arguments(self) -> Any:
        """The arguments, parsed: a dict, if the model keeps to the rules.

        Raises:
            json.JSONDecodeError: (a ValueError) They are not JSON, or cut short.

        Example:
            temperature = weather(**call.arguments)
        """
        return json.loads(self.proto.input_json or "{}")

    def result(self, content: ToolOutput = (), *, is_error: bool | None = None) -> ContentBlock:
        """Make the block that answers this call.

        Example:
            messages = [*history, reply.message, *(call.result(run(call)) for call in reply.tool_calls)]
        """
        block = tool_result(self.proto.id, content, is_error=is_error)
        block.tool_result.toolset_name = self.proto.toolset_name
        return block

    def __repr__(self) -> str:
        return f"<ToolCall id={self.id!r} name={self.name!r}>"


class TokenCount:
    """How many tokens an input has.

    Example:
        count = client.count_tokens("Hello", model="anthropic/claude-sonnet-5")
        print(count.input_tokens, count.method)
    """

    __slots__ = ("proto", "request_id")

    def __init__(self, proto: CountTokensResponse, request_id: str = "") -> None:
        self.proto: Final = proto
        """All that came."""
        self.request_id: Final = request_id
        """The call's id, to look it up in the gateway's log."""

    @property
    def input_tokens(self) -> int:
        """The tokens."""
        return self.proto.input_tokens

    @property
    def method(self) -> str:
        """Who counted: "provider", "tokenizer" or "estimate"; "other" if this package does not know the word."""
        return word(CountMethod.DESCRIPTOR, self.proto.method, "COUNT_METHOD_")

    def __repr__(self) -> str:
        return f"<TokenCount input_tokens={self.input_tokens} model={self.proto.origin.model!r}>"


def word(enum: EnumDescriptor, number: int, prefix: str) -> str:
    """Return the end of a value's name in small letters; "other" if it is newer than this package, empty if not set."""
    if number == 0:
        return ""
    name = enum.values_by_number.get(number)
    return name.name.removeprefix(prefix).lower() if name is not None else "other"
