"""What is measured."""

from __future__ import annotations

from dataclasses import dataclass

MODEL = "claude-sonnet-4-5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Calls of one kind, so many at once. The mock reads tokens and gap from the model's name."""

    name: str
    title: str
    stream: bool
    at_once: int
    tokens: int
    gap_ms: int = 0

    @property
    def model(self) -> str:
        """The model that behaves so."""
        return f"{MODEL}-n{self.tokens}" + (f"-g{self.gap_ms}" if self.gap_ms else "")

    @property
    def warm_up_model(self) -> str:
        """The same without the waiting."""
        return f"{MODEL}-n{self.tokens}"

    @property
    def upstream_events(self) -> int:
        """Server-sent events of one answer: the deltas, and start, stop, delta and stop of block and message."""
        return self.tokens + 5


SCENARIOS = (
    Scenario(name="unary", title="unary, 16 at once: CPU per call", stream=False, at_once=16, tokens=15),
    Scenario(name="stream", title="100-token stream, 8 at once: CPU per frame", stream=True, at_once=8, tokens=100),
    Scenario(
        name="paced",
        title="20 ms between tokens, 50 streams: CPU per frame",
        stream=True,
        at_once=50,
        tokens=64,
        gap_ms=20,
    ),
)
