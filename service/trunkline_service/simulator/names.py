"""The model name is the simulator's only switch: what it says is what happens."""

import re
from dataclasses import dataclass

_PARAMETER = re.compile(r"([ngtsr])(\d{1,6})")
_PREFIXES = ("flaky", "down", "flapping")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model name taken apart: `flaky-2-long-n9-g5` is (`long`, flaky=2, n=9, g=5).

    The first `flaky` calls fail; or all for `down` milliseconds; or all in every other `flapping` milliseconds.
    """

    behaviour: str
    flaky: int = 0
    down: int = 0
    flapping: int = 0
    n: int | None = None
    g: int | None = None
    t: int | None = None
    s: int | None = None
    r: int | None = None


def parse(model: str) -> ModelName:
    """Take a model name apart; `behaviour` holds the words that are no parameters, whether known or not."""
    words = model.split("-")
    fails: dict[str, int] = {}
    if words[0] in _PREFIXES and len(words) > 1 and re.fullmatch(r"\d{1,6}", words[1], re.ASCII):
        fails[words[0]] = int(words[1])
        words = words[2:] or ["text"]
    plain: list[str] = []
    found: dict[str, int] = {}
    for word in words:
        if match := _PARAMETER.fullmatch(word):
            found[match[1]] = int(match[2])
        else:
            plain.append(word)
    return ModelName("-".join(plain), **fails, **found)
