"""A conversation of the matrix: what is asked, and what has to come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matrix import checks
from matrix.homes import Home
from support.calls import user
from trunkline.v1 import chat_input_pb2

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request with `fields` of ChatInput to a model that behaves as `model` says, and what has to come of it.

    `check` raises AssertionError for an answer, or for a request as the provider received it, that is not as it should
    be. By family or key of a home: `worded` holds other fields where a provider has its own words, `cannot` names the
    field that the error is about where the provider has nothing for it, `warned` the fields of warnings where it goes
    without, and `never` holds those whose models do not answer so. `notes` are what a reader of the table has to know
    beside the cell, and `models` names a model where a behaviour is not for all of a home's.
    """

    title: str
    model: str
    fields: Fields = field(default_factory=dict)
    worded: Mapping[str, Fields] = field(default_factory=dict)
    check: checks.Check
    cannot: Mapping[str, str] = field(default_factory=dict)
    warned: Mapping[str, Sequence[str]] = field(default_factory=dict)
    never: Sequence[str] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in the tests'."""
        return self.title.replace(" ", "-").replace(",", "")

    def input(self, home: Home) -> chat_input_pb2.ChatInput:
        """The input for a provider."""
        given = {**self.fields, **(home.of(self.worded) or {})}
        given.setdefault("messages", [user("Hello")])
        generation = chat_input_pb2.GenerationParams(max_output_tokens=1000)
        if "generation" in given:
            generation.MergeFrom(given.pop("generation"))
        return chat_input_pb2.ChatInput(
            model=f"{home.name}/{home.of(self.models) or self.model}", generation=generation, **given
        )
