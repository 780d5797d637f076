"""Where all wires play: a prompt becomes the behaviour that its model's name asks for."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from trunkline_service.simulator import behaviours, faults, names, prompt_cache
from trunkline_service.simulator.answers import Asked
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.names import ModelName
from trunkline_service.simulator.prompt import Prompt
from trunkline_service.simulator.prompt_cache import PromptCache, PromptTokens
from trunkline_service.simulator.sse import Json

_OVERLOADED = 529


class Stage:
    """What the simulator remembers between calls, and the one way to have a behaviour played.

    As at providers, nothing that happens in one account is seen in another.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._caches: defaultdict[str, PromptCache] = defaultdict(PromptCache)
        self._pasts: defaultdict[tuple[str, str], _Past] = defaultdict(_Past)
        self._forget: list[Callable[[], None]] = []

    def forgets(self, forget: Callable[[], None]) -> None:
        """Have something else forgotten by `clear`, too."""
        self._forget.append(forget)

    def clear(self) -> None:
        """Forget the prompt caches, since when and how often models have failed, and what `forgets` was told of."""
        self._caches.clear()
        self._pasts.clear()
        for forget in self._forget:
            forget()

    def tokens(self, x: Exchange, body: Json) -> PromptTokens:
        """Count the prompt of a request in Anthropic's form, `body` as it was read."""
        # Most requests mark nothing, and are spared the hashing.
        if b'"cache_control"' in x.body:
            return self._caches[x.account].use(body)
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
            retry_after=None if name.r is None else name.r / 1000,
        )
        if (name.flaky or name.down or name.flapping) and self._pasts[x.account, prompt.model].fails(name):
            x.asked = replace(x.asked, status=name.s or _OVERLOADED)
            await faults.any_error(x)
        else:
            await behaviour.play(x)


@dataclass(slots=True)
class _Past:
    """What there was of a model in an account, since its first call."""

    failures: int = 0
    began: float = field(default_factory=time.monotonic)

    def fails(self, name: ModelName) -> bool:
        """Whether the model's next call fails."""
        milliseconds = (time.monotonic() - self.began) * 1000
        if name.flapping:
            return milliseconds // name.flapping % 2 == 0
        failed = self.failures < name.flaky
        self.failures += failed
        return failed or milliseconds < name.down
