"""What a model answers, written once and sent either as one JSON message or as a stream of events."""

import itertools
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from trunkline_service.simulator import sse
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json

_TEXT = (
    "the river runs past seven quiet mills and under an old stone bridge where children count the boats "
    "that carry grain to market every morning until the last light leaves the water"
)
_WORDS = _TEXT.split()

_ids = itertools.count(1)
_run = secrets.token_hex(5)


def new_id(prefix: str) -> str:
    """Make an id in upstream's form, unique over processes: `msg_01…`, `toolu_01…`, `req_01…`."""
    return f"{prefix}_01{_run}{next(_ids):012d}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request and the parameters of its model name, defaults filled in; times in seconds."""

    model: str
    body: Json
    tokens: PromptTokens
    n: int | None
    gap: float
    status: int

    @property
    def stream(self) -> bool:
        """Whether events were asked for."""
        return bool(self.body.get("stream"))


class Block(Protocol):
    """One content block of an answer."""

    @property
    def whole(self) -> Json:
        """The block as the unary answer holds it."""

    @property
    def delta_count(self) -> int:
        """How many deltas the stream has; each counts as one output token."""

    def frames(self, index: int) -> Sequence[bytes]:
        """The block's events, from start to stop."""


@dataclass(frozen=True, slots=True)
class Deltas:
    """A block that starts with `start`, grows by `deltas` and amounts to `whole`."""

    start: Json
    deltas: Sequence[Json]
    whole: Json

    @property
    def delta_count(self) -> int:
        """See Block."""
        return len(self.deltas)

    def frames(self, index: int) -> Sequence[bytes]:
        """See Block."""
        deltas = [sse.block_delta(index, delta) for delta in self.deltas]
        return [sse.block_start(index, self.start), *deltas, sse.block_stop(index)]


@dataclass(frozen=True, slots=True)
class PlainText:
    """`delta_count` deltas of a fixed text: encoded once per count, so that load costs no encoding."""

    delta_count: int

    @property
    def whole(self) -> Json:
        """See Block."""
        return {"type": "text", "text": _plain_text(self.delta_count)}

    def frames(self, index: int) -> Sequence[bytes]:
        """See Block."""
        return _plain_frames(self.delta_count, index)


def whole(block: Json) -> Deltas:
    """Make a block that arrives complete in its start event."""
    return Deltas(block, (), block)


def text(*pieces: str) -> Deltas:
    """Make a text block with one delta per piece."""
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return Deltas({"type": "text", "text": ""}, deltas, {"type": "text", "text": "".join(pieces)})


def words(sentence: str) -> list[str]:
    """Cut a sentence before each space, as tokens are; nothing is lost or trimmed."""
    pieces = sentence.split(" ")
    return [pieces[0], *(" " + piece for piece in pieces[1:])]


@dataclass(slots=True)
class Answer:
    """A whole answer.

    `first_usage` adds to the usage of message_start, `last_usage` to that of message_delta; the unary answer
    has both. `late` holds further members of message_delta, which stand in the message itself when unary.
    `dress` may change the finished events, for oddities of framing.
    """

    blocks: list[Block]
    stop_reason: str | None = "end_turn"
    stop_sequence: str | None = None
    stop_details: Json | None = None
    first_usage: Json = field(default_factory=dict)
    last_usage: Json = field(default_factory=dict)
    late: Json = field(default_factory=dict)
    dress: Callable[[list[bytes]], list[bytes]] | None = None

    @property
    def delta_count(self) -> int:
        """How many deltas all blocks have together."""
        return sum(block.delta_count for block in self.blocks)

    def message(self, asked: Asked) -> Json:
        """Give the answer to a request without `stream`."""
        usage = {**self._first_usage(asked), **self._last_usage(asked)}
        content = [block.whole for block in self.blocks]
        return {**_envelope(asked.model), "content": content, **self._stop(), "usage": usage, **self.late}

    def frames(self, asked: Asked) -> list[bytes]:
        """Give the events, message_start to message_stop, with upstream's customary early ping."""
        start = {**_envelope(asked.model), "content": [], "stop_reason": None, "stop_sequence": None}
        start["usage"] = self._first_usage(asked)
        frames = [sse.frame({"type": "message_start", "message": start})]
        for index, block in enumerate(self.blocks):
            frames += block.frames(index)
        frames.insert(2, sse.PING)
        delta = {
            "type": "message_delta",
            "delta": self._stop(),
            "usage": self._last_usage(asked),
            **self.late,
        }
        frames += [sse.frame(delta), sse.frame({"type": "message_stop"})]
        return self.dress(frames) if self.dress else frames

    def _stop(self) -> Json:
        reason, sequence, details = self.stop_reason, self.stop_sequence, self.stop_details
        return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}

    def _first_usage(self, asked: Asked) -> Json:
        usage = {
            **asked.tokens.usage(),
            "cache_creation": asked.tokens.cache_creation(),
            "output_tokens": 1,
            "service_tier": "standard",
            "inference_geo": "not_available",
        }
        return {**usage, **self.first_usage}

    def _last_usage(self, asked: Asked) -> Json:
        return {**asked.tokens.usage(), "output_tokens": max(1, self.delta_count), **self.last_usage}


def _envelope(model: str) -> Json:
    return {"model": model, "id": new_id("msg"), "type": "message", "role": "assistant"}


def _word(position: int) -> str:
    word = _WORDS[position % len(_WORDS)]
    return " " + word if position else word.capitalize()


@lru_cache(maxsize=64)
def _plain_text(count: int) -> str:
    return "".join(_word(position) for position in range(count))


@lru_cache(maxsize=64)
def _plain_frames(count: int, index: int) -> tuple[bytes, ...]:
    # The words repeat, and so do their events: a long text holds few distinct byte strings.
    ring = [
        sse.block_delta(index, {"type": "text_delta", "text": _word(position)}) for position in range(len(_WORDS) + 1)
    ]
    deltas = (ring[0], *(ring[(position - 1) % len(_WORDS) + 1] for position in range(1, count)))
    start = sse.block_start(index, {"type": "text", "text": ""})
    return (start, *deltas[:count], sse.block_stop(index))
