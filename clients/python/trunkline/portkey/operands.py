"""What the paths of Portkey's queries stand for in CEL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from trunkline.portkey.cel import TRUE, Expression, all_of, literal
from trunkline.portkey.reading import Place

PATHNAME: Final = "/v1/chat/completions"
"""What stands in for the path of a call, which has none here."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A value to compare. `there` says whether it is one at all: what is missing is equal to nothing.

    `is_free` tells metadata, whose values are texts here whatever they were.
    """

    kind: Literal["text", "number", "truth", "list"]
    cel: str
    there: Expression = TRUE
    is_free: bool = False


_TEXTS: Final = {"user": "end_user_id", "service_tier": "service_tier", "reasoning_effort": "reasoning.effort"}
_NUMBERS: Final = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    **{
        name: name
        for name in (
            "temperature",
            "top_p",
            "top_k",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "top_logprobs",
        )
    },
}
_TRUTHS: Final = {"logprobs": "generation.logprobs", "parallel_tool_calls": "tool_choice.parallel"}
_LISTS: Final = {"messages": "messages", "tools": "tools", "stop": "generation.stop_sequences"}


def operand(place: Place, path: str) -> Operand | None:
    """What a path stands for; None for a parameter that no request here has. Raises PortkeyError if it is no path."""
    root, _, name = path.partition(".")
    if not name or "." in name or root not in ("metadata", "params", "url"):
        place.fail("is not a path: expected metadata.NAME, params.NAME or url.pathname")
    if root == "metadata":
        key = literal(name)
        return Operand("text", f"metadata[{key}]", Expression(f"{key} in metadata"), is_free=True)
    if root == "url":
        if name != "pathname":
            place.fail("is not a path: url has only pathname")
        place.differs(f"calls have no path here: taken to be {PATHNAME}")
        return Operand("text", literal(PATHNAME))
    return _parameter(place, name)


def _parameter(place: Place, name: str) -> Operand | None:
    if name == "model":
        return Operand("text", "model", Expression('model != ""'))
    if name == "stream":
        return Operand("truth", "stream")
    if name in _NUMBERS:
        field = f"generation.{_NUMBERS[name]}"
        return Operand("number", f"input.{field}", _has(field))
    if name in _TEXTS:
        return Operand("text", f"input.{_TEXTS[name]}", _has(_TEXTS[name]))
    if name in _TRUTHS:
        return Operand("truth", f"input.{_TRUTHS[name]}", _has(_TRUTHS[name]))
    if name in _LISTS:
        if name == "messages":
            place.differs("system prompts are not among the messages here")
        return Operand("list", f"input.{_LISTS[name]}", _has(_LISTS[name]))
    place.dropped("requests have no such field here: taken as one that is not there")
    return None


def _has(field: str) -> Expression:
    """Whether a field of the input is set; what is above it need not be set, either."""
    names = field.split(".")
    return all_of(Expression(f"has(input.{'.'.join(names[:end])})", 3) for end in range(1, len(names) + 1))
