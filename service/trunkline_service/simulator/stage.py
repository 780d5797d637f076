"""Where all wires play: a prompt becomes the behaviour that its model's name asks for."""

import asyncio
from collections import Counter
from collections.abc import Callable

from trunkline_service.simulator import behaviours, names, prompt_cache
from trunkline_service.simulator.answers import Asked
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.prompt import Prompt
from trunkline_service.simulator.prompt_cache import PromptCache, PromptTokens
from trunkline_service.simulator.sse import Json

_OVERLOADED = 529


class Stage:
    """What the simulator remembers between calls, and the one way to have a behaviour played."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._cache = PromptCache()
        self._failures: Counter[str] = Counter()
        self._forget: list[Callable[[], None]] = []

    def forgets(self, forget: Callable[[], None]) -> None:
        """Have something else forgotten by `clear`, too."""
        self._forget.append(forget)

    def clear(self) -> None:
        """Forget the prompt cache, how often flaky models have failed, and what `forgets` was told of."""
        self._cache = PromptCache()
        self._failures.clear()
        for forget in self._forget:
            forget()

    def tokens(self, data: bytes, body: Json) -> PromptTokens:
        """Count the prompt of a request in Anthropic's form, `data` as it came and `body` as it was read."""
        # Most requests mark nothing, and are spared the hashing.
        if b'"cache_control"' in data:
            return self._cache.use(body)
        return PromptTokens(prompt_cache.count(body))

    async def perform(self, x: Exchange, prompt: Prompt) -> None:
        """Play the behaviour that the prompt's model names, after the time that it says."""
        x.call.model = prompt.model
        name = names.parse(prompt.model)
        behaviour = behaviours.find(name.behaviour)
        if wait := behaviour.t if name.t is None else name.t:
            await asyncio.sleep(wait / 1000)
        await self.play(x, prompt)

    async def play(self, x: Exchange, prompt: Prompt) -> None:
        """Play the behaviour at once."""
        name = names.parse(prompt.model)
        behaviour = behaviours.find(name.behaviour)
        x.asked = Asked(
            prompt=prompt,
            n=behaviour.n if name.n is None else name.n,
            gap=(behaviour.g if name.g is None else name.g) / 1000,
            status=behaviour.s if name.s is None else name.s,
        )
        if self._failures[prompt.model] < name.failures:
            self._failures[prompt.model] += 1
            await x.fail(name.s or _OVERLOADED)
        else:
            await behaviour.play(x)
