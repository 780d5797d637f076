"""Routes in a line, and what a call through one brings."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

from support import calls
from trunkline.accumulate import Accumulator
from trunkline.v1 import chat_service_pb2, route_pb2


def target(model: str, provider: str = "simulator", **beside: Any) -> dict[str, Any]:
    """A route that is a target; `beside` are its policies, in their JSON form."""
    return {"target": {"provider": provider, "model": model}, **beside}


def fallback(*routes: str | dict[str, Any], **beside: Any) -> dict[str, Any]:
    """A fallback over models of the simulator, or over whole routes."""
    return {"fallback": {"routes": [target(each) if isinstance(each, str) else each for each in routes]}, **beside}


def balance(strategy: str, *routes: tuple[str | dict[str, Any], float], **beside: Any) -> dict[str, Any]:
    """A load balancer over pairs of route and weight."""
    shares = [{"route": target(r) if isinstance(r, str) else r, "weight": weight} for r, weight in routes]
    return {"load_balance": {"strategy": f"LOAD_BALANCE_STRATEGY_{strategy}", "routes": shares}, **beside}


def by(route: dict[str, Any] | str, **options: Any) -> route_pb2.RoutingOptions:
    """Routing by a route in its JSON form, or by the name of one."""
    if isinstance(route, str):
        return route_pb2.RoutingOptions(route_name=route, **options)
    return route_pb2.RoutingOptions(route=json_format.ParseDict(route, route_pb2.Route()), **options)


def asked(route: dict[str, Any] | str, *, options: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A ChatRequest by a route."""
    request = calls.request(model=fields.pop("model", ""), **fields)
    request.routing.CopyFrom(by(route, **(options or {})))
    return request


def asked_stream(route: dict[str, Any] | str, *, allow_restart: bool = False, **fields: Any) -> Any:
    """A StreamChatRequest by a route."""
    request = chat_service_pb2.StreamChatRequest(allow_restart=allow_restart)
    request.input.CopyFrom(calls.chat_input(fields.pop("model", ""), **fields))
    request.routing.CopyFrom(by(route))
    return request


def outcomes(report: route_pb2.RouteReport) -> list[tuple[str, str]]:
    """The model of each attempt, and what became of it: the reason where it failed."""
    return [(each.model, _outcome(each)) for each in report.attempts]


def _outcome(attempt: route_pb2.Attempt) -> str:
    if attempt.outcome == route_pb2.ATTEMPT_OUTCOME_FAILED:
        return calls.reason_name(attempt.reason)
    return route_pb2.AttemptOutcome.Name(attempt.outcome).removeprefix("ATTEMPT_OUTCOME_")


def folded(events: list[chat_service_pb2.ChatEvent]) -> chat_service_pb2.ChatResponse:
    """What events add up to."""
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response


def kinds(events: list[chat_service_pb2.ChatEvent]) -> list[str]:
    """The kinds of events, runs of the same one once."""
    found: list[str] = []
    for event in events:
        kind = event.WhichOneof("kind") or ""
        if found[-1:] != [kind]:
            found.append(kind)
    return found
