"""`AdminService`: what a gateway does at the moment, on an address of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from trunkline.admin.v1 import admin_service_pb2, admin_service_pb2_grpc
from trunkline.admin.v1.admin_service_pb2 import RouteStatus, RouteTarget, TargetStatus
from trunkline.v1 import error_reason_pb2
from trunkline_service.config import ConfigError
from trunkline_service.errors import StartupError
from trunkline_service.reloading import NothingToReload, Reloading
from trunkline_service.routing.generations import Generations
from trunkline_service.routing.health import Health, State
from trunkline_service.routing.router import Router, Tally

# As text: the class takes no parameters at run time.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_STATES = {
    State.CLOSED: admin_service_pb2.BREAKER_STATE_CLOSED,
    State.OPEN: admin_service_pb2.BREAKER_STATE_OPEN,
    State.HALF_OPEN: admin_service_pb2.BREAKER_STATE_HALF_OPEN,
}
_SERVICE = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name
# More mistakes are not told one by one.
MAX_PROBLEMS = 50


class AdminServer:
    """Serves the gateway's operators."""

    def __init__(self, generations: Generations, reloading: Reloading, calls_in_flight: Callable[[], int]) -> None:
        self._servicer = AdminServicer(generations, reloading, calls_in_flight)

    @asynccontextmanager
    async def at(self, listen: str) -> AsyncIterator[str]:
        """Listens meanwhile; gives the address. Raises `StartupError`."""
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(self._servicer, server)
        healthy = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
        reflection.enable_server_reflection((_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        try:
            port = server.add_insecure_port(listen)
        except RuntimeError as error:
            msg = f"cannot listen at {listen} for operators: it is taken; set admin_listen to another one, or off"
            raise StartupError(msg) from error
        await server.start()
        await healthy.set("", health_pb2.HealthCheckResponse.SERVING)
        try:
            yield listen if listen.startswith("unix:") else f"{listen.rpartition(':')[0]}:{port}"
        finally:
            await server.stop(0)


class AdminServicer(admin_service_pb2_grpc.AdminServiceServicer):
    """Looks into the gateway and reloads it."""

    def __init__(self, generations: Generations, reloading: Reloading, calls_in_flight: Callable[[], int]) -> None:
        self._generations = generations
        self._reloading = reloading
        self._calls_in_flight = calls_in_flight

    async def GetStatus(
        self, request: admin_service_pb2.GetStatusRequest, context: Context
    ) -> admin_service_pb2.GetStatusResponse:
        """Says what the gateway does."""
        router = self._generations.current
        response = admin_service_pb2.GetStatusResponse(
            generation=self._generations.number,
            last_reload_error=self._reloading.last_error,
            calls_in_flight=self._calls_in_flight(),
            routes=_routes(router),
            targets=_targets(router, asyncio.get_running_loop().time()),
        )
        response.loaded_time.FromDatetime(self._generations.loaded)
        return response

    async def Reload(
        self, request: admin_service_pb2.ReloadRequest, context: Context
    ) -> admin_service_pb2.ReloadResponse:
        """Reads the configuration again."""
        try:
            needs_restart = await self._reloading.reload()
        except ConfigError as error:
            await _refuse(context, error)
        except (NothingToReload, StartupError) as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return admin_service_pb2.ReloadResponse(generation=self._generations.number, needs_restart=needs_restart)


async def _refuse(context: Context, error: ConfigError) -> None:
    mistakes = error_details_pb2.BadRequest()
    for problem in error.problems[:MAX_PROBLEMS]:
        line = f"line {problem.line}: " if problem.line else ""
        mistakes.field_violations.add(field=problem.path, description=line + problem.message)
    message = f"the configuration has {len(error.problems)} mistakes"
    status = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=message)
    status.details.add().Pack(mistakes)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, message, trailers)


def _routes(router: Router) -> Iterator[RouteStatus]:
    for name, plan in sorted(router.plans.items()):
        tally = router.tallies.get(name, Tally())
        targets = [
            RouteTarget(path=target.path, provider=target.provider, model=target.model)
            for target in plan.node.targets()
        ]
        yield RouteStatus(name=name, answered=tally.answered, failed=tally.failed, targets=targets)


def _targets(router: Router, now: float) -> Iterator[TargetStatus]:
    known = {(name, model): health for name, each in router.endpoints.items() for model, health in each.health.items()}
    routed = {
        (target.provider, target.model)
        for plan in router.plans.values()
        for target in plan.node.targets()
        if target.model
    }
    for provider, model in sorted(known.keys() | routed):
        yield _target(provider, model, known.get((provider, model)) or Health(now), now)


def _target(provider: str, model: str, health: Health, now: float) -> TargetStatus:
    status = TargetStatus(
        provider=provider,
        model=model,
        breaker=_STATES[health.state(now)],
        consecutive_failures=health.consecutive_failures,
        in_flight=health.in_flight,
        answered=health.answered,
        failed=health.failed,
    )
    if left := health.ejected_for(now):
        status.ejected_for.CopyFrom(_duration(left))
    for field, share in (("first_event_p50", 0.5), ("first_event_p95", 0.95)):
        if (seconds := health.percentile(share, least=1)) is not None:
            getattr(status, field).CopyFrom(_duration(seconds))
    if health.last_error:
        status.last_error = error_reason_pb2.ErrorReason.Name(health.last_error)
        status.last_error_time.FromNanoseconds(int(health.last_error_time * 1e9))
    return status


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration
