"""`AdminService`: what a gateway does at the moment, on an address of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from trunkline.admin.v1 import admin_service_pb2, admin_service_pb2_grpc
from trunkline_service.config import ConfigError
from trunkline_service.errors import StartupError
from trunkline_service.reloading import NothingToReload, Reloading
from trunkline_service.rpc.watcher import Watcher

# As text: the class takes no parameters at run time.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_SERVICE = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name
# More mistakes are not told one by one.
MAX_PROBLEMS = 50


class AdminServer:
    """Serves the gateway's operators."""

    def __init__(self, watcher: Watcher, reloading: Reloading) -> None:
        self._servicer = AdminServicer(watcher, reloading)

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

    def __init__(self, watcher: Watcher, reloading: Reloading) -> None:
        self._watcher = watcher
        self._reloading = reloading

    async def GetStatus(
        self, request: admin_service_pb2.GetStatusRequest, context: Context
    ) -> admin_service_pb2.GetStatusResponse:
        """Says what the gateway does."""
        return self._watcher.status()

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
        return admin_service_pb2.ReloadResponse(generation=self._watcher.generation, needs_restart=needs_restart)


async def _refuse(context: Context, error: ConfigError) -> None:
    mistakes = error_details_pb2.BadRequest()
    for problem in error.problems[:MAX_PROBLEMS]:
        line = f"line {problem.line}: " if problem.line else ""
        mistakes.field_violations.add(field=problem.path or error.source, description=line + problem.message)
    number = len(error.problems)
    message = f"the configuration has {number} mistakes" if number > 1 else "the configuration has a mistake"
    status = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=message)
    status.details.add().Pack(mistakes)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, message, trailers)
