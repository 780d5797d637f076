"""A row of the table: a fault, and what is to come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from faults.table.ends import SETUPS, Call, End, Ends, Setup
from faults.table.wires import WIRES, Wire
from trunkline.v1 import chat_service_pb2

Leaves = Literal["", "no headers", "no event", "answering", "waiting", "second"]
"""What a caller that goes away leaves: see `rows.py`."""

ECHO = "You said: Hello"
SEEDED = "The river runs past seven quiet mills"
"""What the simulator says of a text of n words begins so."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Where in the row."""

    wire: Wire
    setup: Setup
    call: Call

    def __str__(self) -> str:
        """Its name among tests."""
        return f"{self.wire.name}-{self.setup}-{self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A `title`, the `model` of the simulator that has the fault, and the `ends` that there may be.

    `instead` are the model and the ends on wires where they differ, `but` says so to readers. `limits` are timeouts of
    the first target, in their JSON form; `second` is the model of the second target, `failover` what leads on to it,
    `hedge` when it is asked beside the first one.
    `between` puts a target there into whose window the call does not fit. `says` is what an answer of the first target
    says, and `finish` how it ends. `retry_after` is what the provider asks for, in seconds. `leaves` is what the caller
    leaves, `timeout` its deadline in seconds.
    """

    title: str
    model: str
    ends: Ends
    instead: Mapping[str, tuple[str, Ends]] = field(default_factory=dict)
    but: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)
    second: str = "text"
    failover: Mapping[str, Any] = field(default_factory=dict)
    hedge: Mapping[str, Any] = field(default_factory=dict)
    between: bool = False
    says: str = ECHO
    finish: chat_service_pb2.FinishReason.ValueType = chat_service_pb2.FINISH_REASON_STOP
    has_tool: bool = False
    has_thought: bool = False
    retry_after: float = 0.0
    leaves: Leaves = ""
    timeout: float = 20.0
    wires: Sequence[Wire] = WIRES

    def on(self, wire: Wire) -> tuple[str, Ends]:
        """The model and the ends on a wire."""
        return self.instead.get(wire.name, (self.model, self.ends))

    def end(self, cell: Cell) -> End:
        """How the call of a cell is to end."""
        return self.on(cell.wire)[1][cell.setup, cell.call]

    def cells(self) -> Iterator[Cell]:
        """Those that there are."""
        for wire in self.wires:
            ends = self.on(wire)[1]
            for setup in SETUPS:
                for call in ("stream", "whole"):
                    if (setup, call) in ends:
                        yield Cell(wire, setup, call)
