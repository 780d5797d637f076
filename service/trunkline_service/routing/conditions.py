"""Conditions of routes: CEL expressions over what a call is (`Branch.condition` in route.proto has the variables)."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import cel
from google.protobuf import json_format
from google.protobuf.message import Message

from trunkline.v1 import chat_input_pb2

# Deeper nesting than fits into this would overrun the parser's stack, and with it the process: measured at 40,000.
MAX_CHARACTERS = 2000
VARIABLES = frozenset({"metadata", "model", "input", "stream", "estimated_tokens"})
# Of the language and its library, all that the evaluator has.
_TIMES = ("FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "Hours", "Minutes", "Seconds")
_FUNCTIONS = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches", "has"),
        *("int", "uint", "double", "string", "bytes", "type", "duration", "timestamp"),
        *(f"get{name}" for name in (*_TIMES, "Milliseconds")),
    }
)
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)")


class ConditionError(ValueError):
    """A condition is not one, and why."""


class Condition:
    """One condition, compiled."""

    def __init__(self, text: str, *, max_loops: int | None = None) -> None:
        """`max_loops` is how many macros it may have that go through a list: those of callers could go on for ever.

        Raises ConditionError.
        """
        if not text.strip():
            raise ConditionError("is empty")
        if len(text) > MAX_CHARACTERS:
            raise ConditionError(f"is longer than {MAX_CHARACTERS} characters")
        loops = _MACRO.findall(text)
        if max_loops is not None and len(loops) > max_loops:
            raise ConditionError(f"goes through lists more than {max_loops} times")
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise ConditionError(f"is not CEL: {_first(str(error))}") from None
        names = set(self._program.variables()) - set(loops)
        if unknown := sorted(names - VARIABLES):
            raise ConditionError(f"has no variable {unknown[0]!r}; there is {', '.join(sorted(VARIABLES))}")
        functions = {name for name in self._program.functions() if name.isidentifier() and not name.startswith("_")}
        if unknown := sorted(functions - _FUNCTIONS):
            raise ConditionError(f"has no function {unknown[0]!r}")
        self.variables = frozenset(names)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true. One that cannot be evaluated, or gives something else, is not."""
        try:
            return self._program.execute(dict(values)) is True
        except Exception:
            # A key that is not there, a text compared with a number …: the library raises what it likes.
            return False


@functools.lru_cache(maxsize=1024)
def compiled(text: str, max_loops: int | None) -> Condition:
    """The condition, from its text. Raises ConditionError."""
    return Condition(text, max_loops=max_loops)


def readable(chat_input: chat_input_pb2.ChatInput) -> dict[str, Any]:
    """The input as conditions see it: by the names of its proto fields, without bytes."""
    copy = chat_input_pb2.ChatInput()
    copy.CopyFrom(chat_input)
    _drop_bytes(copy)
    values: dict[str, Any] = json_format.MessageToDict(copy, preserving_proto_field_name=True)
    if "seed" in values.get("generation", {}):
        # JSON has 64-bit numbers as text.
        values["generation"]["seed"] = chat_input.generation.seed
    return values


def _drop_bytes(message: Message) -> None:
    for field, value in message.ListFields():
        if field.type == field.TYPE_BYTES:
            message.ClearField(field.name)
        elif field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        elif isinstance(value, Message):
            _drop_bytes(value)
        else:
            for item in value:
                _drop_bytes(item)


def _first(text: str) -> str:
    """The part of the library's message that says what and where."""
    line = text.split("ERROR: <input>:")[-1].splitlines()[0]
    return line[:200]
