"""How an answer of the Responses API ended."""

from __future__ import annotations

import msgspec

from trunkline.v1 import chat_service_pb2, message_pb2, usage_pb2, warning_pb2
from trunkline_service import json_text
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.responses.items_out import origin

_INCOMPLETE = {
    "max_output_tokens": chat_service_pb2.FINISH_REASON_MAX_OUTPUT_TOKENS,
    "content_filter": chat_service_pb2.FINISH_REASON_CONTENT_FILTER,
}

# Opaque items that wait for something of the caller's, beside function calls.
_WAITING = frozenset(
    {"computer_call", "local_shell_call", "shell_call", "apply_patch_call", "mcp_approval_request", "tool_search_call"}
)
# Members of a response that have a place of their own elsewhere, or repeat what the caller has sent and may be as long.
_NOT_TOLD = ("object", "output", "usage", "service_tier", "instructions", "tools", "text")


class Ending:
    """Collects what the blocks and the final response say about the end of an answer."""

    def __init__(self) -> None:
        self._refused = False
        # Calls that the caller has to answer, by their ids.
        self._calls: set[str] = set()
        self._warnings: list[warning_pb2.Warning] = []
        self._word = ""
        self._incomplete = False
        self._others: json_text.RawObject = {}
        self._origin: message_pb2.Origin | None = None

    def note(self, index: int, block: message_pb2.ContentBlock) -> None:
        """A block of the answer, whole."""
        match block.WhichOneof("kind"):
            case "refusal":
                self._refused = True
            case "tool_use":
                self._calls.add(block.tool_use.id)
                arguments = block.tool_use.input_json
                if arguments and not json_text.is_json(arguments, must_be_object=True):
                    path = f"message.content[{index}].tool_use.input_json"
                    self.warn(path, "the model wrote arguments that are not a JSON object")
            case "opaque":
                self._note_opaque(block.opaque)

    def _note_opaque(self, item: message_pb2.Opaque) -> None:
        fields = Fields(item.raw_json.encode())
        call_id = fields.text("call_id") or fields.text("id") or ""
        if item.type in _WAITING and fields.text("execution") != "server":
            self._calls.add(call_id)
        elif item.type.endswith("_output"):
            # OpenAI has run this one itself.
            self._calls.discard(call_id)

    def warn(self, field: str, message: str) -> None:
        """Something in the answer is not what it should be."""
        code = warning_pb2.WARNING_CODE_UNEXPECTED_OUTPUT
        self._warnings.append(warning_pb2.Warning(code=code, field=field, message=message))

    def response(self, response: Fields, start: chat_service_pb2.StreamStart, target: Target) -> None:
        """The final response, which began as `start`.

        Raises:
            ProtocolViolation: it is not final.
            JsonTextError: a member of it is not what it should be.
        """
        if (name := response.text("id")) and name != start.id:
            response.put_back("id", msgspec.Raw(msgspec.json.encode(name)))
        model = response.text("model")
        if model and model != start.origin.model:
            self._origin = origin(target, model)
        status = response.text("status") or "completed"
        if status not in ("completed", "incomplete"):
            msg = f"the answer ended while it was {status[:30]!r}" if status.isidentifier() else "the answer has no end"
            raise ProtocolViolation(msg)
        self._word, self._incomplete = status, status == "incomplete"
        if (details := response.object("incomplete_details")) is not None:
            members = Fields(details)
            if self._incomplete and (reason := members.text("reason")):
                self._word = reason
            if members.rest():
                response.put_back("incomplete_details", details)
        self._others = {
            name: value
            for name, value in response.remaining().items()
            if name not in _NOT_TOLD and bytes(value) != b"null"
        }

    def completion(self, usage: usage_pb2.Usage) -> chat_service_pb2.Completion:
        """The completion, once the final response has come."""
        return chat_service_pb2.Completion(
            finish_reason=self._finish_reason(),
            provider_finish_reason=self._word,
            usage=usage,
            warnings=self._warnings,
            origin=self._origin,
            provider_fields_json=json_text.dump(self._others) if self._others else "",
        )

    def _finish_reason(self) -> chat_service_pb2.FinishReason.ValueType:
        if self._refused:
            return chat_service_pb2.FINISH_REASON_REFUSAL
        if self._incomplete:
            return _INCOMPLETE.get(self._word, chat_service_pb2.FINISH_REASON_OTHER)
        if self._calls:
            return chat_service_pb2.FINISH_REASON_TOOL_USE
        return chat_service_pb2.FINISH_REASON_STOP
