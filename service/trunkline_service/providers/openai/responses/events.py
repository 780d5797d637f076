"""The shapes of the events that make up nearly all of a stream, for msgspec to decode in one go.

Each forbids members that it does not name: an event with anything new in it fails to decode here, and is read member by
member in `stream.py`, so that nothing of it is lost. What only serves the wire is not told further: the number of an
event, the id of its item (the item itself says it), and `obfuscation`, which is random padding.

`place` is which of the parts of its item an event belongs to.
"""

from __future__ import annotations

import msgspec


class TextDelta(msgspec.Struct, tag_field="type", tag="response.output_text.delta", forbid_unknown_fields=True):
    """Appends to a text part of a message."""

    output_index: int
    delta: str
    place: int = msgspec.field(name="content_index")
    logprobs: list[msgspec.Raw] | None = None
    item_id: msgspec.Raw = msgspec.Raw()
    sequence_number: msgspec.Raw = msgspec.Raw()
    obfuscation: msgspec.Raw = msgspec.Raw()


class ArgumentsDelta(
    msgspec.Struct, tag_field="type", tag="response.function_call_arguments.delta", forbid_unknown_fields=True
):
    """Appends to the arguments of a function call."""

    output_index: int
    delta: str
    item_id: msgspec.Raw = msgspec.Raw()
    sequence_number: msgspec.Raw = msgspec.Raw()
    obfuscation: msgspec.Raw = msgspec.Raw()

    place = 0
    logprobs = None


class InputDelta(
    msgspec.Struct, tag_field="type", tag="response.custom_tool_call_input.delta", forbid_unknown_fields=True
):
    """Appends to the text that a custom tool gets."""

    output_index: int
    delta: str
    item_id: msgspec.Raw = msgspec.Raw()
    sequence_number: msgspec.Raw = msgspec.Raw()
    obfuscation: msgspec.Raw = msgspec.Raw()

    place = 0
    logprobs = None


class SummaryDelta(
    msgspec.Struct, tag_field="type", tag="response.reasoning_summary_text.delta", forbid_unknown_fields=True
):
    """Appends to a part of a summary of reasoning."""

    output_index: int
    delta: str
    place: int = msgspec.field(name="summary_index")
    item_id: msgspec.Raw = msgspec.Raw()
    sequence_number: msgspec.Raw = msgspec.Raw()
    obfuscation: msgspec.Raw = msgspec.Raw()

    logprobs = None


class ReasoningDelta(msgspec.Struct, tag_field="type", tag="response.reasoning_text.delta", forbid_unknown_fields=True):
    """Appends to a part of reasoning that is told in full."""

    output_index: int
    delta: str
    place: int = msgspec.field(name="content_index")
    item_id: msgspec.Raw = msgspec.Raw()
    sequence_number: msgspec.Raw = msgspec.Raw()
    obfuscation: msgspec.Raw = msgspec.Raw()

    logprobs = None


Delta = TextDelta | ArgumentsDelta | InputDelta | SummaryDelta | ReasoningDelta

frequent = msgspec.json.Decoder(Delta)

# Events that tell again what deltas have told: the kinds of item and block, the delta that appends to it, and the
# member that has all of it.
RETOLD = {
    "response.output_text.done": ("message", "text", "text", "text"),
    "response.refusal.done": ("message", "refusal", "refusal", "refusal"),
    "response.function_call_arguments.done": ("function_call", "tool_use", "input_json", "arguments"),
    "response.custom_tool_call_input.done": ("custom_tool_call", "tool_use", "input_text", "input"),
}
# The deltas that each kind of item takes as a rule.
PLAIN: dict[str, type[Delta]] = {
    "reasoning": SummaryDelta,
    "function_call": ArgumentsDelta,
    "custom_tool_call": InputDelta,
}
