"""A provider that may be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trunkline_service.catalog import Prices
from trunkline_service.config import Timeouts
from trunkline_service.providers.base import Provider, Target
from trunkline_service.upstream.http import HttpUpstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A provider that may be asked, and all that asking it takes.

    `connect` is how long a new connection may take, in seconds, where that is not what the provider's settings say.
    `prices` gives those of a model, by its name there; `tokenizer` is the model's vocabulary, where it is known.
    """

    provider: Provider
    upstream: HttpUpstream
    target: Target
    timeouts: Timeouts
    slow_consumer: float
    connect: float | None = None
    max_answer_bytes: int
    prices: Callable[[str], Prices | None]
    tokenizer: str = ""
