"""Ids of tool calls that a provider does not take as they are.

A conversation may go on at another provider than the one that made its calls, and each has its own idea of what an id
looks like. One that does not fit is sent as another, in the call and in its result: the same in every request, as
caches and results need. Nobody has to find the way back, as providers make the ids of their own calls.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_MARK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CallIds:
    """What a provider takes: ids without a `forbidden` character, of `longest` characters at most; of that many exactly
    if it is `exact`.
    """

    forbidden: re.Pattern[str]
    longest: int
    exact: bool = False

    def upstream(self, call_id: str) -> str:
        """The id as the provider takes it."""
        is_fitting = len(call_id) == self.longest if self.exact else len(call_id) <= self.longest
        if is_fitting and self.forbidden.search(call_id) is None:
            return call_id
        # Ids that differ must stay different: they end with what tells them apart.
        mark = hashlib.sha256(call_id.encode()).hexdigest()
        if self.exact:
            return mark[: self.longest]
        return f"{self.forbidden.sub('_', call_id)[: self.longest - _MARK - 1]}_{mark[:_MARK]}"


_ANY = re.compile(r"(?!)")

ANTHROPIC = CallIds(forbidden=re.compile(r"[^a-zA-Z0-9_-]"), longest=1000)
CHAT_COMPLETIONS = CallIds(forbidden=_ANY, longest=40)
RESPONSES = CallIds(forbidden=_ANY, longest=64)
MISTRAL = CallIds(forbidden=re.compile(r"[^a-zA-Z0-9]"), longest=9, exact=True)
# Of a server that nobody knows, nobody knows what it takes.
UNKNOWN = CallIds(forbidden=_ANY, longest=2**31)
