"""One attempt of a call, from its leg to what its target is remembered for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from trunkline.v1 import chat_input_pb2, error_reason_pb2, route_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError, forget_frames
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.health import RETRY_SHARE
from trunkline_service.routing.inquiry import Inquiry
from trunkline_service.routing.layers import inherited
from trunkline_service.routing.policies import Failure, failure
from trunkline_service.routing.spending import note_spending
from trunkline_service.routing.ways import Step, TargetNode

if TYPE_CHECKING:
    from trunkline_service.routing.execution import Execution

T = TypeVar("T")


class Runner(Generic[T]):
    """One attempt of a call: it is made, watched, and what became of it is noted."""

    def __init__(self, execution: Execution[T], step: Step, *, hedge: bool = False) -> None:
        self._execution = execution
        self._step = step
        self._hedge = hedge
        self._attempt: Attempt | None = None
        self._has_answered = False
        self._is_refused = False
        self._is_timed = False
        self._probes = False

    async def run(self) -> T | Failure:
        """Asks the step's target. Returns what the work returned, or why there is no answer."""
        call = self._execution
        target = self._step.target
        asked = call.asked
        try:
            leg = call.router.leg_of(target, asked.model(target), call.routing)
        except GatewayError as error:
            forget_frames(error)
            if error.reason == error_reason_pb2.ERROR_REASON_INVALID_REQUEST:
                raise
            return failure(error, 0)
        self._attempt = attempt = Attempt(leg, whole=call.whole)
        self._describe(attempt)
        call.attempts.append(attempt)
        began = asked.now()
        health = asked.health(target)
        if not self._step.is_retry:
            health.retries.earn(RETRY_SHARE, began)
        self._probes = health.begin(began)
        try:
            result = await call.work(attempt, _input_for(target, call.input), call.deadline, self._take)
        except GatewayError as error:
            forget_frames(error)
            if not attempt.report.outcome:
                # It failed before anything was sent.
                attempt.report.reason = error.reason
                attempt.end(route_pb2.ATTEMPT_OUTCOME_FAILED)
            failed = failure(error, attempt.report.upstream_status)
            asked.note(failed)
            if call.is_telling:
                if failed.reason == error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT:
                    self._note_silence(began)
                health.fail(failed, asked.now() - began, target.policies.breaker, asked.now(), probed=self._probes)
            else:
                health.leave(probed=self._probes)
            note_spending(attempt, lambda: asked.estimated_tokens)
            return failed
        except BaseException:
            health.leave(probed=self._probes)
            if attempt.report.outcome == route_pb2.ATTEMPT_OUTCOME_SUPERSEDED:
                self._note_silence(began)
            raise
        if call.is_telling:
            self._note_time(attempt, asked)
            health.succeed(asked.now(), probed=self._probes)
        else:
            health.leave(probed=self._probes)
        if self._is_refused:
            attempt.report.outcome = route_pb2.ATTEMPT_OUTCOME_REFUSED
            refusal = GatewayError(
                error_reason_pb2.ERROR_REASON_CONTENT_BLOCKED,
                "the model refused to answer",
                metadata={"provider": target.provider, "model": attempt.report.model},
            )
            return Failure(refusal, refusal.reason, refused=True)
        return result

    def supersede(self) -> None:
        """Another attempt was quicker."""
        if self._attempt is not None and not self._attempt.report.outcome:
            self._attempt.end(route_pb2.ATTEMPT_OUTCOME_SUPERSEDED)
            asked = self._execution.asked
            note_spending(self._attempt, lambda: asked.estimated_tokens, superseded=True)

    # No coroutine for most of them, as this is called for every token.
    def _take(self, events: Sequence[ChatEvent]) -> Awaitable[None]:
        assert self._attempt is not None  # noqa: S101 - its events come here
        if self._has_answered and not self._attempt.is_over:
            return self._execution.give(events, are_last=False)
        return self._take_first_or_last(self._attempt, events)

    async def _take_first_or_last(self, attempt: Attempt, events: Sequence[ChatEvent]) -> None:
        call = self._execution
        if not call.claim(self):
            # The cancellation is on its way.
            await asyncio.Event().wait()
        self._has_answered = True
        self._note_time(attempt, call.asked)
        if attempt.is_over and call.leads_on(self._step, events):
            self._is_refused = True
            return
        await call.give(events, are_last=attempt.is_over)

    def _note_time(self, attempt: Attempt, asked: Inquiry) -> None:
        """Tells the target's memory, once, how long the first event took."""
        if self._is_timed:
            return
        if attempt.first_event:
            self._is_timed = True
            health = asked.health(self._step.target)
            health.first_event(attempt.first_event, asked.now())
            if self._probes:
                self._probes = False
                health.begins_to_answer()

    def _note_silence(self, began: float) -> None:
        """Tells the target's memory how long nothing came: one that never answers would otherwise seem the quickest."""
        if self._execution.is_telling and not self._is_timed:
            asked = self._execution.asked
            now = asked.now()
            asked.health(self._step.target).silent(now - began, now)

    def _describe(self, attempt: Attempt) -> None:
        report = attempt.report
        report.path = self._step.target.path
        report.hedge = self._hedge
        if self._execution.attempts:
            # By the clock that measures attempts: the loop's own stands still while the loop is busy.
            report.begun_after.FromNanoseconds(int((attempt.began - self._execution.began) * 1e9))


def _input_for(target: TargetNode, chat_input: chat_input_pb2.ChatInput) -> chat_input_pb2.ChatInput:
    return chat_input if target.overrides is None else inherited(chat_input, target.overrides)
