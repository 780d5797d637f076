"""YAML as a tree of nodes, each with its line, and the mistakes that are found on a walk through it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from trunkline_service.config.problems import ConfigError, Problem

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_NULL = _TAG + "null"
# A date is text that YAML reads more into: `version: 2023-06-01`.
_TEXTS = {_TAG + "str", _TAG + "timestamp"}
_NUMBERS = {_TAG + "int", _TAG + "float"}
_NAMES = {
    "null": "nothing",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "seq": "a list",
    "map": "a mapping",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a mapping, with its path from the top."""

    name: str
    path: str
    key: Node
    value: Node


class Tree:
    """Reads nodes: a reader that finds a mistake adds it to `problems` and returns None, or what is right."""

    def __init__(self) -> None:
        """Begin without problems."""
        self.problems: list[Problem] = []
        self._entered: list[Node] = []

    def report(self, node: Node, path: str, message: str) -> None:
        """Add a problem at a node."""
        self.problems.append(Problem(path, node.start_mark.line + 1, message))

    def expected(self, what: str, node: Node, path: str) -> None:
        """Add the problem that a node is of the wrong kind."""
        kind = node.tag.removeprefix(_TAG)
        found = f"the tag {kind}" if kind.startswith("!") else _NAMES.get(kind, "text")
        advice = ""
        if what == "text" and node.tag in _NUMBERS | {_TAG + "bool"}:
            advice = f"; if {node.value} is meant as text, put it in quotes"
        self.report(node, path, f"expected {what}, found {found}{advice}")

    def entries(self, node: Node, path: str) -> list[Entry]:
        """Return the members of a mapping. Nothing at all is a mapping without members."""
        if not isinstance(node, MappingNode):
            if not is_null(node):
                self.expected("a mapping", node, path)
            return []
        found: dict[str, Entry] = {}
        merged: list[Entry] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged += self._merged(value, path)
                continue
            name = self.text(key, path)
            if name is None:
                continue
            member = f"{path}.{name}" if path else name
            if name in found:
                first = found[name].key.start_mark.line + 1
                self.report(key, member, f"is there twice, first in line {first}")
            else:
                found[name] = Entry(name, member, key, value)
        for entry in merged:
            found.setdefault(entry.name, entry)
        return list(found.values())

    def _merged(self, node: Node, path: str) -> Iterator[Entry]:
        """Yield what `<<: *anchor` or `<<: [*one, *other]` brings."""
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            yield from self.guarded(source, path, partial(self.entries, source, path)) or []

    def items(self, node: Node, path: str) -> list[tuple[Node, str]]:
        """Return the items of a list, each with its path."""
        if is_null(node):
            return []
        if not isinstance(node, SequenceNode):
            self.expected("a list", node, path)
            return []
        return [(item, f"{path}[{index}]") for index, item in enumerate(node.value)]

    def text(self, node: Node, path: str) -> str | None:
        """Return text."""
        if isinstance(node, ScalarNode) and node.tag in _TEXTS:
            return str(node.value)
        self.expected("text", node, path)
        return None

    def boolean(self, node: Node, path: str) -> bool | None:
        """Return true or false, however YAML lets it be written."""
        if isinstance(node, ScalarNode) and node.tag == _TAG + "bool":
            return SafeConstructor.bool_values[node.value.lower()]
        self.expected("true or false", node, path)
        return None

    def quantity(self, node: Node, path: str, parse: Callable[[str], T]) -> T | None:
        """Return what `parse` makes of a number or of text; its ValueError is the problem."""
        if not isinstance(node, ScalarNode) or node.tag not in _TEXTS | _NUMBERS:
            self.expected("a number", node, path)
            return None
        try:
            return parse(node.value)
        except ValueError as error:
            self.report(node, path, str(error))
            return None

    def plain(self, node: Node, path: str) -> Any:
        """Return the value as JSON would have it."""
        return self.guarded(node, path, lambda: self._plain(node, path))

    def _plain(self, node: Node, path: str) -> Any:
        if isinstance(node, MappingNode):
            return {entry.name: self.plain(entry.value, entry.path) for entry in self.entries(node, path)}
        if isinstance(node, SequenceNode):
            return [self.plain(*item) for item in self.items(node, path)]
        if node.tag in _NUMBERS or node.tag in (_NULL, _TAG + "bool"):
            try:
                return SafeConstructor().construct_object(node)
            except ValueError:
                self.report(node, path, f"{node.value!r} is not a number")
                return None
        return self.text(node, path)

    def guarded(self, node: Node, path: str, read: Callable[[], T]) -> T | None:
        """Call `read` to go into a node, unless an alias has led back into one that is being read."""
        if any(node is entered for entered in self._entered):
            self.report(node, path, "contains itself")
            return None
        self._entered.append(node)
        try:
            return read()
        finally:
            self._entered.pop()


def is_null(node: Node) -> bool:
    """Tell whether nothing was written, or `null`."""
    return bool(node.tag == _NULL)


def compose(text: str, source: str) -> Node | None:
    """Return the root of a YAML document, None if it is empty. Raises ConfigError at a mistake of syntax."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(filter(None, (error.context, error.problem)))
        problem = Problem("", mark.line + 1 if mark else 0, f"not YAML: {what}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = Problem("", line, f"not YAML: the character {error.character!r} is not allowed")
    except RecursionError:
        problem = Problem("", 0, "nested too deeply")
    raise ConfigError(source, [problem])
