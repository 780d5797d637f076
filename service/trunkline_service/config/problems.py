"""What is wrong with a configuration, and where."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    `path` is where it stands in the structure ("providers.main.timeouts.idle"), empty for the whole; `line`
    counts from 1 and is 0 where there are no lines.
    """

    path: str
    line: int
    message: str


class ConfigError(Exception):
    """A configuration has mistakes: `problems` has all of them, and the text has a line for each."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        """Say what was read, and what was found."""
        self.source = source
        # What an anchor or a second look at the same node says twice is one mistake.
        self.problems = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterable[str]:
        for problem in self.problems:
            place = f"{self.source}:{problem.line}" if problem.line else self.source
            yield ": ".join(part for part in (place, problem.path, problem.message) if part)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, and which one may have been meant."""
    names = sorted(filter(None, known))
    near = get_close_matches(name, names, n=1)
    if near:
        return f"unknown {what} {name!r}; did you mean {near[0]!r}?"
    return f"unknown {what} {name!r}; {'known: ' + ', '.join(names) if names else 'there is none'}"
