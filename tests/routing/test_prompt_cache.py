"""What load balancing leaves of prompt caches, which providers keep for each account: affinity keeps them, chance does
not.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from e2e.gateways import Running, provider, running
from routing.asking import asked, balance, target
from support import calls
from trunkline.v1 import message_pb2
from trunkline_service.config import Secret
from trunkline_service.simulator import Simulator

KEYS = ("one", "two", "three", "four")
PROMPTS = 24
CONVERSATIONS = 2
"""With each system prompt."""
TURNS = 4
AT_ONCE = 12


@pytest_asyncio.fixture
async def own() -> AsyncIterator[Running]:
    """A gateway with the same provider four times, each with a key of its own."""
    async with Simulator() as simulator:
        providers = {
            name: provider(simulator.url, name, api_key=Secret(env="KEY", environ={"KEY": f"sk-ant-key-{name}"}))
            for name in KEYS
        }
        async with running(providers=providers) as front:
            yield Running(front.gateway, simulator, front.channel)


@dataclass(frozen=True, slots=True)
class Spent:
    """The tokens of all prompts, those of them that caches had, and the calls that each key got."""

    total: int
    read: int
    spread: Counter[str]

    @property
    def hit_rate(self) -> float:
        return self.read / self.total


def cached(text: str) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(
        text=message_pb2.TextBlock(text=text), cache_control=message_pb2.CacheControl(ttl="5m")
    )


async def talk(own: Running, route: dict[str, Any], prompt: int, number: int) -> Spent:
    """One conversation, of which each turn has all that was before."""
    system = [cached(f"Rules of house {prompt}. " + "Be brief. " * 300)]
    messages: list[message_pb2.Message] = []
    total = read = 0
    spread: Counter[str] = Counter()
    for turn in range(TURNS):
        question = calls.user(cached(f"Question {turn} of guest {number}: " + "why? " * 40))
        request = asked(route, system=system)
        del request.input.messages[:]
        # No more marks than Anthropic takes: on the system prompt and on the last two turns of the user.
        request.input.messages.extend([*(unmarked(each) for each in messages[:-2]), *messages[-2:], question])
        answer = await own.stub.Chat(request, timeout=20)
        usage = answer.completion.usage
        total += usage.input_total
        read += usage.cache_read
        spread[answer.message.origin.provider] += 1
        messages += [question, answer.message]
    return Spent(total, read, spread)


def unmarked(message: message_pb2.Message) -> message_pb2.Message:
    result = message_pb2.Message()
    result.CopyFrom(message)
    for block in result.content:
        block.ClearField("cache_control")
    return result


async def spend(own: Running, route: dict[str, Any]) -> Spent:
    """All conversations, several at once, with caches that are empty at first."""
    own.simulator.clear()
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(prompt: int, number: int) -> Spent:
        async with gate:
            return await talk(own, route, prompt, number)

    # Those with the same prompt one after the other: a cache has nothing for two that come at once.
    spent: list[Spent] = []
    for number in range(CONVERSATIONS):
        spent += await asyncio.gather(*(gated(prompt, number) for prompt in range(PROMPTS)))
    return Spent(
        sum(each.total for each in spent),
        sum(each.read for each in spent),
        sum((each.spread for each in spent), Counter()),
    )


def over(strategy: str) -> dict[str, Any]:
    return balance(strategy, *((target("text", name), 1) for name in KEYS))


async def test_affinity_keeps_what_a_single_key_would_have(own: Running) -> None:
    single = await spend(own, target("text", KEYS[0]))
    affine = await spend(own, over("CACHE_AFFINITY"))
    chance = await spend(own, over("WEIGHTED"))
    assert single.total == affine.total == chance.total
    assert single.hit_rate > 0.7
    assert affine.hit_rate >= 0.9 * single.hit_rate
    # What is lost without it: about two fifths, and by no chance less than a fifth.
    assert chance.hit_rate < 0.8 * single.hit_rate
    # And no key has it all.
    assert all(affine.spread[name] >= 0.05 * affine.spread.total() for name in KEYS)


async def test_a_key_that_fails_loses_only_its_own(own: Running) -> None:
    """The conversations of the others stay where they are, and find their caches."""
    whole = await spend(own, over("CACHE_AFFINITY"))
    shares = [
        (target("text" if name != "two" else "error-529", name, circuit_breaker={"ejection": "60s"}), 1.0)
        for name in KEYS
    ]
    short = await spend(own, balance("CACHE_AFFINITY", *shares))
    assert short.spread["two"] == 0
    assert short.hit_rate >= 0.9 * whole.hit_rate


async def test_a_key_of_the_callers_own_goes_before(own: Running) -> None:
    """Calls with one key go to one account, whatever they ask."""
    route = over("CACHE_AFFINITY")
    for key in ("a", "b", "c"):
        found = set()
        for number in range(6):
            answer = await own.stub.Chat(
                asked(route, options={"affinity_key": key}, system=[calls.text_block(f"{number}")]), timeout=20
            )
            found.add(answer.message.origin.provider)
        assert len(found) == 1
