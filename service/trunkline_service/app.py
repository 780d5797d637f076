"""The composition root: settings in, running service out. The one place that wires things."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

import uvloop

from trunkline_service.config import KINDS, SIMULATOR, Limits, ProviderSettings, Secret, Settings
from trunkline_service.errors import StartupError
from trunkline_service.providers.registry import codec
from trunkline_service.reloading import Reloading
from trunkline_service.routing.endpoint import Endpoint
from trunkline_service.routing.generations import Generations
from trunkline_service.rpc.admin import AdminServer
from trunkline_service.rpc.server import Server
from trunkline_service.rpc.watcher import Watcher
from trunkline_service.simulator import Simulator
from trunkline_service.telemetry import log, metrics
from trunkline_service.upstream.credentials import Credentials
from trunkline_service.upstream.http import HttpUpstream

# So long a provider may take to tell its models.
PROBE_SECONDS = 10.0


class Gateway:
    """A running service: `async with Gateway(settings) as gateway`, in a loop that has no other one.

    `address` is where it listens, `admin_address` and `metrics_address` where those who run it look into it (empty if
    nowhere); `simulator` is the built-in one, if the settings ask for it.
    """

    address: str
    admin_address: str = ""
    metrics_address: str = ""

    def __init__(self, settings: Settings, reread: Callable[[], Settings] | None = None) -> None:
        """`reread` is for reloads: see `serve`."""
        self._settings = settings
        self._reread = reread
        self._resources = AsyncExitStack()
        self.simulator: Simulator | None = None

    async def __aenter__(self) -> Gateway:
        """Starts everything. Raises `StartupError`."""
        async with AsyncExitStack() as resources:
            settings = self._settings
            if settings.simulator:
                self.simulator = await resources.enter_async_context(Simulator())
            self._generations = await Generations.begin(self._complete(settings), make_endpoint)
            resources.push_async_callback(self._generations.close)
            self.reloading = Reloading(self._generations, settings, self._reread, self._complete)
            self._server = Server(settings, self._generations)
            self.address = await self._server.start()
            watcher = Watcher(self._generations, self.reloading, lambda: self._server.calls_in_flight)
            if settings.admin_listen:
                admin = AdminServer(watcher, self.reloading)
                self.admin_address = await resources.enter_async_context(admin.at(settings.admin_listen))
            if settings.metrics_listen:
                shown = metrics.served(settings.metrics_listen, watcher.status)
                self.metrics_address = await resources.enter_async_context(shown)
            self._resources = resources.pop_all()
        return self

    @property
    def limits(self) -> Limits:
        """Those in force."""
        return self._generations.current.limits

    def _complete(self, settings: Settings) -> Settings:
        return _with_simulator(settings, self.simulator.url) if self.simulator is not None else settings

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the calls in flight and stops."""
        await self.drain(delay=0, grace=0)

    async def drain(self, *, delay: float, grace: float) -> None:
        """Stops without losing a call that ends within `delay + grace` seconds. May be called again: that is quick."""
        await self._server.stop(delay=delay, grace=grace)
        await self._resources.aclose()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs `main` in a loop of uvloop's, which takes a tenth less CPU for a call than the standard one."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def serve(
    settings: Settings, on_ready: Callable[[str], None], reread: Callable[[], Settings] | None = None
) -> None:
    """Serves until SIGTERM or SIGINT, then drains; a second signal ends the calls in flight. SIGHUP reloads.

    `on_ready` is called once, with the address. `reread` gives the settings as they are written now, and raises
    `ConfigError`; None if they were written nowhere. Raises `StartupError`.
    """
    log.configure()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    hurry = asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    async with Gateway(settings, reread) as gateway:
        loop.add_signal_handler(signal.SIGHUP, gateway.reloading.begin)
        # What stays from here on, the collector need not look through again.
        gc.collect()
        gc.freeze()
        log.service.info("serving", extra={"facts": {"address": gateway.address, "admin": gateway.admin_address}})
        on_ready(gateway.address)
        await stop.wait()
        log.service.info("draining")
        limits = gateway.limits
        draining = asyncio.create_task(gateway.drain(delay=limits.drain_delay, grace=limits.drain_grace))
        hurrying = asyncio.create_task(hurry.wait())
        await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, hurrying):
            task.cancel()
        await asyncio.gather(draining, hurrying, return_exceptions=True)
    log.service.info("stopped")


def make_endpoint(settings: ProviderSettings) -> Endpoint:
    """A provider, ready to be asked. Raises `StartupError`."""
    upstream = HttpUpstream(settings, _credentials(settings))
    return Endpoint(settings=settings, provider=codec(settings), upstream=upstream)


def _credentials(settings: ProviderSettings) -> Credentials | None:
    """What lets requests in where there is no key. Imported where it is needed: the libraries are large, and optional.

    Raises:
        StartupError: the library is not installed.
    """
    extra = KINDS[settings.type].extra
    if settings.api_key is not None or not extra:
        return None
    try:
        if extra == "aws":
            from trunkline_service.upstream.aws import AwsCredentials

            return AwsCredentials(settings)
        from trunkline_service.upstream.google import GoogleCredentials

        return GoogleCredentials(settings)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("trunkline"):
            raise
        msg = f"the provider {settings.name!r} needs an api_key, or: pip install 'trunkline[service,{extra}]'"
        raise StartupError(msg) from error


def _with_simulator(settings: Settings, url: str) -> Settings:
    simulator = ProviderSettings(
        name=SIMULATOR,
        type="anthropic",
        base_url=url,
        # Any key will do, and none is kept anywhere.
        api_key=Secret(env="KEY", environ={"KEY": "simulator"}),
    )
    return dataclasses.replace(settings, providers={**settings.providers, SIMULATOR: simulator})
