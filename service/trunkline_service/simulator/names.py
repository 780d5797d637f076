"""The model name is the simulator's only switch: what it says is what happens."""

import re
from dataclasses import dataclass

_PARAMETER = re.compile(r"([ngts])(\d{1,6})")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model name taken apart: `flaky-2-long-n9-g5` is (`long`, n=9, g=5, failures=2)."""

    behaviour: str
    failures: int = 0
    n: int | None = None
    g: int | None = None
    t: int | None = None
    s: int | None = None


def parse(model: str) -> ModelName:
    """Take a model name apart; `behaviour` holds the words that are no parameters, whether known or not."""
    words = model.split("-")
    failures = 0
    if words[0] == "flaky" and len(words) > 1 and re.fullmatch(r"\d{1,6}", words[1], re.ASCII):
        failures = int(words[1])
        words = words[2:] or ["text"]
    plain: list[str] = []
    found: dict[str, int] = {}
    for word in words:
        if match := _PARAMETER.fullmatch(word):
            found[match[1]] = int(match[2])
        else:
            plain.append(word)
    return ModelName("-".join(plain), failures, found.get("n"), found.get("g"), found.get("t"), found.get("s"))
