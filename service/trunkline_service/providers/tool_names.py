"""Names of tools that a provider does not take as they are."""

from __future__ import annotations

import hashlib
import re


class ToolNames:
    """Maps names to such as a provider takes: the same name to the same one in every request, as its caches need.

    `changed` leads back from each name that had to be changed.
    """

    def __init__(self, forbidden: re.Pattern[str], longest: int) -> None:
        """`forbidden` matches a character that no name may have; `longest` is in characters."""
        self._forbidden = forbidden
        self._longest = longest
        self.changed: dict[str, str] = {}

    def upstream(self, name: str) -> str:
        """The name as the provider takes it."""
        if len(name) <= self._longest and self._forbidden.search(name) is None:
            return name
        # Names that differ must stay different: they end with what tells them apart.
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        mapped = f"{self._forbidden.sub('_', name)[: self._longest - 9]}_{mark}"
        self.changed[mapped] = name
        return mapped
