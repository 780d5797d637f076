"""A call on its way through its route: attempts one after the other, or two at once, until one has answered.

The order is the route's (`ways.py`); here is what all of them keep to: nothing is begun that cannot end in time,
nothing of a second answer follows on a first one but after a restart, and whatever was begun has ended when the call
ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from trunkline.v1 import chat_input_pb2, chat_service_pb2, error_reason_pb2, route_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError
from trunkline_service.off_loop import off_loop
from trunkline_service.routing.attempt import Attempt, Sink
from trunkline_service.routing.inquiry import Inquiry
from trunkline_service.routing.plan import Plan
from trunkline_service.routing.policies import Failure
from trunkline_service.routing.router import Router, Tally
from trunkline_service.routing.runner import Runner
from trunkline_service.routing.spending import total
from trunkline_service.routing.ways import NOTHING, PENDING, Pending, Step, Ways

T = TypeVar("T")

Work = Callable[[Attempt, chat_input_pb2.ChatInput, float, Sink], Awaitable[T]]
"""What an attempt does until the deadline: it asks, gives what events there are to the sink, and returns the rest."""

_REFUSALS = (chat_service_pb2.FINISH_REASON_REFUSAL, chat_service_pb2.FINISH_REASON_CONTENT_FILTER)


class Execution(Generic[T]):
    """One call. `run` it once; `attempts` are those that were begun, in order, `restarts` is how often an answer began
    again, and `completion` is that of the answer which was given.
    """

    def __init__(
        self,
        router: Router,
        plan: Plan,
        chat_input: chat_input_pb2.ChatInput,
        routing: route_pb2.RoutingOptions,
        deadline: float,
        work: Work[T],
        sink: Sink | None = None,
        *,
        stream: bool = False,
        whole: bool = False,
        may_restart: bool = False,
        is_telling: bool = True,
    ) -> None:
        """`deadline` is a time of the running loop's clock.

        `whole` means what it does for an `Attempt`. `may_restart` is whether an answer may begin again after a part of
        it was given to `sink`: it then gets a `restart` first. `is_telling` is whether it tells anything of how targets
        do: what is asked of another address, or of nobody, does not.
        """
        self.router = router
        self._plan = plan
        self.input = chat_input
        self.routing = routing
        self.deadline = deadline
        self.work = work
        self._sink = sink
        self.whole = whole
        self._may_restart = may_restart
        self.is_telling = is_telling
        self.asked = Inquiry(router, chat_input, routing, deadline=deadline, stream=stream, chance=router.random)
        self.began = time.monotonic()
        self.attempts: list[Attempt] = []
        self._racing: list[Runner[T]] = []
        self._winner: Runner[T] | None = None
        self._claimed: asyncio.Event | None = None
        self._failures: list[Failure] = []
        self.restarts = 0
        self.completion: chat_service_pb2.Completion | None = None
        # Whether the sink has a part of an answer, and why that one was given up.
        self._given = False
        self._void: error_reason_pb2.ErrorReason.ValueType | None = None

    async def run(self) -> T:
        """Returns what the work of the attempt that answered returned.

        Raises:
            GatewayError: none did. The error is that of the last attempt whose failure may pass, or else of the last
                one, and has the report. Once a part of an answer was given that cannot begin again, it is
                STREAM_INTERRUPTED.
        """
        try:
            with self.router:
                result = await self._run()
            self._tally(answered=True)
            return result
        except GatewayError:
            self._tally(answered=False)
            raise
        finally:
            # What is asked about a call that is over are its attempts. The rest would hold its request, in circles.
            del self.input, self.work, self.asked, self._sink, self._winner, self._failures

    def _tally(self, *, answered: bool) -> None:
        if name := self._plan.name:
            tally = self.router.tallies.setdefault(name, Tally())
            tally.answered += answered
            tally.failed += not answered

    async def _run(self) -> T:
        if self._plan.looks_at:
            await off_loop(lambda _: self.asked.look(self._plan.looks_at), self.input)
        ways = self._plan.node.ways(self.asked, NOTHING)
        step, last = self._next(ways, None)
        while step is not None:
            result = await self._take(step, ways)
            if not isinstance(result, Failure):
                return result
            self._failures.append(result)
            if self._given and not self._may_restart:
                raise self._with_report(result.error)
            self._void = result.reason if self._given else None
            self._winner = None
            step, last = self._next(ways, result)
            if step is not None and not await self._wait(step):
                break
        raise self._given_up(last)

    @property
    def route_name(self) -> str:
        """The name of its route; empty if it goes by none of the configuration's."""
        return self._plan.name

    @property
    def report(self) -> route_pb2.RouteReport:
        """Where the call went so far."""
        report = route_pb2.RouteReport()
        self._write_report(report)
        return report

    def _write_report(self, report: route_pb2.RouteReport) -> None:
        report.attempts.extend([attempt.report for attempt in self.attempts])
        if self._plan.name:
            report.route_name = self._plan.name
        if self.restarts:
            report.restarts = self.restarts
        if costs := [attempt.report.cost for attempt in self.attempts if attempt.report.HasField("cost")]:
            report.unanswered_cost.CopyFrom(total(costs))

    def _next(self, ways: Ways, sent: Failure | Pending | None) -> tuple[Step | None, Failure | None]:
        """The next step, or None and what the route ended with."""
        try:
            return ways.send(sent), None
        except StopIteration as end:
            return None, end.value

    async def _wait(self, step: Step) -> bool:
        """Waits until the step is due. False if it could not end in time."""
        if not self._is_in_time(step):
            if step.is_retry:
                self.asked.health(step.target).retries.give_back()
            return False
        if step.delay:
            await asyncio.sleep(step.delay)
        return True

    def _is_in_time(self, step: Step) -> bool:
        """Whether the step could end before the deadline."""
        quickest = self.asked.health(step.target).quickest() or 0.0
        return self.asked.now() + step.delay + quickest < self.deadline

    # No coroutine of its own, as each that waits for another costs something for every token.
    def _take(self, step: Step, ways: Ways) -> Awaitable[T | Failure]:
        hedge_after = self._hedge_after(step)
        return Runner(self, step).run() if hedge_after is None else self._race(step, ways, hedge_after)

    def _hedge_after(self, step: Step) -> float | None:
        """When a second attempt may begin beside this one; None if none may."""
        hedge = step.target.policies.hedge
        if hedge is None or not step.beyond.alternatives:
            return None
        health = self.asked.health(step.target)
        if not step.is_retry:
            health.hedges.earn(hedge.max_share, self.asked.now())
        return health.percentile(hedge.percentile) if hedge.delay is None else hedge.delay

    async def _race(self, step: Step, ways: Ways, hedge_after: float) -> T | Failure:
        self._claimed = claimed = asyncio.Event()
        first = Runner(self, step)
        tasks: dict[asyncio.Task[T | Failure], Runner[T]] = {asyncio.create_task(first.run()): first}
        waiter: asyncio.Task[Any] = asyncio.create_task(claimed.wait())
        self._racing = [first]
        try:
            await asyncio.wait((*tasks, waiter), timeout=hedge_after, return_when=asyncio.FIRST_COMPLETED)
            silent = self._winner is None and not any(task.done() for task in tasks)
            hedges = self.asked.health(step.target).hedges
            if silent and hedges.spend(self.asked.now()):
                second, _ = self._next(ways, PENDING)
                if second is None or not self._is_in_time(second):
                    hedges.give_back()
                else:
                    runner = Runner(self, second, hedge=True)
                    tasks[asyncio.create_task(runner.run())] = runner
                    self._racing.append(runner)
            failures: dict[Runner[T], Failure] = {}
            while tasks:
                open_tasks = [*tasks, *(() if claimed.is_set() else (waiter,))]
                await asyncio.wait(open_tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task, runner in tasks.items() if self._winner not in (None, runner)]:
                    tasks.pop(task)
                    await _end(task)
                for task in [task for task in tasks if task.done()]:
                    runner = tasks.pop(task)
                    result = task.result()
                    if not isinstance(result, Failure):
                        self.claim(runner)
                        return result
                    failures[runner] = result
            # The route stands at the one that began last: what that one failed of decides how it goes on.
            *others, last = [failures[each] for each in self._racing if each in failures]
            self._failures += others
            return last
        finally:
            self._racing, self._claimed = [], None
            for left in (*tasks, waiter):
                await _end(left)

    def claim(self, runner: Runner[T]) -> bool:
        """The runner has something of an answer. False if another one had it before."""
        if self._winner is None:
            self._winner = runner
            for other in self._racing:
                if other is not runner:
                    other.supersede()
            if self._claimed is not None:
                self._claimed.set()
        return self._winner is runner

    # No coroutine of its own, as this is called for every token: it returns the sink's.
    def give(self, events: Sequence[ChatEvent], *, are_last: bool) -> Awaitable[None]:
        """Passes on events of the attempt that answers; the last ones end with the completion."""
        assert self._sink is not None  # noqa: S101 - whoever has events has been given one
        if self._void is not None:
            events = [ChatEvent(restart=chat_service_pb2.StreamRestart(reason=self._void)), *events]
            self._void = None
            self.restarts += 1
        self._given = True
        if are_last:
            self.completion = events[-1].completion
            self._write_report(self.completion.route_report)
        return self._sink(events)

    def leads_on(self, step: Step, events: Sequence[ChatEvent]) -> bool:
        """Whether the answer ends with a refusal that the route does not put up with."""
        completion = events[-1].completion
        return (
            step.beyond.on_refusal and completion.finish_reason in _REFUSALS and (self._may_restart or not self._given)
        )

    def _with_report(self, error: GatewayError) -> GatewayError:
        error.report = self.report
        return error

    def _given_up(self, last: Failure | None) -> GatewayError:
        failures = [*self._failures, *([last] if last is not None and last not in self._failures else [])]
        if not failures:
            return GatewayError(error_reason_pb2.ERROR_REASON_INTERNAL, "the route has no target")
        passing = [each for each in failures if each.may_pass]
        error = (passing or failures)[-1].error
        delays = [each.retry_after for each in passing if each.retry_after is not None]
        if delays and len(delays) == len(passing):
            error.retry_after = min(delays)
        if len(self.attempts) > 1:
            error.metadata["attempts"] = str(len(self.attempts))
        return self._with_report(error)


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancels a task, if it has not ended, and waits until it has."""
    task.cancel()
    await asyncio.wait((task,))
