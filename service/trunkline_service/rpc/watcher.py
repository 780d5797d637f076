"""What a gateway does at the moment, for those who run it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from google.protobuf.duration_pb2 import Duration

from trunkline.admin.v1 import admin_service_pb2
from trunkline.admin.v1.admin_service_pb2 import GetStatusResponse, RouteStatus, RouteTarget, TargetStatus
from trunkline.v1 import error_reason_pb2
from trunkline_service.reloading import Reloading
from trunkline_service.routing.generations import Generations
from trunkline_service.routing.health import Health, State
from trunkline_service.routing.router import Router, Tally

_STATES = {
    State.CLOSED: admin_service_pb2.BREAKER_STATE_CLOSED,
    State.OPEN: admin_service_pb2.BREAKER_STATE_OPEN,
    State.HALF_OPEN: admin_service_pb2.BREAKER_STATE_HALF_OPEN,
}


class Watcher:
    """Looks at the configuration in force, the calls, and the targets."""

    def __init__(self, generations: Generations, reloading: Reloading, calls_in_flight: Callable[[], int]) -> None:
        self._generations = generations
        self._reloading = reloading
        self._calls_in_flight = calls_in_flight

    @property
    def generation(self) -> int:
        """The number of the configuration in force."""
        return self._generations.number

    def status(self) -> GetStatusResponse:
        """All of it."""
        router = self._generations.current
        response = GetStatusResponse(
            generation=self._generations.number,
            last_reload_error=self._reloading.last_error,
            calls_in_flight=self._calls_in_flight(),
            routes=_routes(router),
            targets=_targets(router, asyncio.get_running_loop().time()),
        )
        response.loaded_time.FromDatetime(self._generations.loaded)
        return response


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
