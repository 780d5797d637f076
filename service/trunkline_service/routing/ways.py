"""The ways of a route: a compiled tree that says, one step at a time, which target to ask next.

A node's `ways` is a generator. It yields a step, is sent the failure of the attempt, and yields the next step or
returns the last failure: then there is nothing more to try. Sent `PENDING`, it yields a step elsewhere, to be taken
while the first attempt goes on. So each strategy is a loop over its children, and they nest by themselves.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from trunkline.v1 import chat_input_pb2, error_reason_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.routing.conditions import Condition
from trunkline_service.routing.health import Health
from trunkline_service.routing.policies import DEFAULTS, Failover, Failure, Policies


class Pending:
    """The attempt goes on; another one is to begin elsewhere."""


PENDING: Final = Pending()
Ways: TypeAlias = "Generator[Step, Failure | Pending | None, Failure | None]"


@dataclass(frozen=True, slots=True)
class Step:
    """Ask `target`, `delay` seconds from now.

    `is_retry` says that the same target was asked just before.
    """

    target: TargetNode
    beyond: Beyond
    delay: float = 0.0
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class Beyond:
    """What the route has beside the part that is being tried.

    `alternatives` is whether there is another target that could be asked instead, and `on_refusal` whether a refusal
    leads on to it.
    """

    alternatives: bool = False
    on_refusal: bool = False


NOTHING: Final = Beyond()


class Asked(Protocol):
    """What a route may look at to find its way: the call, and how its targets do."""

    @property
    def random(self) -> random.Random:
        """Chance."""

    def now(self) -> float:
        """The time, on the loop's clock."""

    def time_left(self) -> float:
        """How many seconds there are until the call's deadline."""

    def health(self, target: TargetNode) -> Health:
        """How a target does."""

    def price(self, target: TargetNode) -> float | None:
        """What the call would cost there, in nano-dollars; None if that is not known."""

    def fits(self, target: TargetNode) -> bool:
        """Whether the call fits there, as far as is known."""

    def may_take(self, target: TargetNode) -> bool:
        """Whether what other targets have said of the call leaves a chance that it fits there."""

    def affinity(self) -> bytes:
        """What calls that belong together have in common."""

    def holds(self, condition: Condition) -> bool:
        """Whether a condition holds for the call."""


class Node(Protocol):
    """A part of a route."""

    def ways(self, asked: Asked, beyond: Beyond) -> Ways:
        """The steps; `beyond` is what is left to try beside this node."""

    def targets(self) -> Iterator[TargetNode]:
        """Every target below, in the order in which the route has them."""

    def in_reach(self, asked: Asked) -> Iterator[TargetNode]:
        """Those of them that this call could come to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetNode:
    """A leaf. `model` is empty if it is the call's own; `overrides` are laid over the call's input."""

    path: str
    provider: str
    model: str = ""
    api_key: str = field(default="", repr=False)
    overrides: chat_input_pb2.ChatInput | None = None
    policies: Policies = DEFAULTS

    def targets(self) -> Iterator[TargetNode]:
        """Itself."""
        yield self

    def in_reach(self, asked: Asked) -> Iterator[TargetNode]:
        """Itself."""
        yield self

    def ways(self, asked: Asked, beyond: Beyond) -> Ways:
        """The target, and the target again as often as its policy has it."""
        began = asked.now()
        sent = yield Step(self, beyond)
        retry = self.policies.retry
        if retry is None or not isinstance(sent, Failure):
            return sent if isinstance(sent, Failure) else None
        failure = sent
        for number in range(1, retry.max_attempts):
            if not retry.covers(failure):
                break
            longest = min(retry.max_backoff, retry.initial_backoff * 2 ** (number - 1))
            delay = asked.random.uniform(0, longest)
            if failure.retry_after is not None:
                if failure.retry_after > (retry.max_backoff if beyond.alternatives else retry.max_retry_after):
                    break
                # Not before, and not all at once.
                delay = failure.retry_after + asked.random.uniform(0, min(longest, failure.retry_after / 10))
            health, now = asked.health(self), asked.now()
            if beyond.alternatives and not health.available(now + delay):
                # It is to be left alone, as of this failure or of another call's.
                break
            if beyond.alternatives and 2 * (now - began) + delay > asked.time_left():
                # If it took as long again, the other way would have less time than that.
                break
            if not health.retries.spend(now):
                break
            began = now + delay
            sent = yield Step(self, beyond, delay, is_retry=True)
            if not isinstance(sent, Failure):
                return None
            failure = sent
        return failure


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackNode:
    """One way after the other."""

    children: Sequence[Node]
    failover: Failover

    def targets(self) -> Iterator[TargetNode]:
        """Those of all children."""
        for child in self.children:
            yield from child.targets()

    def in_reach(self, asked: Asked) -> Iterator[TargetNode]:
        """Those of all children."""
        for child in self.children:
            yield from child.in_reach(asked)

    def ways(self, asked: Asked, beyond: Beyond) -> Ways:
        """The ways of each child in turn."""
        return _one_after_the_other(asked, self.children, lambda rest: rest[0], self.failover, beyond)


Pick: TypeAlias = "Callable[[Asked, Sequence[Share]], Share]"


@dataclass(frozen=True, slots=True)
class Share:
    """A child of a load balancer, with its weight.

    `name` says what it is, wherever it stands in the route; no other child has the same.
    """

    node: Node
    weight: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceNode:
    """One of several, chosen by `pick`; the others in its place."""

    shares: Sequence[Share]
    pick: Pick
    failover: Failover

    def targets(self) -> Iterator[TargetNode]:
        """Those of all children."""
        for share in self.shares:
            yield from share.node.targets()

    def in_reach(self, asked: Asked) -> Iterator[TargetNode]:
        """Those of all children."""
        for share in self.shares:
            yield from share.node.in_reach(asked)

    def ways(self, asked: Asked, beyond: Beyond) -> Ways:
        """The ways of the child that is picked, then of the one picked among the others, and so on."""
        shares = {id(share.node): share for share in self.shares}

        def choose(rest: Sequence[Node]) -> Node:
            return self.pick(asked, [shares[id(node)] for node in rest]).node

        return _one_after_the_other(asked, [share.node for share in self.shares], choose, self.failover, beyond)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalNode:
    """The first branch whose condition holds."""

    branches: Sequence[tuple[Condition, Node]]
    default: Node | None

    def targets(self) -> Iterator[TargetNode]:
        """Those of all children."""
        for _, node in self.branches:
            yield from node.targets()
        if self.default is not None:
            yield from self.default.targets()

    def in_reach(self, asked: Asked) -> Iterator[TargetNode]:
        """Those of the branch; all of them if there is none, as the call comes here, and ends."""
        node = self._chosen(asked)
        return self.targets() if node is None else node.in_reach(asked)

    def _chosen(self, asked: Asked) -> Node | None:
        return next((node for condition, node in self.branches if asked.holds(condition)), self.default)

    def ways(self, asked: Asked, beyond: Beyond) -> Ways:
        """The ways of that branch."""
        node = self._chosen(asked)
        if node is not None:
            return (yield from node.ways(asked, beyond))
        return Failure(
            GatewayError(
                error_reason_pb2.ERROR_REASON_ROUTE_NOT_FOUND,
                "no condition of the route holds for this call, and it has no default",
                resource="routes/default",
            ),
            error_reason_pb2.ERROR_REASON_ROUTE_NOT_FOUND,
        )


def _one_after_the_other(
    asked: Asked,
    nodes: Sequence[Node],
    choose: Callable[[Sequence[Node]], Node],
    failover: Failover,
    beyond: Beyond,
) -> Ways:
    rest = list(nodes)
    failure: Failure | None = None
    is_first = True
    while rest:
        welcome = [node for node in rest if _is_welcome(node, asked)]
        if not welcome:
            if not is_first:
                break
            # All of them are to be left alone: then none is, as the call has to go somewhere.
            welcome = rest
        node = choose(welcome)
        rest.remove(node)
        is_first = False
        others = any(_is_welcome(other, asked) for other in rest)
        inner = Beyond(others or beyond.alternatives, (others and failover.on_refusal) or beyond.on_refusal)
        result = yield from node.ways(asked, inner)
        # None: another attempt is to begin while this one goes on. What it may fail of is still to come.
        if result is not None:
            failure = result
            if not failover.covers(failure):
                break
    return failure


def _is_welcome(node: Node, asked: Asked) -> bool:
    now = asked.now()
    return any(asked.health(target).available(now) and asked.may_take(target) for target in node.in_reach(asked))
