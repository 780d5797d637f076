"""`serve`, `check` and `simulate`: the service's side."""

import asyncio
import os
import signal
from argparse import Namespace

from trunkline_service import config
from trunkline_service.cli.terminal import Failure, UsageError, say, write


def serve(options: Namespace) -> int:
    """Run the gateway until it is told to stop."""
    own = {name: value for name in ("listen", "insecure") if (value := getattr(options, name)) is not None}
    file = options.config

    def read() -> config.Settings:
        settings = config.load(file, **own) if file else config.from_environment(os.environ, **own)
        return config.with_admin(settings)

    try:
        settings = read()
    except config.ConfigError as error:
        raise UsageError(f"the settings have mistakes\n{error}") from None
    # Not before: mistakes in the settings need not wait for it.
    from trunkline_service import app
    from trunkline_service.errors import StartupError

    def ready(address: str) -> None:
        write(f"Trunkline listens on {address}; {_summary(settings)}\n")

    try:
        app.run(app.serve(settings, ready, read if file else None))
    except StartupError as error:
        raise Failure(str(error)) from None
    return 0


def check(options: Namespace) -> int:
    """Report every mistake in a file, or what it says."""
    try:
        settings = config.load(options.file)
    except config.ConfigError as error:
        raise UsageError(f"the settings have mistakes\n{error}") from None
    protection = "with TLS" if settings.tls else "without TLS"
    write(f"{options.file} is fine: it listens on {settings.listen} {protection}; {_summary(settings)}\n")
    return _probe(settings) if options.live else 0


def _probe(settings: config.Settings) -> int:
    """Say of each provider whether it answers, and return the exit code."""
    from trunkline_service.errors import GatewayError, StartupError
    from trunkline_service.probe import probe

    try:
        with asyncio.Runner() as runner:
            found = runner.run(probe(settings))
    except StartupError as error:
        raise Failure(str(error)) from None
    for name, outcome in found.items():
        match outcome:
            case GatewayError():
                write(f"{name}: {outcome.reason_name.removeprefix('ERROR_REASON_')}: {outcome.message}\n")
            case None:
                write(f"{name}: has credentials; its API has no list of models\n")
            case count:
                write(f"{name}: has {count} models\n")
    return int(any(isinstance(outcome, GatewayError) for outcome in found.values()))


def _summary(settings: config.Settings) -> str:
    kinds: dict[str, list[str]] = {
        "providers": [*settings.providers, *([config.SIMULATOR] if settings.simulator else [])],
        "aliases": list(settings.models),
        "routes": list(settings.routes),
    }
    parts = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    without = [name for name, each in settings.providers.items() if config.brings_no_key(each)]
    return "; ".join(parts + ([f"{', '.join(without)}: callers bring their own keys"] if without else []))


def simulate(options: Namespace) -> int:
    """Run the simulator until it is told to stop."""
    try:
        asyncio.run(_simulate(options.port))
    except OSError as error:
        raise Failure(f"cannot listen on port {options.port}: {error.strerror or error}") from None
    return 0


async def _simulate(port: int) -> None:
    from trunkline_service.simulator import Simulator

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Simulator(port=port) as simulator:
        write(f"The simulator listens on {simulator.url}\n")
        say(f"In a configuration: providers: {{simulator: {{type: anthropic, base_url: '{simulator.url}'}}}}", dim=True)
        await stop.wait()
