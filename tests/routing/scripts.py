"""Providers by script, for routes in virtual time: what an attempt brings, and when.

All of routing is real; only what `Execution` calls its work is not HTTP but one of these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from trunkline.v1 import chat_input_pb2, chat_service_pb2, error_reason_pb2, message_pb2, usage_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError
from trunkline_service.routing.attempt import Attempt, Sink
from trunkline_service.routing.watch import WRITE, Watch

Reason = error_reason_pb2.ErrorReason.ValueType


@dataclass(frozen=True)
class Outcome:
    """Of one attempt: after `wait` seconds, `words` of an answer, each `gap` after the other, and then its end, or
    `reason`. With neither words nor reason it never says anything.
    """

    wait: float = 0.1
    words: int = 0
    gap: float = 0.01
    reason: Reason = error_reason_pb2.ERROR_REASON_UNSPECIFIED
    status: int = 0
    retry_after: float | None = None
    refused: bool = False

    @property
    def answers(self) -> bool:
        return bool(self.words) and not self.reason


@dataclass
class Begun:
    """An attempt as the provider saw it."""

    model: str
    path: str
    number: int
    began: float
    outcome: Outcome
    ended: float | None = None
    first_word: float | None = None
    how: str = "cancelled"
    error: GatewayError | None = None
    status: int = 0


@dataclass
class Scripts:
    """What providers do: `outcome_of` a model, at a time, in its n-th attempt. `begun` is what they saw."""

    outcome_of: Callable[[str, float, int], Outcome]
    begun: list[Begun] = field(default_factory=list)

    async def work(self, attempt: Attempt, chat_input: chat_input_pb2.ChatInput, deadline: float, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        model = attempt.leg.target.model
        number = sum(each.model == model for each in self.begun)
        outcome = self.outcome_of(model, loop.time(), number)
        begun = Begun(model, attempt.report.path, len(self.begun), loop.time(), outcome)
        self.begun.append(begun)
        try:
            with attempt._watch(deadline) as watch:
                await asyncio.sleep(outcome.wait)
                attempt.report.upstream_status = outcome.status or (200 if outcome.words else 0)
                await self._say(attempt, begun, watch, sink)
            begun.how = "answered"
        except GatewayError as error:
            begun.how = "failed"
            begun.error, begun.status = error, attempt.report.upstream_status
            raise attempt.failed(error, None) from None
        finally:
            begun.ended = loop.time()

    async def _say(self, attempt: Attempt, begun: Begun, watch: Watch, sink: Sink) -> None:
        outcome, timeouts = begun.outcome, attempt.leg.timeouts
        if not outcome.words and not outcome.reason:
            await asyncio.sleep(1e9)
        block = message_pb2.ContentBlock(text=message_pb2.TextBlock())
        events = [
            ChatEvent(start=chat_service_pb2.StreamStart(id=str(begun.number))),
            ChatEvent(block_start=chat_service_pb2.BlockStart(block=block)),
        ]
        for word in range(outcome.words):
            if not word:
                begun.first_word = asyncio.get_running_loop().time()
                attempt.note_first_event(begun.first_word - begun.began + 1e-9)
            events.append(ChatEvent(block_delta=chat_service_pb2.BlockDelta(text=f"{begun.number}.{word} ")))
            attempt.events_sent += len(events)
            watch.stage(WRITE, 30)
            await sink(events)
            events = []
            watch.stage("idle", timeouts.idle)
            await asyncio.sleep(outcome.gap)
        if outcome.reason:
            raise GatewayError(outcome.reason, "by script", retry_after=outcome.retry_after)
        attempt.end(1)
        finish = chat_service_pb2.FINISH_REASON_REFUSAL if outcome.refused else chat_service_pb2.FINISH_REASON_STOP
        usage = usage_pb2.Usage(input_total=100, input_uncached=100, output_total=outcome.words)
        completion = chat_service_pb2.Completion(finish_reason=finish, usage=usage)
        await sink([ChatEvent(block_end=chat_service_pb2.BlockEnd()), ChatEvent(completion=completion)])
