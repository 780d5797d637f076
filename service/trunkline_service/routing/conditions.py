"""Conditions of routes: CEL expressions over what a call is (`Branch.condition` in route.proto has the variables)."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import cel
from google.protobuf import json_format
from google.protobuf.message import Message

from trunkline.v1 import chat_input_pb2

# Deeper nesting than fits into this would overrun the parser's stack, and with it the process: measured at 40,000.
MAX_CHARACTERS = 2000
# Of macros that go through a list, in conditions of callers: two could take a caller's square.
MAX_LOOPS = 1
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
_MACRO = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(\s*(\w+)")
# They copy what they have with each item: three thousand messages would take minutes.
_COPYING = frozenset({"map", "filter"})
# What may take as long as the whole input, and must not do so for each item of a list.
_LONG = re.compile(r"\b(?:input|matches)\b")


class ConditionError(ValueError):
    """A condition is not one, and why."""


class Condition:
    """One condition, compiled."""

    def __init__(self, text: str, *, own: bool = True) -> None:
        """`own` says that it is the gateway's, not a caller's, which could otherwise go on for ever.

        Raises ConditionError.
        """
        if not text.strip():
            raise ConditionError("is empty")
        if len(text) > MAX_CHARACTERS:
            raise ConditionError(f"is longer than {MAX_CHARACTERS} characters")
        loops = list(_MACRO.finditer(text))
        if copying := [loop[1] for loop in loops if loop[1] in _COPYING]:
            raise ConditionError(f"has {copying[0]!r}, which long lists take too long for: use exists or all")
        if not own:
            _check_time(text, loops)
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise ConditionError(f"is not CEL: {_first(str(error))}") from None
        names = set(self._program.variables()) - {loop[2] for loop in loops}
        if unknown := sorted(names - VARIABLES):
            raise ConditionError(f"has no variable {unknown[0]!r}; there is {', '.join(sorted(VARIABLES))}")
        if not own and "input" in names and "_+_" in self._program.functions():
            raise ConditionError("reads input and has a +, which could make it many times as long")
        functions = {name for name in self._program.functions() if name.isidentifier() and not name.startswith("_")}
        if unknown := sorted(functions - _FUNCTIONS):
            raise ConditionError(f"has no function {unknown[0]!r}")
        self.variables = frozenset(names)

    def holds(self, seen: cel.Context) -> bool:
        """Whether it is true. One that cannot be evaluated, or gives something else, is not."""
        try:
            return self._program.execute(seen) is True
        except Exception:
            # A key that is not there, a text compared with a number …: the library raises what it likes.
            return False


@functools.lru_cache(maxsize=1024)
def compiled(text: str, *, own: bool) -> Condition:
    """The condition, from its text. Raises ConditionError."""
    return Condition(text, own=own)


def seen(values: Mapping[str, Any]) -> cel.Context:
    """The variables as the library has them, made once for all conditions that look at them."""
    context = cel.Context(variables=dict(values))
    # It does the work when it is first used.
    _ANY.execute(context)
    return context


_ANY = cel.compile("true")
NOTHING_SEEN = cel.Context()
"""For calls by routes without conditions that look at anything."""


def _check_time(text: str, loops: Sequence[re.Match[str]]) -> None:
    if len(loops) > MAX_LOOPS:
        raise ConditionError(f"goes through lists more than {MAX_LOOPS} times")
    for loop in loops:
        if long := _LONG.search(text, loop.end()):
            raise ConditionError(f"has {long[0]!r} behind {loop[1]!r}, which would take long: write it before")


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
