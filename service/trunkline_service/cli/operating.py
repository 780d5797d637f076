"""`status` and `reload`: for those who run a gateway on this machine."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.rpc import error_details_pb2, status_pb2

from trunkline.admin.v1 import admin_service_pb2, admin_service_pb2_grpc
from trunkline.admin.v1.admin_service_pb2 import BreakerState, GetStatusResponse, TargetStatus
from trunkline_service.cli.terminal import Failure, UsageError, say, write

_DEFAULT_ADDRESS = "127.0.0.1:51051"
_SECONDS = 10.0
_BREAKERS = {
    admin_service_pb2.BREAKER_STATE_CLOSED: "closed",
    admin_service_pb2.BREAKER_STATE_OPEN: "open",
    admin_service_pb2.BREAKER_STATE_HALF_OPEN: "half-open",
}


def status(options: Namespace) -> int:
    """Print what the gateway does, in tables, or with --json all that is known."""
    with _stub(options) as stub:
        found = stub.GetStatus(admin_service_pb2.GetStatusRequest(), timeout=_SECONDS)
    if options.json:
        write(MessageToJson(found, preserving_proto_field_name=True) + "\n")
        return 0
    loaded = found.loaded_time.ToDatetime().isoformat(" ", "seconds")
    write(f"configuration {found.generation}, loaded {loaded} UTC; {found.calls_in_flight} calls in flight\n")
    if found.last_reload_error:
        write(f"the last reload changed nothing: {found.last_reload_error}\n")
    if found.routes:
        write("\n" + _table(_routes(found)))
    if found.targets:
        write("\n" + _table(_targets(found)))
    return 0


def reload(options: Namespace) -> int:
    """Let the gateway read its configuration again."""
    with _stub(options) as stub:
        done = stub.Reload(admin_service_pb2.ReloadRequest(), timeout=_SECONDS)
    write(f"configuration {done.generation} is in force\n")
    for path in done.needs_restart:
        say(f"trunkline: {path} has changed, which takes a restart")
    return 0


def _routes(found: GetStatusResponse) -> Iterator[Sequence[str]]:
    yield "ROUTE", "ANSWERED", "FAILED", "TARGETS"
    for route in found.routes:
        targets = ", ".join(f"{each.provider}/{each.model or '*'}" for each in route.targets)
        yield route.name, str(route.answered), str(route.failed), targets


def _targets(found: GetStatusResponse) -> Iterator[Sequence[str]]:
    yield "TARGET", "BREAKER", "IN FLIGHT", "ANSWERED", "FAILED", "P50", "P95", "LAST ERROR"
    for target in found.targets:
        yield (
            f"{target.provider}/{target.model}",
            _breaker(target),
            str(target.in_flight),
            str(target.answered),
            str(target.failed),
            _milliseconds(target.first_event_p50) if target.HasField("first_event_p50") else "-",
            _milliseconds(target.first_event_p95) if target.HasField("first_event_p95") else "-",
            _last_error(target),
        )


def _breaker(target: TargetStatus) -> str:
    state = _BREAKERS.get(target.breaker, BreakerState.Name(target.breaker))
    return f"{state} for {target.ejected_for.ToNanoseconds() / 1e9:.1f} s" if state == "open" else state


def _milliseconds(duration: Duration) -> str:
    return f"{duration.ToNanoseconds() / 1e6:.0f} ms"


def _last_error(target: TargetStatus) -> str:
    if not target.last_error:
        return "-"
    ago = max(0.0, time.time() - target.last_error_time.ToNanoseconds() / 1e9)
    return f"{target.last_error.removeprefix('ERROR_REASON_')}, {ago:.0f} s ago"


def _table(rows: Iterator[Sequence[str]]) -> str:
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


@contextmanager
def _stub(options: Namespace) -> Iterator[admin_service_pb2_grpc.AdminServiceStub]:
    address = options.admin or os.environ.get("TRUNKLINE_ADMIN_ADDRESS") or _DEFAULT_ADDRESS
    with grpc.insecure_channel(address) as channel:
        try:
            yield admin_service_pb2_grpc.AdminServiceStub(channel)
        except grpc.RpcError as error:
            raise _failure(error, address) from None


def _failure(error: grpc.RpcError, address: str) -> Exception:
    code, message = error.code(), error.details() or "the gateway refused"
    if code == grpc.StatusCode.UNAVAILABLE:
        return Failure(f"no gateway can be looked into at {address}: see admin_listen in its configuration")
    if code != grpc.StatusCode.INVALID_ARGUMENT:
        return Failure(f"{message}")
    return UsageError("\n".join([message, *_mistakes(error)]))


def _mistakes(error: grpc.RpcError) -> Iterator[str]:
    trailers: Any = error.trailing_metadata() or ()
    packed = [value for key, value in trailers if key == "grpc-status-details-bin"]
    details = status_pb2.Status.FromString(bytes(packed[0]) if packed else b"")
    for each in details.details:
        bad = error_details_pb2.BadRequest()
        if each.Unpack(bad):
            for violation in bad.field_violations:
                yield f"{violation.field}: {violation.description}"
