"""Names of tools that a provider does not take as they are."""

from __future__ import annotations

import hashlib
import re
from itertools import count


class ToolNames:
    """Maps the names of one request to such as a provider takes: the same name to the same one in every request, as its
    caches need, and no two to the same one.

    `changed` leads back from each name that had to be changed.
    """

    def __init__(self, forbidden: re.Pattern[str], longest: int) -> None:
        """`forbidden` matches a character that no name may have; `longest` is in characters."""
        self._forbidden = forbidden
        self._longest = longest
        self._upstream: dict[str, str] = {}
        self._taken: set[str] = set()
        self.changed: dict[str, str] = {}

    def upstream(self, name: str) -> str:
        """The name as the provider takes it."""
        if (known := self._upstream.get(name)) is not None:
            return known
        mapped = name
        if len(name) > self._longest or self._forbidden.search(name) is not None or name in self._taken:
            # Even a name that may stay is changed if another one has become it.
            mapped = next(each for number in count() if (each := self._marked(name, number)) not in self._taken)
            self.changed[mapped] = name
        self._upstream[name] = mapped
        self._taken.add(mapped)
        return mapped

    def _marked(self, name: str, number: int) -> str:
        """Names that differ must stay different: they end with what tells them apart. Should that not be enough, there
        are others, by `number`.
        """
        text = f"{name}\0{number}" if number else name
        mark = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self._forbidden.sub('_', name)[: self._longest - 9]}_{mark}"
