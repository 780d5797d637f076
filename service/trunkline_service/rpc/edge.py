"""What is around every call: its id and log line, the refusal of calls that are too many, and the way out for errors.

One wrapper for each method, made when the servicer is added: what it costs a call is a function call, not a chain of
interceptors. Health and reflection are left alone, so that probes are answered however busy the service is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import Message

from trunkline.v1 import error_reason_pb2
from trunkline_service.errors import GatewayError, forget_frames
from trunkline_service.routing.generations import Generations
from trunkline_service.rpc.call import REQUEST_ID, Call, begin
from trunkline_service.rpc.reading import Refused, strictly
from trunkline_service.rpc.status import to_status
from trunkline_service.rpc.writing import written
from trunkline_service.telemetry import log

# As text: the classes take no parameters at run time.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]

GONE_SECONDS = 1.0


class Edge:
    """What generated code takes for the server when it adds a servicer.

    `idle` is set while no call is in flight; one is until the last of its answer has been sent.
    """

    def __init__(self, server: grpc.aio.Server, generations: Generations, max_request_bytes: int) -> None:
        self._server = server
        self._generations = generations
        self._max_request_bytes = max_request_bytes
        self._in_flight: set[Call] = set()
        self.draining = False
        self.idle = asyncio.Event()
        self.idle.set()

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Adds a service's methods to the server, each with what is around it."""
        wrapped = {name: self._wrap(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, wrapped),))

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Nothing: generated code offers the same methods both ways."""

    def _wrap(self, method: str, handler: Handler) -> Handler:
        assert handler.request_deserializer is not None  # noqa: S101 - generated code always gives one
        deserialize = strictly(handler.request_deserializer, self._max_request_bytes)
        if handler.request_streaming:
            behaviour = self._around(method, cast(Behaviour, handler.stream_unary))
            return grpc.stream_unary_rpc_method_handler(behaviour, deserialize, written)
        if handler.response_streaming:
            behaviour = self._around(method, cast(Behaviour, handler.unary_stream))
            return grpc.unary_stream_rpc_method_handler(behaviour, deserialize, written)
        behaviour = self._around(method, cast(Behaviour, handler.unary_unary))
        return grpc.unary_unary_rpc_method_handler(behaviour, deserialize, written)

    def _around(self, method: str, behaviour: Behaviour) -> Behaviour:
        async def handle(request: Message | Refused, context: Context) -> object:
            call = begin(method, context, self._generations.current)
            try:
                self._admit(call, request)
                try:
                    with call.router:
                        response = await behaviour(request, context)
                except grpc.aio.InternalError:
                    # Nothing could be sent any more: the caller has gone, and the cancellation that says so is on its
                    # way.
                    await asyncio.sleep(GONE_SECONDS)
                    raise
                context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
                _log(call, "OK")
                return response
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    remaining = context.time_remaining()
                    late = remaining is not None and remaining <= 0
                    _log(call, "DEADLINE_EXCEEDED" if late else "CANCELLED")
                    raise
                # Nobody cancelled this call: a stray cancellation would leave the caller waiting (grpc#29248).
                error = _bug(call, "a stray cancellation ended a call")
            except GatewayError as failure:
                error = failure
            except Exception:
                error = _bug(call, "a call failed by a bug")
            if error.reason == error_reason_pb2.ERROR_REASON_SLOW_CONSUMER:
                # What it has not read holds up the status, too, and must not hold up anybody else.
                self._leave(call)
            forget_frames(error)
            await _abort(call, context, error)
            return None

        return handle

    def _admit(self, call: Call, request: Message | Refused) -> None:
        if self.draining:
            raise GatewayError(error_reason_pb2.ERROR_REASON_GATEWAY_SHUTTING_DOWN, "the gateway is about to stop")
        most = call.router.limits.max_concurrent_calls
        if len(self._in_flight) >= most:
            raise GatewayError(
                error_reason_pb2.ERROR_REASON_GATEWAY_OVERLOADED,
                f"the gateway has its {most} calls in flight",
            )
        self._in_flight.add(call)
        self.idle.clear()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - gRPC runs each call in one
        task.add_done_callback(lambda _: self._leave(call))
        if isinstance(request, Refused):
            raise request.error

    @property
    def in_flight(self) -> int:
        """The calls in flight."""
        return len(self._in_flight)

    def _leave(self, call: Call) -> None:
        self._in_flight.discard(call)
        if not self._in_flight:
            self.idle.set()


def _bug(call: Call, what: str) -> GatewayError:
    log.service.error(what, exc_info=True, extra={"facts": {"request_id": call.request_id}})
    return GatewayError(
        error_reason_pb2.ERROR_REASON_INTERNAL, "the gateway failed; its log has more under the call's id"
    )


async def _abort(call: Call, context: Context, error: GatewayError) -> None:
    status = to_status(error, call.request_id)
    _log(call, status.code.name, error.reason_name, error.message if error.reason in _TOLD else "")
    try:
        await context.abort(status.code, status.details, status.trailing_metadata)
    except grpc.aio.AbortError as ended:
        # gRPC keeps it, and raises it again by itself.
        forget_frames(ended)
    except grpc.aio.InternalError:
        # It cannot be sent if the caller went away meanwhile, and need not be.
        pass


# Whose messages say what an operator needs to know, and nothing of the call's content.
_TOLD = (
    error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE,
    error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR,
    error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
)


def _log(call: Call, code: str, reason: str = "", detail: str = "") -> None:
    facts = call.facts(code, reason)
    if detail:
        facts["detail"] = detail
    log.calls.add(facts)
