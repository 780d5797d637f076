"""`ChatService`: requests in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import grpc

from trunkline.accumulate import Accumulator
from trunkline.v1 import chat_input_pb2, chat_service_pb2, chat_service_pb2_grpc
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import Violation
from trunkline_service.off_loop import off_loop
from trunkline_service.routing import questions
from trunkline_service.routing.attempt import Attempt, Sink
from trunkline_service.routing.coalescing import Coalescer, Key, key_of
from trunkline_service.routing.execution import Execution
from trunkline_service.routing.failing import too_large
from trunkline_service.rpc.batching import Batcher
from trunkline_service.rpc.call import Call, current_call
from trunkline_service.rpc.writing import stream_chat_response
from trunkline_service.rules.inputs import check_request

MAX_EVENT_DELAY = 1.0

# As text: the class takes no parameters at run time.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
AnswerRequest: TypeAlias = chat_service_pb2.ChatRequest | chat_service_pb2.StreamChatRequest


class ChatServicer(chat_service_pb2_grpc.ChatServiceServicer):
    """Finds the provider that answers, and passes on what it says."""

    def __init__(self) -> None:
        self._coalescer = Coalescer()

    async def Chat(self, request: chat_service_pb2.ChatRequest, context: Context) -> chat_service_pb2.ChatResponse:
        """Answers in one piece: what the events of a stream add up to."""
        call = current_call()
        largest = call.router.limits.max_message_bytes
        answer = Accumulator()
        size = 0

        async def add(events: Sequence[ChatEvent]) -> None:
            nonlocal size
            for event in events:
                answer.add(event)
                size = 0 if event.HasField("restart") else size + event.ByteSize()
            # An answer without end must not be collected, as it could not be sent.
            if size > largest:
                raise too_large(largest)

        await self._check(request, call)
        await self._answer(request, call, add, may_restart=True)
        return answer.response

    # A coroutine that writes, not a generator: grpc.aio takes both, and this one costs less for each message.
    async def StreamChat(  # type: ignore[override]
        self, request: chat_service_pb2.StreamChatRequest, context: Context
    ) -> None:
        """Answers as the model writes."""
        call = current_call()

        def write(events: Sequence[ChatEvent]) -> Awaitable[None]:
            return context.write(stream_chat_response(events))

        delay = request.max_event_delay.ToNanoseconds() / 1e9
        await self._check(request, call, _event_delay(delay))
        if delay:
            async with Batcher(write, delay) as batcher:
                await self._answer(request, call, batcher.add, may_restart=request.allow_restart)
        else:
            await self._answer(request, call, write, may_restart=request.allow_restart)

    async def CountTokens(
        self, request: chat_service_pb2.CountTokensRequest, context: Context
    ) -> chat_service_pb2.CountTokensResponse:
        """Counts the tokens of the input."""
        call = current_call()
        await self._check(request, call)
        plan = call.router.plan(request.input.model, request.routing)
        execution = Execution(
            call.router, plan, request.input, request.routing, call.deadline(), questions.count, is_telling=False
        )
        call.execution = execution
        response = await execution.run()
        if response.method == chat_service_pb2.COUNT_METHOD_PROVIDER:
            response.route_report.CopyFrom(execution.report)
        return response

    async def _check(
        self, request: AnswerRequest | chat_service_pb2.CountTokensRequest, call: Call, own: Iterable[Violation] = ()
    ) -> None:
        found = chain(own, call.router.violations(request.routing))
        await off_loop(check_request, request.input, request.routing, call.router.knows, found)

    def _answer(self, request: AnswerRequest, call: Call, sink: Sink, *, may_restart: bool) -> Awaitable[None]:
        chat_input, routing = request.input, request.routing
        router = call.router
        plan = router.plan(chat_input.model, routing)
        stream = isinstance(request, chat_service_pb2.StreamChatRequest)

        def begin(deadline: float, sink: Sink) -> Execution[None]:
            return Execution(
                router, plan, chat_input, routing, deadline, self._ask, sink,
                stream=stream, whole=not stream and not routing.coalescing_key, may_restart=may_restart,
            )  # fmt: skip

        if not routing.coalescing_key:
            call.execution = begin(call.deadline(), sink)
            return call.execution.run()
        is_told_apart = stream and "stream" in plan.looks_at
        make_key = partial(key_of, routing=routing, router=router, may_restart=may_restart, stream=is_told_apart)
        return self._share(chat_input, call, sink, make_key, begin)

    async def _share(
        self,
        chat_input: chat_input_pb2.ChatInput,
        call: Call,
        sink: Sink,
        make_key: Callable[[chat_input_pb2.ChatInput], Key],
        begin: Callable[[float, Sink], Execution[None]],
    ) -> None:
        deadline = call.deadline()
        key = await off_loop(make_key, chat_input)
        # It may outlast the call that began it, as long as another one waits for it.
        limits = call.router.limits
        longest = asyncio.get_running_loop().time() + limits.max_deadline
        shared = self._coalescer.join(key, partial(begin, longest))
        call.execution = shared.execution
        await shared.follow(sink, deadline, limits.slow_consumer)

    # No coroutine where it need not be one: each that waits for another costs something for every token.
    def _ask(
        self, attempt: Attempt, chat_input: chat_input_pb2.ChatInput, deadline: float, sink: Sink
    ) -> Awaitable[None]:
        if attempt.leg.provider.needs_maximum(chat_input, attempt.leg.target):
            return self._ask_with_maximum(attempt, chat_input, deadline, sink)
        return attempt.chat(chat_input, deadline, sink)

    async def _ask_with_maximum(
        self, attempt: Attempt, chat_input: chat_input_pb2.ChatInput, deadline: float, sink: Sink
    ) -> None:
        attempt.leg = await current_call().router.with_maximum(attempt.leg, deadline)
        await attempt.chat(chat_input, deadline, sink)


def _event_delay(seconds: float) -> Iterator[Violation]:
    if not 0 <= seconds <= MAX_EVENT_DELAY:
        yield Violation("max_event_delay", f"is not between 0 and {MAX_EVENT_DELAY:g} s")
