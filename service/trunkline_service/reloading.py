"""A new configuration without a restart: read, checked, built, swapped. What goes wrong changes nothing."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

from trunkline_service.config import ConfigError, Settings
from trunkline_service.errors import StartupError
from trunkline_service.routing.generations import Generations
from trunkline_service.telemetry import log

# What the server was started with stays as it is.
_AT_START = ("listen", "insecure", "tls", "reflection", "simulator", "admin_listen", "metrics_listen")


class NothingToReload(Exception):
    """The gateway was started without a file."""


class Reloading:
    """Reloads, one at a time."""

    def __init__(
        self,
        generations: Generations,
        settings: Settings,
        reread: Callable[[], Settings] | None,
        complete: Callable[[Settings], Settings],
    ) -> None:
        """`complete` adds to settings that were read what the gateway itself adds to them."""
        self._generations = generations
        self._settings = settings
        self._reread = reread
        self._complete = complete
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_error = ""

    def begin(self) -> None:
        """Reloads in the background; the log says what came of it."""
        task = asyncio.create_task(self._quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reload(self) -> list[str]:
        """Puts the settings in force as they are written now; returns the paths of those that take a restart.

        Raises:
            NothingToReload: they are written nowhere.
            ConfigError: they have mistakes.
            StartupError: a provider cannot be made of them.
        """
        async with self._lock:
            try:
                if self._reread is None:
                    raise NothingToReload("the gateway was started without a configuration file")
                settings = await asyncio.to_thread(self._reread)
                kept, needs_restart = _in_force(settings, self._settings)
                await self._generations.replace(self._complete(kept))
            except (NothingToReload, ConfigError, StartupError) as error:
                self.last_error = str(error)
                log.service.error("reload failed", extra={"facts": {"error": self.last_error}})
                raise
            self.last_error = ""
            facts = {"generation": self._generations.number, "needs_restart": needs_restart}
            log.service.info("reloaded", extra={"facts": facts})
            return needs_restart

    async def _quietly(self) -> None:
        try:
            await self.reload()
        except (NothingToReload, ConfigError, StartupError):
            # It has been said.
            return


def _in_force(read: Settings, started: Settings) -> tuple[Settings, list[str]]:
    """The settings as they can be in force without a restart, and the paths of what would take one."""
    changed = [name for name in _AT_START if getattr(read, name) != getattr(started, name)]
    size = started.limits.max_message_bytes
    needs_restart = changed + (["limits.max_message_bytes"] if read.limits.max_message_bytes != size else [])
    limits = dataclasses.replace(read.limits, max_message_bytes=size)
    kept = {name: getattr(started, name) for name in changed}
    return dataclasses.replace(read, limits=limits, **kept), needs_restart
