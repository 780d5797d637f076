"""An HTTP request, as a codec hands it over to be sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from trunkline.v1 import warning_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """An HTTP request, ready to send, and what else came of encoding it.

    `chunks` is a body that is made while it is sent, in the place of `body`. If it raises, the request is broken off.

    `warnings` is what the caller should know. `tool_names` maps names of tools that had to be changed for the provider
    to the caller's own: the answer gets those back. `untold_costs` says that it asks for what is paid for beside its
    tokens, as for a tool that the provider runs, and of which the usage need not tell. `model` is the one that is asked
    about, if it stands in for the target's.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    chunks: AsyncIterator[bytes] | None = field(default=None, repr=False)
    warnings: Sequence[warning_pb2.Warning] = ()
    tool_names: Mapping[str, str] = field(default_factory=dict)
    untold_costs: bool = False
    model: str = ""
