"""What callers ask: arrivals, sizes and conversations, all by one seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

CALLS_A_SECOND = 3.0
# Of the calls, those that are turns of a conversation: they begin with the same tools and instructions.
CONVERSING = 0.7
TURNS = 10
CONVERSATIONS_AT_ONCE = 30
PROVIDERS = 4
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Luck:
    """Of one attempt: how much longer than usual it takes to begin, as a factor, and whom trouble strikes, 0 to 1."""

    pace: float
    fate: float


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `prefix` is its conversation, empty if it has none; sizes are in tokens, `at` is in seconds.

    `luck` is by provider and attempt there: whichever way a call goes, it meets the same. So routes can be compared.
    """

    at: float
    prefix: str
    prefix_tokens: int
    prompt_tokens: int
    answer_tokens: int
    luck: Sequence[Sequence[Luck]]


def traffic(seed: int, seconds: float) -> list[Call]:
    """The calls of so much time.

    What chance and logarithms give is rounded: the last digits of a logarithm are not the same on all machines.
    """
    chance = random.Random(seed)
    going = [_Conversation(chance, number) for number in range(CONVERSATIONS_AT_ONCE)]
    begun = len(going)
    calls = []
    now = 0.0
    while (now := round(now + chance.expovariate(CALLS_A_SECOND), 3)) < seconds:
        prefix, prefix_tokens = "", 0
        if chance.random() < CONVERSING:
            place = chance.randrange(len(going))
            prefix, prefix_tokens = going[place].name, going[place].tokens
            if going[place].is_over():
                going[place] = _Conversation(chance, begun)
                begun += 1
        calls.append(
            Call(
                at=now,
                prefix=prefix,
                prefix_tokens=prefix_tokens,
                prompt_tokens=_about(chance, 400, 4000),
                answer_tokens=_about(chance, 250, 1000),
                luck=[
                    [Luck(round(chance.lognormvariate(0, 0.4), 3), chance.random()) for _ in range(ATTEMPTS)]
                    for _ in range(PROVIDERS)
                ],
            )
        )
    return calls


class _Conversation:
    def __init__(self, chance: random.Random, number: int) -> None:
        self.name = f"conversation {number}"
        self.tokens = chance.randrange(2000, 8000)
        # Those of the beginning are in the middle.
        self._turns = chance.randint(1, TURNS) if number < CONVERSATIONS_AT_ONCE else TURNS

    def is_over(self) -> bool:
        """Whether the turn that was taken was the last one."""
        self._turns -= 1
        return not self._turns


def _about(chance: random.Random, tokens: int, most: int) -> int:
    return min(most, round(tokens * chance.lognormvariate(0, 0.7)))
