"""What a model answers, written once; each wire makes one JSON message or a stream of events of it."""

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

from trunkline_service.simulator.prompt import Prompt
from trunkline_service.simulator.sse import Json

Oddity = Literal["crlf", "no-final-newline", "noise", "unknown"]

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
    """A prompt and the parameters of its model name, defaults filled in; times in seconds.

    `retry_after` is what errors say of when to try again; None if they say nothing.
    """

    prompt: Prompt
    n: int | None
    gap: float
    status: int
    retry_after: float | None = None

    @property
    def model(self) -> str:
        """The model's name as the request has it."""
        return self.prompt.model

    @property
    def stream(self) -> bool:
        """Whether events were asked for."""
        return self.prompt.stream


@dataclass(frozen=True, slots=True)
class Deltas:
    """A block in the terms of Anthropic's API: it starts with `start`, grows by `deltas` and amounts to `whole`."""

    start: Json
    deltas: Sequence[Json]
    whole: Json

    @property
    def delta_count(self) -> int:
        """How many deltas the stream has; each counts as one output token."""
        return len(self.deltas)


@dataclass(frozen=True, slots=True)
class PlainText:
    """`delta_count` deltas of a fixed text that repeats itself, so that wires need not encode each of them."""

    delta_count: int

    @property
    def whole(self) -> Json:
        """The block as Anthropic's unary answer holds it."""
        return {"type": "text", "text": _plain_text(self.delta_count)}


Block: TypeAlias = Deltas | PlainText


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
    has both. `late` holds further members of message_delta, which stand in the message itself when unary. All three
    are Anthropic's, and so are the words of `stop_reason`; None is a stream that does not say why it is over.
    `oddity` asks for what a wire may do but rarely does.
    """

    blocks: list[Block]
    stop_reason: str | None = "end_turn"
    stop_sequence: str | None = None
    stop_details: Json | None = None
    first_usage: Json = field(default_factory=dict)
    last_usage: Json = field(default_factory=dict)
    late: Json = field(default_factory=dict)
    oddity: Oddity | None = None

    @property
    def delta_count(self) -> int:
        """How many deltas all blocks have together."""
        return sum(block.delta_count for block in self.blocks)

    @property
    def output_tokens(self) -> int:
        """What the answer is billed for, but for what `last_usage` says."""
        return max(1, self.delta_count)


_PIECES = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def pieces(block: Block) -> list[str]:
    """Cut a block's text, thought or arguments as they are streamed; what has no deltas is one piece or none."""
    if isinstance(block, PlainText):
        ring = plain_ring()
        return [ring[place] for place in plain_order(block.delta_count)]
    return [delta[_PIECES[delta["type"]]] for delta in block.deltas if delta["type"] in _PIECES]


def kind_of(block: Block) -> str:
    """Tell a block's type; wires leave out what they have no words for."""
    return "text" if isinstance(block, PlainText) else str(block.start["type"])


def plain_ring() -> tuple[str, ...]:
    """The texts of `PlainText`'s deltas: the first, and then those that follow each other for ever."""
    return tuple(_word(position) for position in range(len(_WORDS) + 1))


def plain_order(count: int) -> Sequence[int]:
    """Which of `plain_ring` the deltas are, one after the other."""
    return _plain_order(count)


def _word(position: int) -> str:
    word = _WORDS[position % len(_WORDS)]
    return " " + word if position else word.capitalize()


@lru_cache(maxsize=64)
def _plain_text(count: int) -> str:
    return "".join(_word(position) for position in range(count))


@lru_cache(maxsize=64)
def _plain_order(count: int) -> tuple[int, ...]:
    return tuple((position - 1) % len(_WORDS) + 1 if position else 0 for position in range(count))
