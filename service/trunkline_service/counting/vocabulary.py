"""The vocabularies of OpenAI's models, which are inside of the library: nothing is fetched."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

# Takes about 5 ms.
PIECE_CHARACTERS = 64 * 1024

# Where no token can span: behind a line's end that a letter follows, and before a space between two letters.
_SEAM = re.compile(r"(?<=\n)(?=[A-Za-z])|(?<=[A-Za-z])(?= [A-Za-z])")


class Vocabulary:
    """Cuts text into tokens."""

    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding

    def counts(self, text: str) -> Iterator[int]:
        """The tokens of a text, piece by piece; half of a surrogate pair counts as one character."""
        for piece in _pieces(text):
            yield len(self._encoding.encode_ordinary(piece.encode("utf-8", "replace").decode()))


async def vocabulary(name: str) -> Vocabulary:
    """The vocabulary of that name, "o200k_base" for example. The first time, it takes a second."""
    if name not in _loaded:
        _loaded[name] = await asyncio.to_thread(_load, name)
    return _loaded[name]


_loaded: dict[str, Vocabulary] = {}


def _load(name: str) -> Vocabulary:
    # Not before it is needed: it is by far the largest import.
    import bpe_openai

    return Vocabulary(bpe_openai.get_encoding(name))


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces that have the same tokens as the whole, if there is a seam in the last quarter of each."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        end = start + PIECE_CHARACTERS
        seam = next(_SEAM.finditer(text, start + PIECE_CHARACTERS * 3 // 4, end), None)
        end = seam.start() if seam else end
        yield text[start:end]
        start = end
    yield text[start:]
