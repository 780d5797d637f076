"""What providers do with requests: they answer, or fail as the timetable has it. All of routing before them is real."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from routing.hour.profiles import Profile
from routing.hour.traffic import Call, Luck
from routing.hour.trouble import Kind, Scene
from trunkline.v1 import chat_service_pb2, error_reason_pb2, message_pb2, route_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError
from trunkline_service.routing.attempt import Attempt, Sink
from trunkline_service.routing.watch import WRITE, Watch

PIECES = 3
REFUSED_AFTER = 0.1
# How many places may be saved up, in seconds of the rate.
BURST_SECONDS = 4.0
THROTTLED_RATE = 0.5
SLOWED_BY = 10
# With more calls at once, they take as much longer to begin their answers.
ROOM = 30
FOREVER = 1e9

_BLOCK = message_pb2.ContentBlock(text=message_pb2.TextBlock())
_BEGIN = (
    ChatEvent(start=chat_service_pb2.StreamStart()),
    ChatEvent(block_start=chat_service_pb2.BlockStart(block=_BLOCK)),
)
_PIECE = ChatEvent(block_delta=chat_service_pb2.BlockDelta(text="and so on"))
_BLOCK_END = ChatEvent(block_end=chat_service_pb2.BlockEnd())


@dataclass(slots=True)
class Bill:
    """Of a request that was taken, in nano-dollars. `hit` is whether its beginning was in the prompt cache."""

    cost: int
    answered: bool
    hit: bool


@dataclass
class Provider:
    """One of them; `asked` are the times of its requests."""

    profile: Profile
    scene: Scene
    asked: list[float] = field(default_factory=list)
    in_flight: int = 0
    _kept: dict[str, float] = field(default_factory=dict)
    _places: float = 1.0
    _counted: float = 0.0

    async def answer(
        self, attempt: Attempt, call: Call, luck: Luck, deadline: float, sink: Sink, bills: list[Bill]
    ) -> None:
        """Answers a call, or raises as `Attempt.chat` does. What was taken is billed, whatever becomes of it."""
        try:
            with attempt._watch(deadline) as watch:
                self.asked.append(_now())
                if refusal := self._refusal(_now()):
                    await asyncio.sleep(REFUSED_AFTER)
                    attempt.report.upstream_status = int(refusal.metadata["upstream_status"])
                    raise refusal
                self.in_flight += 1
                try:
                    await self._answer(attempt, call, luck, watch, sink, bills)
                finally:
                    self.in_flight -= 1
        except GatewayError as error:
            raise attempt.failed(error, None) from None

    def best(self, call: Call, luck: Luck) -> float:
        """How soon a call's answer would begin here, were it alone; endless if it would get none."""
        kinds = self._troubles(call.at)
        if kinds & {"down", "flaps", "throttled"} or ("cuts" in kinds and luck.fate < 1 / 3):
            return math.inf
        return self._usual(luck, kinds)

    def _usual(self, luck: Luck, kinds: set[Kind]) -> float:
        return self.profile.first_event * luck.pace * (SLOWED_BY if "slow" in kinds else 1)

    def _troubles(self, now: float) -> set[Kind]:
        return {each.kind for each in self.scene.troubles if each.provider == self.profile.name and each.strikes(now)}

    def _refusal(self, now: float) -> GatewayError | None:
        kinds = self._troubles(now)
        if "down" in kinds:
            return _refusal(error_reason_pb2.ERROR_REASON_UPSTREAM_ERROR, 500)
        if "flaps" in kinds:
            return _refusal(error_reason_pb2.ERROR_REASON_UPSTREAM_OVERLOADED, 503)
        rate = THROTTLED_RATE if "throttled" in kinds else self.profile.rate
        self._places = min(max(1.0, rate * BURST_SECONDS), self._places + (now - self._counted) * rate)
        self._counted = now
        if self._places < 1:
            # In whole seconds, as providers write it.
            after = math.ceil((1 - self._places) / rate)
            return _refusal(error_reason_pb2.ERROR_REASON_UPSTREAM_RATE_LIMITED, 429, after)
        self._places -= 1
        return None

    async def _answer(
        self, attempt: Attempt, call: Call, luck: Luck, watch: Watch, sink: Sink, bills: list[Bill]
    ) -> None:
        began = _now()
        kinds = self._troubles(began)
        crowd = max(1.0, self.in_flight / ROOM)
        hit = self._kept.get(call.prefix, 0.0) > began
        said = 0
        answered = False
        attempt.report.upstream_status = 200
        try:
            await asyncio.sleep(round(self._usual(luck, kinds) * crowd, 3))
            if call.prefix:
                self._kept[call.prefix] = _now() + self.profile.keeps
            attempt.note_first_event(_now() - began)
            events = [*_BEGIN, _PIECE]
            for piece in range(PIECES):
                if "cuts" in kinds and piece == PIECES - 1 and luck.fate < 1 / 3:
                    if luck.fate < 1 / 6:
                        await asyncio.sleep(FOREVER)
                    raise GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE, "the connection broke")
                attempt.events_sent += len(events)
                watch.stage(WRITE, attempt.leg.slow_consumer)
                await sink(events)
                watch.stage("idle", attempt.leg.timeouts.idle)
                events = [_PIECE]
                await asyncio.sleep(round(call.answer_tokens / self.profile.speed / PIECES, 3))
                said = call.answer_tokens * (piece + 1) // PIECES
            attempt.end(route_pb2.ATTEMPT_OUTCOME_ANSWERED)
            answered = True
            await sink([_BLOCK_END, ChatEvent(completion=chat_service_pb2.Completion())])
        finally:
            bills.append(Bill(self.profile.charge(call, said, hit=hit), answered, hit))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _refusal(reason: error_reason_pb2.ErrorReason.ValueType, status: int, after: float | None = None) -> GatewayError:
    return GatewayError(reason, "by the timetable", retry_after=after, metadata={"upstream_status": str(status)})
