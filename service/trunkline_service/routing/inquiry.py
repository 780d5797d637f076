"""What a route may look at to find its way: the call, and how the targets do."""

from __future__ import annotations

import asyncio
import random
from functools import cached_property
from typing import TYPE_CHECKING

from trunkline.v1 import chat_input_pb2, error_reason_pb2, route_pb2, usage_pb2
from trunkline_service import catalog
from trunkline_service.counting import estimate
from trunkline_service.routing.affinity import prefix_key
from trunkline_service.routing.conditions import NOTHING_SEEN, Condition, readable, seen
from trunkline_service.routing.health import Health
from trunkline_service.routing.policies import Failure
from trunkline_service.routing.ways import TargetNode
from trunkline_service.telemetry.cost import cost

if TYPE_CHECKING:
    from trunkline_service.routing.router import Router

# Where the caller sets no limit, an answer is taken to be as long as this to compare prices.
USUAL_OUTPUT_TOKENS = 500


class Inquiry:
    """One call, as the nodes of its route see it (`ways.Asked`)."""

    def __init__(
        self,
        router: Router,
        chat_input: chat_input_pb2.ChatInput,
        routing: route_pb2.RoutingOptions,
        *,
        deadline: float,
        stream: bool,
        chance: random.Random,
    ) -> None:
        self._router = router
        self._input = chat_input
        self._routing = routing
        self._deadline = deadline
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        # Of targets with a key of the caller's, by their paths.
        self._own: dict[str, Health] = {}
        self._too_long: list[Failure] = []
        self.random = chance
        self._seen = NOTHING_SEEN
        self._holds: dict[Condition, bool] = {}

    def now(self) -> float:
        """The time, on the loop's clock."""
        return self._loop.time()

    def time_left(self) -> float:
        """How many seconds there are until the call's deadline."""
        return self._deadline - self.now()

    def model(self, target: TargetNode) -> str:
        """The model that is asked for there."""
        return target.model or self._router.model_of(self._input.model)

    def health(self, target: TargetNode) -> Health:
        """How a target does."""
        if not target.api_key:
            return self._router.health(target.provider, self.model(target), self.now())
        found = self._own.get(target.path)
        if found is None:
            found = self._router.health(target.provider, self.model(target), self.now(), target.api_key)
            self._own[target.path] = found
        return found

    def price(self, target: TargetNode) -> float | None:
        """What the call would cost there, in nano-dollars; None if that is not known."""
        prices = catalog.prices(self._router.endpoint(target.provider).settings.type, self.model(target))
        if prices is None:
            return None
        generation = self._input.generation
        output = generation.max_output_tokens if generation.HasField("max_output_tokens") else USUAL_OUTPUT_TOKENS
        tokens = self.estimated_tokens
        expected = usage_pb2.Usage(input_total=tokens, input_uncached=tokens, output_total=output)
        known = cost(expected, prices)
        return None if known is None else float(known.total_nano_usd)

    def fits(self, target: TargetNode) -> bool:
        """Whether the call fits there, as far as is known."""
        window = self._window(target)
        return window is None or self.estimated_tokens <= window

    def note(self, failure: Failure) -> None:
        """A target said this of the call."""
        if failure.reason == error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED:
            self._too_long.append(failure)

    def may_take(self, target: TargetNode) -> bool:
        """Whether what other targets have said of the call leaves a chance that it fits there."""
        if not self._too_long:
            return True
        # It was too long for one: a target of which nothing is known would be a guess.
        window = self._window(target)
        return window is not None and all(self._is_enough(window, each) for each in self._too_long)

    def _is_enough(self, window: int, failure: Failure) -> bool:
        said = failure.error.metadata
        if (requested := said.get("requested", "")).isdecimal():
            return int(requested) <= window
        limit = said.get("limit", "")
        return window > (int(limit) if limit.isdecimal() else self.estimated_tokens)

    def _window(self, target: TargetNode) -> int | None:
        facts = catalog.find(self._router.endpoint(target.provider).settings.type, self.model(target))
        return facts.context_window if facts else None

    def affinity(self) -> bytes:
        """What calls that belong together have in common."""
        key = self._routing.affinity_key
        return key.encode() if key else prefix_key(self._input)

    def look(self, names: frozenset[str]) -> None:
        """Works out what of the call is looked at, which takes time for long inputs: to be called in a thread."""
        values: dict[str, object] = {
            "metadata": dict(self._routing.metadata),
            "model": self._input.model,
            "stream": self._stream,
        }
        if "input" in names:
            values["input"] = readable(self._input)
        if "estimated_tokens" in names:
            values["estimated_tokens"] = self.estimated_tokens
        self._seen = seen(values)

    def holds(self, condition: Condition) -> bool:
        """Whether a condition holds for the call."""
        found = self._holds.get(condition)
        if found is None:
            found = self._holds[condition] = condition.holds(self._seen)
        return found

    @cached_property
    def estimated_tokens(self) -> int:
        """A guess at the tokens of the input."""
        return estimate(self._input)
