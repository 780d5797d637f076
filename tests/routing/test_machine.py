"""Any route, any behaviour of its providers, in virtual time: what holds for every call."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from routing.asking import by
from routing.scripts import Begun, Outcome, Scripts
from routing.virtual import VirtualLoop
from support import calls
from trunkline.accumulate import Accumulator
from trunkline.v1 import error_reason_pb2, route_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.app import make_endpoint
from trunkline_service.config import ProviderSettings, Secret, Settings
from trunkline_service.errors import GatewayError
from trunkline_service.routing.execution import Execution
from trunkline_service.routing.generations import Generations
from trunkline_service.routing.policies import PASSING
from trunkline_service.routing.ways import TargetNode

MODELS = [f"m{number}" for number in range(4)]
SLACK = 1e-6

SECONDS = [0.0, 0.001, 0.05, 0.4, 3.0, 20.0]
SPANS = ["0.01s", "0.2s", "1s", "5s"]
STATUSES = [400, 404, 429, 500, 529]
REASONS = [
    *zip(sorted(PASSING), (408, 429, 500, 529, 0, 200), strict=True),
    (error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST, 400),
    (error_reason_pb2.ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED, 402),
    (error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED, 400),
    (error_reason_pb2.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED, 400),
    (error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND, 404),
]
STRATEGIES = list(route_pb2.LoadBalanceStrategy.values())


class Chance:
    """Routes and behaviours, by a seed: quicker to draw than by strategies, and as easy to repeat."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def script(self) -> dict[str, list[Outcome]]:
        return {model: [self._outcome() for _ in range(self._random.randint(1, 4))] for model in MODELS}

    def route(self, depth: int = 0) -> dict[str, Any]:
        choose = self._random.choice
        kind = choose(["target", "fallback", "load_balance", "conditional"]) if depth < 3 else "target"
        match kind:
            case "target":
                strategy: Any = {"provider": "up", "model": choose(MODELS)}
            case "fallback":
                strategy = {"routes": self._routes(depth)}
            case "load_balance":
                shares = [{"route": each, "weight": choose([0.5, 1, 3])} for each in self._routes(depth)]
                strategy = {"routes": shares, "strategy": choose(STRATEGIES)}
            case _:
                conditions = ["true", "false", "stream", "metadata.x == 'y'"]
                branches = [{"condition": choose(conditions), "route": each} for each in self._routes(depth)]
                strategy = {"branches": branches} | self._some(default_route=lambda: self.route(depth + 1))
        return {kind: strategy} | self._policies()

    def _routes(self, depth: int) -> list[dict[str, Any]]:
        return [self.route(depth + 1) for _ in range(self._random.randint(1, 3))]

    def _some(self, **fields: Callable[[], Any]) -> dict[str, Any]:
        return {name: make() for name, make in fields.items() if self._random.random() < 0.4}

    def _span(self) -> str:
        return self._random.choice(SPANS)

    def _statuses(self) -> list[int]:
        return self._random.sample(STATUSES, self._random.randint(0, 2))

    def _policies(self) -> dict[str, Any]:
        whole, choose, span = self._random.randint, self._random.choice, self._span
        return self._some(
            retry=lambda: self._some(
                max_attempts=lambda: whole(1, 4), initial_backoff=span, max_backoff=span, max_retry_after=span,
                upstream_statuses=self._statuses,
            ),
            timeouts=lambda: self._some(first_event=span, idle=span, attempt=span),
            hedge=lambda: {"delay": span(), "max_share": choose([0, 5, 100])},
            failover=lambda: self._some(on_refusal=lambda: choose([True, False]), upstream_statuses=self._statuses),
            circuit_breaker=lambda: self._some(consecutive_failures=lambda: whole(0, 3), ejection=span),
        )  # fmt: skip

    def _outcome(self) -> Outcome:
        choose = self._random.choice
        words = choose([0, 1, 2, 3])
        reason, status = choose(REASONS) if choose([True, False]) else (0, 0)
        retry_after = choose([None, *SECONDS]) if reason and not words else None
        refused = not reason and choose([True, False, False])
        return Outcome(choose(SECONDS), words, choose(SECONDS), reason, 0 if words else status, retry_after, refused)


seeds = st.integers(0, 2**32)


class RoutesOfAnyKind(RuleBasedStateMachine):
    """Calls, one after the other or at once, through routes whose targets have a past."""

    @initialize()
    def begin(self) -> None:
        self.loop = VirtualLoop()
        provider = ProviderSettings(
            name="up", type="anthropic", base_url="http://127.0.0.1:1", api_key=Secret(env="K", environ={"K": "k"})
        )
        settings = Settings(providers={"up": provider})
        self.generations = self.loop.run_until_complete(Generations.begin(settings, make_endpoint))
        self.router = self.generations.current
        self.router.random.seed(0)

    def teardown(self) -> None:
        self.loop.run_until_complete(self.generations.close())
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()

    @rule(pause=st.sampled_from(SECONDS))
    def time_passes(self, pause: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(pause))

    @rule(seed=seeds, limit=st.sampled_from([0.5, 5.0, 100.0]), restart=st.booleans())
    def a_call(self, seed: int, limit: float, restart: bool) -> None:
        self.loop.run_until_complete(self._call(Chance(seed), limit, may_restart=restart))

    @rule(seed=seeds, number=st.integers(2, 6))
    def calls_at_once(self, seed: int, number: int) -> None:
        async def all_of_them() -> None:
            await asyncio.gather(*(self._call(Chance(seed), 50.0, may_restart=True) for _ in range(number)))

        self.loop.run_until_complete(all_of_them())

    @rule(seed=seeds, after=st.sampled_from(SECONDS))
    def a_caller_leaves(self, seed: int, after: float) -> None:
        async def leave() -> None:
            call = asyncio.ensure_future(self._call(Chance(seed), 100.0, may_restart=True))
            await asyncio.sleep(after)
            call.cancel()
            left = self.loop.time()
            await asyncio.wait((call,))
            assert self.loop.time() == left

        self.loop.run_until_complete(leave())

    @invariant()
    def nothing_is_left(self) -> None:
        if hasattr(self, "router"):
            assert all(health.in_flight == 0 for health in self.router.endpoint("up").health.values())
            assert not asyncio.all_tasks(self.loop)

    async def _call(self, chance: Chance, limit: float, *, may_restart: bool) -> None:
        route, script = chance.route(), chance.script()
        providers = Scripts(lambda model, _, number: script[model][min(number, len(script[model]) - 1)])
        routing = by(route)
        plan = self.router.plan("", routing)
        events: list[ChatEvent] = []

        async def sink(more: Any) -> None:
            events.extend(more)

        began = self.loop.time()
        execution = Execution(
            self.router, plan, calls.chat_input(""), routing, began + limit, providers.work, sink,
            stream=True, may_restart=may_restart,
        )  # fmt: skip
        error = None
        try:
            await execution.run()
        except GatewayError as failed:
            error = failed
        assert self.loop.time() <= began + limit + SLACK
        nodes = {node.path: node for node in plan.node.targets()}
        _check_attempts(providers.begun, nodes, began + limit, may_restart=may_restart)
        _check_answer(events, providers.begun, error, may_restart=may_restart)
        assert len(execution.report.attempts) == len(providers.begun)


def _check_attempts(begun: list[Begun], nodes: dict[str, TargetNode], deadline: float, *, may_restart: bool) -> None:
    for path, number in Counter(each.path for each in begun).items():
        retry = nodes[path].policies.retry
        assert number <= (retry.max_attempts if retry else 1)
    assert all(each.began < deadline for each in begun)
    assert all(each.ended is not None for each in begun)
    for number, (earlier, later) in enumerate(pairwise(begun)):
        assert earlier.ended is not None
        if later.began >= earlier.ended:
            _check_leads_on(earlier, later, nodes, may_restart=may_restart)
        else:
            # It was begun while the one before was still silent.
            assert nodes[earlier.path].policies.hedge is not None
            assert later.path != earlier.path
            before = [each.first_word for each in begun[: number + 1] if each.ended is None or each.ended > later.began]
            assert all(word is None or word >= later.began for word in before)


def _check_leads_on(earlier: Begun, later: Begun, nodes: dict[str, TargetNode], *, may_restart: bool) -> None:
    assert earlier.how != "answered" or earlier.outcome.refused
    # Of an answer that was begun, only what was kept from the caller may be followed by another.
    assert may_restart or earlier.first_word is None or earlier.how == "cancelled"
    error = earlier.error
    if error is None or earlier.ended is None or later.path != earlier.path:
        return
    retry = nodes[earlier.path].policies.retry
    assert retry is not None
    if earlier.status not in (0, 200) and retry.upstream_statuses:
        assert earlier.status in retry.upstream_statuses
    else:
        assert error.reason in PASSING
    if error.retry_after is not None:
        assert later.began >= earlier.ended + error.retry_after - SLACK


def _check_answer(
    events: list[ChatEvent], begun: list[Begun], error: GatewayError | None, *, may_restart: bool
) -> None:
    accumulator = Accumulator()
    for event in events:
        assert may_restart or not event.HasField("restart")
        accumulator.add(event)
    assert accumulator.complete == (error is None)
    said = calls.said(accumulator.response).split()
    speakers = {word.partition(".")[0] for word in said}
    # Never a splice: all that is there was said by one of them, in order, without a gap.
    assert len(speakers) <= 1
    assert [word.partition(".")[2] for word in said] == [str(number) for number in range(len(said))]
    if error is None:
        answered = begun[int(accumulator.response.id)]
        assert answered.how == "answered"
        assert len(said) == answered.outcome.words
        assert accumulator.response.completion.route_report.attempts[answered.number].outcome == (
            route_pb2.ATTEMPT_OUTCOME_ANSWERED
        )
    else:
        assert error.report is not None
        assert isinstance(error.reason, int)
        assert not any(each.how == "answered" and not each.outcome.refused for each in begun)


RoutesOfAnyKind.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=10,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
TestRoutesOfAnyKind = RoutesOfAnyKind.TestCase


def test_virtual_time_passes_by_itself() -> None:
    loop = VirtualLoop()
    loop.run_until_complete(asyncio.sleep(3600))
    assert loop.time() >= 3600
    loop.close()
