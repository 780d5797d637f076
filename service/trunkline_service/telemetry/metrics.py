"""Metrics in Prometheus' format, over HTTP: what `AdminService.GetStatus` says, for machines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from trunkline.admin.v1.admin_service_pb2 import BREAKER_STATE_OPEN, GetStatusResponse
from trunkline_service.config import split_address
from trunkline_service.errors import StartupError

_TARGET = ("provider", "model")


class StatusCollector(Collector):
    """Turns a status into metrics, each time that they are asked for."""

    def __init__(self, status: Callable[[], GetStatusResponse]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        found = self._status()
        yield _gauge("configuration_generation", "Counts the configurations since the start.", found.generation)
        yield _gauge(
            "configuration_loaded_timestamp_seconds", "When this one was loaded.", found.loaded_time.ToSeconds()
        )
        yield _gauge("configuration_reload_failed", "Whether the last reload failed.", bool(found.last_reload_error))
        yield _gauge("calls_in_flight", "The calls that are being served.", found.calls_in_flight)
        calls = CounterMetricFamily("trunkline_route_calls", "Calls by a route.", labels=("route", "outcome"))
        for route in found.routes:
            calls.add_metric((route.name, "answered"), route.answered)
            calls.add_metric((route.name, "failed"), route.failed)
        yield calls
        yield from _targets(found)


def _targets(found: GetStatusResponse) -> Iterator[Metric]:
    attempts = CounterMetricFamily("trunkline_target_attempts", "Attempts at a target.", labels=(*_TARGET, "outcome"))
    in_flight = GaugeMetricFamily("trunkline_target_in_flight", "Attempts in flight.", labels=_TARGET)
    ejected = GaugeMetricFamily("trunkline_target_ejected", "Whether a target is left alone.", labels=_TARGET)
    first = GaugeMetricFamily(
        "trunkline_target_first_event_seconds", "Time to the first event, of late.", labels=(*_TARGET, "quantile")
    )
    for target in found.targets:
        labels = (target.provider, target.model)
        attempts.add_metric((*labels, "answered"), target.answered)
        attempts.add_metric((*labels, "failed"), target.failed)
        in_flight.add_metric(labels, target.in_flight)
        ejected.add_metric(labels, target.breaker == BREAKER_STATE_OPEN)
        for quantile, duration in (("0.5", target.first_event_p50), ("0.95", target.first_event_p95)):
            if seconds := duration.ToNanoseconds() / 1e9:
                first.add_metric((*labels, quantile), seconds)
    yield from (attempts, in_flight, ejected, first)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"trunkline_{name}", documentation, value=value)


@asynccontextmanager
async def served(listen: str, status: Callable[[], GetStatusResponse]) -> AsyncIterator[str]:
    """Serves /metrics meanwhile; gives the address. Raises `StartupError`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status))

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        host, port = split_address(listen)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise StartupError(f"cannot listen at {listen} for metrics: {error.strerror or error}") from error
        yield f"{listen.rpartition(':')[0]}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
