"""Items of batches: each is played as a call would be, to nobody, and what would have been answered is kept.

A batch takes as long as the longest `t` of its items' model names; without any, it has ended when it is next asked for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Never, Protocol, TypeVar

from trunkline_service.simulator import behaviours, names
from trunkline_service.simulator.answers import new_id
from trunkline_service.simulator.calls import CallLog
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.prompt import Prompt
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Wire

Outcome = Literal["succeeded", "errored", "expired", "canceled"]


class Item(Protocol):
    """A request of a batch."""

    @property
    def custom_id(self) -> str:
        """The caller's name for it."""

    @property
    def model(self) -> str:
        """The name that chooses its behaviour."""


T = TypeVar("T", bound=Item)


@dataclass(slots=True)
class Batch(Generic[T]):
    """A batch: its items, when it was made, and when it will have ended; times are those of `time.time()`."""

    id: str
    items: Sequence[T]
    created: float
    ends: float
    cancelled: float | None = None
    facts: dict[str, str | None] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether the results are there."""
        return time.time() >= self.ends

    def outcome(self, item: T) -> Outcome:
        """What becomes of an item; the names of faults fail, those that fall silent expire."""
        return "canceled" if self.cancelled is not None else outcome(item.model)

    def counts(self) -> dict[Outcome, int]:
        """How many items have which outcome."""
        counts: dict[Outcome, int] = {"succeeded": 0, "errored": 0, "expired": 0, "canceled": 0}
        for item in self.items:
            counts[self.outcome(item)] += 1
        return counts

    def shuffled(self) -> Iterator[T]:
        """The items in an order of their own, the same each time."""
        order = list(range(len(self.items)))
        random.Random(self.id).shuffle(order)
        return (self.items[place] for place in order)

    def cancel(self) -> None:
        """Cancel what has not ended."""
        if not self.has_ended:
            self.cancelled = self.ends = time.time()


class Batches(Generic[T]):
    """The batches of one wire, newest last."""

    def __init__(self, prefix: str) -> None:
        """Begin with none; ids begin with `prefix`."""
        self._prefix = prefix
        self._known: dict[str, Batch[T]] = {}

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()

    def add(self, items: Sequence[T]) -> Batch[T]:
        """Make a batch."""
        now = time.time()
        wait = max((names.parse(item.model).t or 0 for item in items), default=0) / 1000
        batch = Batch(new_id(self._prefix), items, now, now + wait)
        self._known[batch.id] = batch
        return batch

    def get(self, name: str) -> Batch[T] | None:
        """Find a batch."""
        return self._known.get(name)

    def remove(self, name: str) -> None:
        """Forget a batch."""
        del self._known[name]

    def page(self, limit: int, after: str | None) -> tuple[list[Batch[T]], bool]:
        """Give so many batches, newest first, of those that are older than `after`; and whether there are more."""
        batches = list(reversed(self._known.values()))
        first = next((place + 1 for place, batch in enumerate(batches) if batch.id == after), 0)
        return batches[first : first + limit], first + limit < len(batches)


def outcome(model: str) -> Outcome:
    """Tell what becomes of an item with a model of that name."""
    behaviour = behaviours.find(names.parse(model).behaviour)
    if behaviour.name in ("silence", "silence-headers", "stall", "stall-pings"):
        return "expired"
    return "errored" if behaviour.name in _FAILING else "succeeded"


_FAILING = {fault.name for fault in behaviours.FAULTS} - {"json", "no-stop", "no-delta", "no-reason"}


async def answered(stage: Stage, wire: Wire, prompt: Prompt) -> tuple[int, bytes]:
    """Play a prompt to nobody; give status and body of what would have been answered, 500 if no answer came through."""
    x = _Unheard(wire)
    try:
        await stage.play(x, prompt)
    except _LostError:
        await x.fail(500)
    return x.status, x.answer_body


class _LostError(Exception):
    """The answer broke off."""


class _Unheard(Exchange):
    """An exchange without a connection."""

    account = ""

    def __init__(self, wire: Wire) -> None:
        self.call = CallLog().open("POST", "/", {})
        self.wire = wire
        self.status = 0
        self.answer_body = b""

    async def respond_bare(
        self, status: int, body: bytes, content_type: str, extra: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.answer_body = status, body
        if content_type != "application/json":
            self.answer_body = b""
            raise _LostError

    async def start(self, content_type: str = "", status: int = 200) -> None:
        raise _LostError

    async def reset(self) -> None:
        raise _LostError

    async def hang(self) -> None:
        raise _LostError

    async def repeat(self, data: bytes, seconds: float) -> Never:
        raise _LostError
