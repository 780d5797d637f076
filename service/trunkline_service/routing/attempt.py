"""One request to one provider, from the encoded input to the last event."""

from __future__ import annotations

import asyncio
import math
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trunkline.v1 import (
    chat_input_pb2,
    error_reason_pb2,
    route_pb2,
    usage_pb2,
)
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError
from trunkline_service.off_loop import off_loop
from trunkline_service.providers.base import ProtocolViolation, StreamDecoder
from trunkline_service.routing.failing import INTERRUPTIONS, STAGED, check_parts, protocol_error, too_large
from trunkline_service.routing.leg import Leg
from trunkline_service.routing.watch import WRITE, Watch
from trunkline_service.telemetry.cost import cost as cost_of
from trunkline_service.upstream.framing import FrameTooLarge, FramingError
from trunkline_service.upstream.http import ConnectionFailed, Exchange
from trunkline_service.upstream.lines import LineDecoder
from trunkline_service.upstream.request import UpstreamRequest

Sink = Callable[[Sequence[ChatEvent]], Awaitable[None]]
"""Takes the events of one network read, in order. What it awaits counts as the caller's time."""

MAX_ERROR_BYTES = 64 * 1024
# The status alone says enough to not wait longer for what else an error has to say.
ERROR_BODY_SECONDS = 5.0
# Where nobody reads along, reads of the network are handled together, as each would take as long as all of them.
GATHER_SECONDS = 0.02
# Of an answer that comes in one piece.
MAX_WHOLE_BYTES = 64 * 2**20


@dataclass(slots=True)
class Attempt:
    """What became of one request.

    `whole` is whether its events are wanted for no more than what they add up to: they may come later and joined, then.
    `report` is what the caller gets to see of it, and `model` the one that answers, in the provider's own word. `began`
    is a time of `time.monotonic()`, and `first_event` how many seconds after it the first event came, if that is not 0.
    """

    leg: Leg
    whole: bool = False
    report: route_pb2.Attempt = field(init=False)
    events_sent: int = 0
    first_event: float = 0.0
    is_over: bool = False
    model: str = ""
    began: float = field(default_factory=time.monotonic)
    _decoder: StreamDecoder | None = None
    _has_begun: bool = False
    # As in the request, which is not kept.
    _untold_costs: bool = False

    def __post_init__(self) -> None:
        target = self.leg.target
        self.report = route_pb2.Attempt(provider=target.provider, model=target.model)

    async def chat(self, chat_input: chat_input_pb2.ChatInput, deadline: float, sink: Sink) -> None:
        """Asks for an answer and gives its events to `sink`, the completion last.

        `deadline` is a time of the running loop's clock.

        Raises:
            GatewayError: there is no answer, or not a whole one. Once a part of it was given to `sink`, the reason is
                STREAM_INTERRUPTED, whatever happened.
        """
        request = await off_loop(self.leg.provider.encode_chat, chat_input, self.leg.target)
        self._decoder = decoder = self.leg.provider.stream_decoder(self.leg.target)
        decoder.joins = self.whole
        self._untold_costs = request.untold_costs
        try:
            with self._watch(deadline) as watch:
                async with self.leg.upstream.send(request, self.leg.connect) as exchange:
                    await self._check_status(exchange)
                    content_type = exchange.headers.get("content-type", "").lower()
                    if content_type.startswith(self.leg.provider.stream_type):
                        await self._stream(exchange, decoder, request, watch, sink)
                    elif content_type.startswith("application/json"):
                        body = await self._whole_body(exchange)
                        if len(body) > self.leg.max_answer_bytes:
                            raise too_large(self.leg.max_answer_bytes)
                        events = await off_loop(self._decode_whole, body)
                        await self._given(events, request, watch, sink, are_last=True)
                    else:
                        found = repr(content_type.split(";")[0][:50]) if content_type else "something of no type"
                        raise protocol_error(f"with {found} instead of a stream")
        except GatewayError as error:
            raise self.failed(error, decoder.usage) from error.__cause__

    @property
    def usage(self) -> usage_pb2.Usage | None:
        """What is known of the usage, if the answer has begun."""
        return self._decoder.usage if self._decoder is not None and self._has_begun else None

    def violation(self, violation: ProtocolViolation) -> GatewayError:
        """The error that says that what came is not the provider's own format."""
        return self.failed(protocol_error(f"in a way its API does not have: {violation}"), None)

    async def fetch(
        self, request: UpstreamRequest, deadline: float, beyond: Callable[[], GatewayError] | None = None
    ) -> bytes:
        """Sends any request and returns the whole body of what answers it.

        A body that is made while it is sent takes its own time. Raises as `chat` does, and what `beyond` makes, or else
        ANSWER_TOO_LARGE, if the body is larger than `MAX_WHOLE_BYTES`.
        """
        try:
            with self._watch(deadline, is_timed=request.chunks is None):
                async with self.leg.upstream.send(request, self.leg.connect) as exchange:
                    await self._check_status(exchange)
                    body = await self._whole_body(exchange, beyond)
                    self.end(route_pb2.ATTEMPT_OUTCOME_ANSWERED)
                    return body
        except GatewayError as error:
            raise self.failed(error, None) from error.__cause__

    async def lines(
        self, request: UpstreamRequest, deadline: float, sink: Callable[[Sequence[bytes]], Awaitable[None]]
    ) -> None:
        """Gives the lines of a body to `sink`, those of one network read at once. Raises as `chat` does."""
        try:
            with self._watch(deadline) as watch:
                async with self.leg.upstream.send(request, self.leg.connect) as exchange:
                    await self._check_status(exchange)
                    framing = LineDecoder(self.leg.max_answer_bytes)
                    while True:
                        chunk = await exchange.read()
                        frames = framing.feed(chunk) if chunk else framing.finish()
                        if frames:
                            if not self._has_begun:
                                self._begin()
                            self.events_sent += len(frames)
                            watch.stage(WRITE, self.leg.slow_consumer)
                            await sink([frame.data for frame in frames])
                        if not chunk:
                            break
                        watch.stage("idle", self.leg.timeouts.idle)
                    self.end(route_pb2.ATTEMPT_OUTCOME_ANSWERED)
        except FramingError as error:
            raise self.failed(too_large(self.leg.max_answer_bytes), None) from error
        except GatewayError as error:
            raise self.failed(error, None) from error.__cause__

    def _watch(self, deadline: float, *, is_timed: bool = True) -> Watch:
        """In the stage of the first event, which has its own limit unless the request itself takes its time."""
        limits = self.leg.timeouts
        ends = math.inf if limits.attempt is None else asyncio.get_running_loop().time() + limits.attempt
        if not is_timed:
            return Watch(deadline, ends)
        return Watch(deadline, ends, stage="first_event", limit=limits.first_event)

    async def _check_status(self, exchange: Exchange) -> None:
        provider = self.leg.provider
        self.report.upstream_status = exchange.status
        self.report.upstream_request_id = provider.request_id(exchange.headers)
        self.report.rate_limits.extend(provider.rate_limits(exchange.headers))
        encoding = exchange.headers.get("content-encoding", "").strip().lower()
        if exchange.status != 200:
            try:
                async with asyncio.timeout(ERROR_BODY_SECONDS):
                    body = await exchange.body(MAX_ERROR_BYTES)
            except (ConnectionFailed, TimeoutError):
                body = b""
            if encoding not in ("", "identity"):
                body = _unpacked(body)
            raise provider.decode_error(exchange.status, exchange.headers, body, self.leg.target)
        if encoding not in ("", "identity"):
            raise protocol_error(f"in {encoding[:20]!r}, though it was asked not to compress")

    async def _stream(
        self, exchange: Exchange, decoder: StreamDecoder, request: UpstreamRequest, watch: Watch, sink: Sink
    ) -> None:
        framing = self.leg.provider.framing(self.leg.max_answer_bytes)
        held: list[ChatEvent] = []
        # What is being gathered has come in time.
        idle = self.leg.timeouts.idle + (GATHER_SECONDS if self.whole else 0.0)
        while True:
            if self.whole and self.events_sent:
                chunk = await exchange.read(GATHER_SECONDS, watch.ends - GATHER_SECONDS)
            else:
                chunk = await exchange.read()
            try:
                frames = framing.feed(chunk) if chunk else framing.finish()
            except FrameTooLarge as error:
                raise too_large(self.leg.max_answer_bytes) from error
            except FramingError as error:
                raise protocol_error(f"in a way its API does not have: {error}") from error
            if frames:
                # What is large has come in many reads, and is the first that this one completes.
                check_parts(frames[0].data)
            events = decoder.decode(frames) if chunk else decoder.finish(frames)
            if events and not self._has_begun:
                self._begin()
            if not self.events_sent:
                # Nothing goes out before the provider has begun to say something, so that a call that fails before that
                # can still go elsewhere.
                held += events
                events = held if any(map(_is_content, events)) else []
            if events:
                await self._given(events, request, watch, sink, are_last=decoder.complete)
                self.events_sent += decoder.joined
            if decoder.failure is not None:
                raise decoder.failure
            if decoder.complete:
                break
            if self._has_begun:
                # From its first event on, any sign of life will do, keep-alives included.
                watch.stage("idle", idle)
        exchange.complete()

    # No coroutine of its own, as this is called for every token: it returns the sink's.
    def _given(
        self, events: list[ChatEvent], request: UpstreamRequest, watch: Watch, sink: Sink, *, are_last: bool
    ) -> Awaitable[None]:
        if not self.events_sent:
            self.model = events[0].start.origin.model
        if are_last:
            completion = events[-1].completion
            if (known := self.cost(completion.usage, completion.origin.model)) is not None:
                completion.cost.CopyFrom(known)
            completion.warnings.extend(request.warnings)
            self.end(route_pb2.ATTEMPT_OUTCOME_ANSWERED)
        if request.tool_names:
            _restore_names(events, request.tool_names)
        self.events_sent += len(events)
        watch.stage(WRITE, self.leg.slow_consumer)
        return sink(events)

    def cost(self, usage: usage_pb2.Usage, changed_to: str) -> usage_pb2.Cost | None:
        """By the prices of the model that answered; of the one that was asked, if the answer has another name for it.

        `changed_to` is a model that the provider went over to by itself: the one that was asked says nothing of it.
        """
        prices = self.leg.prices(changed_to or self.model)
        if prices is None and not changed_to:
            prices = self.leg.prices(self.leg.target.model)
        if prices is None or self._untold_costs:
            return None
        return cost_of(usage, prices)

    def _begin(self) -> None:
        self._has_begun = True
        self.note_first_event(time.monotonic() - self.began)

    def note_first_event(self, seconds: float) -> None:
        """The first event came so long after the attempt began."""
        self.first_event = seconds
        self.report.time_to_first_event.FromNanoseconds(int(seconds * 1e9))

    def _decode_whole(self, body: bytes) -> list[ChatEvent]:
        check_parts(body)
        try:
            return self.leg.provider.decode_message(body, self.leg.target)
        except ProtocolViolation as violation:
            raise protocol_error(f"in a way its API does not have: {violation}") from violation

    async def _whole_body(self, exchange: Exchange, beyond: Callable[[], GatewayError] | None = None) -> bytes:
        body = await exchange.body(MAX_WHOLE_BYTES + 1)
        if len(body) > MAX_WHOLE_BYTES:
            # Cut, it would be taken for what the provider had to say.
            raise beyond() if beyond is not None else too_large(min(MAX_WHOLE_BYTES, self.leg.max_answer_bytes))
        return body

    def end(self, outcome: route_pb2.AttemptOutcome.ValueType) -> None:
        """The attempt is over: its report says how it ended and how long it took."""
        self.is_over = True
        self.report.outcome = outcome
        self.report.duration.FromNanoseconds(int((time.monotonic() - self.began) * 1e9))

    def failed(self, error: GatewayError, usage: usage_pb2.Usage | None) -> GatewayError:
        """The error as the caller gets it, noted in the report."""
        error.metadata.setdefault("provider", self.report.provider)
        error.metadata.setdefault("model", self.report.model)
        if self.report.upstream_status:
            error.metadata.setdefault("upstream_status", str(self.report.upstream_status))
        if self.report.upstream_request_id:
            error.metadata.setdefault("upstream_request_id", self.report.upstream_request_id)
        if error.reason in STAGED:
            error.metadata.setdefault("stage", "idle" if self._has_begun else "first_event")
        if self.events_sent and error.reason in INTERRUPTIONS:
            error = self._interrupted(error, usage)
        self.report.reason = error.reason
        self.end(route_pb2.ATTEMPT_OUTCOME_FAILED)
        return error

    def _interrupted(self, error: GatewayError, usage: usage_pb2.Usage | None) -> GatewayError:
        metadata = {**error.metadata, "cause": error.reason_name, "events_sent": str(self.events_sent)}
        if usage is not None and usage.HasField("input_total"):
            metadata["input_tokens"] = str(usage.input_total)
        if usage is not None and usage.HasField("output_total"):
            metadata["output_tokens"] = str(usage.output_total)
        return GatewayError(
            error_reason_pb2.ERROR_REASON_STREAM_INTERRUPTED,
            f"the answer broke off: {error.message}",
            metadata=metadata,
        )


def _unpacked(body: bytes) -> bytes:
    """What an error says that a proxy has compressed, as some do whatever they are asked. Empty if it cannot be read:
    its status says the most, and holds in any case.
    """
    try:
        return zlib.decompressobj(zlib.MAX_WBITS + 32).decompress(body, MAX_ERROR_BYTES)
    except zlib.error:
        return b""


def _is_content(event: ChatEvent) -> bool:
    """Whether the provider has said something with this event."""
    kind = event.WhichOneof("kind")
    if kind == "block_start":
        block = event.block_start.block
        match block.WhichOneof("kind"):
            case "text":
                return bool(block.text.text or block.text.citations)
            case "thinking":
                return bool(block.thinking.text or block.thinking.signature)
            case _:
                return True
    return kind != "start"


def _restore_names(events: Sequence[ChatEvent], names: Mapping[str, str]) -> None:
    """Gives tools their own names back."""
    for event in events:
        block = event.block_start.block
        if block.HasField("tool_use") and block.tool_use.name in names:
            block.tool_use.name = names[block.tool_use.name]
