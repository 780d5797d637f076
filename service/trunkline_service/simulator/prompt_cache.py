"""What a prompt counts, and a small stand-in for upstream's prompt cache."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trunkline_service.simulator.sse import Json, encode

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt's tokens by how they are billed; `uncached` excludes the others, as input_tokens does."""

    uncached: int
    written_5m: int = 0
    written_1h: int = 0
    read: int = 0

    def usage(self) -> Json:
        """Give the members of `usage` that appear in message_start and in message_delta."""
        return {
            "input_tokens": self.uncached,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.read,
        }

    def cache_creation(self) -> Json:
        """Give `usage.cache_creation`."""
        return {"ephemeral_5m_input_tokens": self.written_5m, "ephemeral_1h_input_tokens": self.written_1h}


def count(body: Json) -> int:
    """Count a prompt's tokens as a quarter of its JSON: the same for a message and for its count_tokens."""
    return max(1, sum(len(encode(part)) for part, _ in _parts(body)) // 4)


class PromptCache:
    """Prefixes marked by `cache_control`: written when first seen, read when seen again.

    Unlike upstream it forgets by number and not by age, and has no minimum length: short tests can use it.
    """

    def __init__(self) -> None:
        """Begin with nothing cached."""
        self._known: dict[bytes, None] = {}

    def use(self, body: Json) -> PromptTokens:
        """Look the prompt up, remember its marked prefixes, and say how its tokens are billed."""
        digest = hashlib.sha256()
        chars = read = marked = 0
        ttl: object = "5m"
        written: list[bytes] = []
        auto = body.get("cache_control")
        parts = list(_parts(body))
        for position, (part, mark) in enumerate(parts):
            data = encode(part)
            digest.update(data)
            chars += len(data)
            if position == len(parts) - 1:
                mark = mark or auto
            if digest.digest() in self._known:
                read = chars
            if isinstance(mark, dict):
                marked, ttl = chars, mark.get("ttl", "5m")
                written.append(digest.digest())
        self._remember(written)
        read = min(read, marked) // 4
        new = marked // 4 - read
        uncached = max(1, chars // 4) - read - new
        return PromptTokens(uncached, 0, new, read) if ttl == "1h" else PromptTokens(uncached, new, 0, read)

    def _remember(self, prefixes: list[bytes]) -> None:
        for prefix in prefixes:
            self._known[prefix] = None
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]


def _parts(body: Json) -> Iterator[tuple[Any, Any]]:
    """Walk the prompt in the order in which it is cached, each part without its mark and with it beside."""
    yield from map(_unmarked, body.get("tools") or ())
    system = body.get("system")
    yield from map(_unmarked, system if isinstance(system, list) else [system] if system else ())
    for message in body["messages"]:
        content = message.get("content")
        yield message["role"], None
        yield from map(_unmarked, content if isinstance(content, list) else [content])


def _unmarked(part: Any) -> tuple[Any, Any]:
    if not isinstance(part, dict) or "cache_control" not in part:
        return part, None
    return {key: value for key, value in part.items() if key != "cache_control"}, part["cache_control"]
