"""Short ways to convert, and to ask what came of it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format

from trunkline import portkey
from trunkline.portkey import Conversion, NoteKind
from trunkline.v1 import ChatInput, Route
from trunkline_service.routing.conditions import Condition, readable, seen

MODEL = "claude-3-5-sonnet-20241022"


def target(provider: str = "anthropic", model: str = MODEL, **more: Any) -> dict[str, Any]:
    """A target as Portkey has it."""
    return {"provider": provider, "override_params": {"model": model, **more.pop("params", {})}, **more}


def strategy(mode: str, *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A strategy as Portkey has it; `more` stands beside its mode."""
    return {"strategy": {"mode": mode, **more}, "targets": list(targets)}


def converted(config: Any) -> Conversion:
    """What becomes of a config that goes with a request."""
    return portkey.convert(config)


def expected(text: str) -> Route:
    """A route in text format."""
    return text_format.Parse(text, Route())


def noted(done: Conversion, kind: NoteKind) -> list[str]:
    """The paths of the notes of a kind."""
    return [note.path for note in done.notes if note.kind == kind]


def refused(config: Any) -> tuple[str, str]:
    """Path and text of the error that a config is."""
    with pytest.raises(portkey.PortkeyError) as caught:
        portkey.convert(config)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.text}"
    return caught.value.path, caught.value.text


def condition(query: Any) -> str:
    """The condition that a query becomes."""
    config = strategy("conditional", target(name="a"), conditions=[{"query": query, "then": "a"}])
    (branch,) = converted(config).route.conditional.branches
    return branch.condition


def holds(
    query: Any, *, metadata: dict[str, str] | None = None, stream: bool = False, asked: ChatInput | None = None
) -> bool:
    """Whether a call matches a query, as the gateway finds by the condition."""
    asked = asked or ChatInput()
    values = {
        "metadata": metadata or {},
        "model": asked.model,
        "stream": stream,
        "estimated_tokens": 1,
        "input": readable(asked),
    }
    return Condition(condition(query), own=False).holds(seen(values))
