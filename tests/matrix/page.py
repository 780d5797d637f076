"""Writes docs/providers.md: what the tests of this folder hold to be true, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from matrix.conversations import CONVERSATIONS, Conversation
from matrix.faults import FAULTS, Fault
from matrix.homes import HOMES, Home

PATH = Path(__file__).parents[2] / "docs/providers.md"

_HEAD = """\
<!-- Generated: PYTHONPATH=tests .venv/bin/python -m matrix; tests/matrix fails if this is stale, or untrue. -->

# What works where

Every cell is a test: the same request through a gateway to the provider's wire format, spoken by the simulator,
streamed and whole. "yes" means that the answer is as it should be and that nothing of the request was lost.

Where a provider has nothing for a field, the cell names the field, below `input`. The call then fails with
`CAPABILITY_NOT_SUPPORTED` and that field, before the provider is asked; or, with
`UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING`, goes on without it, and a warning names it. "–" is an answer that the
provider's models never give.
"""
_FAULTS = """\
## When something goes wrong

The reasons (`ERROR_REASON_…`) that callers get, whichever provider it was. What has begun ends with
`STREAM_INTERRUPTED`, and the reason here is its cause. Never is a broken answer a success.
"""
_SERVICES = """\
## Other services

`Embed`, the RPCs of batches, and `CountTokens` with the method that its answer tells. Where that is an estimate,
OpenAI's own models are counted by their tokenizer.
"""
_CONTINUING = """\
## Changing providers

A conversation begun at any of these goes on at any other: texts, and tool calls with their results, arrive. Thoughts
are signed for the provider that wrote them: elsewhere they are left out, with a `NOT_PORTABLE` warning.
"""


def page() -> str:
    """The whole page."""
    titles = [home.title for home in HOMES]
    conversations = ([row.title, *(_cell(row, home) for home in HOMES)] for row in CONVERSATIONS)
    faults = ([fault.title, _reason(fault), _exceptions(fault)] for fault in FAULTS)
    services = [
        ["embeddings", *("yes" if home.embeds else "`UNIMPLEMENTED`" for home in HOMES)],
        ["batches", *("yes" if home.batches else "`UNIMPLEMENTED`" for home in HOMES)],
        ["tokens counted by", *(home.counts.lower() for home in HOMES)],
    ]
    parts = (
        _HEAD,
        _table(["", *titles], conversations),
        _FAULTS,
        _table(["", "reason", "but"], faults),
        _SERVICES,
        _table(["", *titles], services),
        _CONTINUING,
    )
    return "\n".join(parts)


def write() -> None:
    """Writes the page to its place."""
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(page())


def _cell(row: Conversation, home: Home) -> str:
    if home.among(row.never):
        return "–"
    if field := home.of(row.cannot):
        return f"`{field.removeprefix('input.')}`"
    if fields := home.of(row.warned):
        return "yes, but for " + ", ".join(f"`{field.removeprefix('input.')}`" for field in fields)
    return "yes"


def _reason(fault: Fault) -> str:
    return f"`{fault.reason}`" + (" after a part" if fault.begun else "")


def _exceptions(fault: Fault) -> str:
    found = []
    for home in HOMES:
        if home.among(fault.instead):
            reason = home.of(fault.instead)
            found.append(f"{home.title}: {f'`{reason}`' if reason else 'no fault'}")
    return "; ".join(found)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
