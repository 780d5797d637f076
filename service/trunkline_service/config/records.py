"""A walk over the settings' dataclasses, which say by their types how each value is written."""

import builtins
import dataclasses
import re
import types
import typing
from collections import abc
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, cast, get_args, get_origin, get_type_hints

from yaml.nodes import MappingNode, Node, ScalarNode

from trunkline_service.config.problems import unknown
from trunkline_service.config.secret import Secret
from trunkline_service.config.tree import Entry, Tree, is_null


class Dataclass(Protocol):
    """Any of the settings' classes."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


R = TypeVar("R", bound=Dataclass)

_KEY_ADVICE = "a key does not belong in this file: write {env: NAME_OF_A_VARIABLE} or {file: PATH}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    """Where a secret may be kept, as it is written."""

    env: str | None = None
    file: str | None = None


class Records:
    """Reads mappings into dataclasses. Paths of files are relative to `directory`."""

    def __init__(self, tree: Tree, directory: Path) -> None:
        """Use the tree's readers, and report to it."""
        self.tree = tree
        self.directory = directory

    def read(self, cls: type[R], node: Node, path: str) -> R | None:
        """Return the dataclass, or None if a field that it must have is not there or wrong.

        A field that is wrong and need not be there keeps its default, as its problem is reported.
        """
        entries = self.members(node, path, list(cls.__dataclass_fields__))
        if entries is None:
            return None
        values = {}
        for entry in entries.values():
            value = self.field(cls, entry)
            if value is not None:
                values[entry.name] = value
        missing = [name for name in required(cls) if name not in values]
        for name in missing:
            if name not in entries:
                self.tree.report(node, path, f"needs {name!r}")
        return None if missing else cls(**values)

    def members(self, node: Node, path: str, names: abc.Sequence[str]) -> dict[str, Entry] | None:
        """Return the members of a mapping by name, and report those that are not in `names`.

        None if it is not a mapping.
        """
        entries = {entry.name: entry for entry in self.tree.entries(node, path)}
        for entry in [entry for entry in entries.values() if entry.name not in names]:
            self.tree.report(entry.key, entry.path, unknown("key", entry.name, names))
            del entries[entry.name]
        return entries if isinstance(node, MappingNode) or is_null(node) else None

    def field(self, cls: type[Dataclass], entry: Entry) -> Any:
        """Return the value of one of the dataclass's fields; None if it is wrong or empty."""
        return self._value(get_type_hints(cls, include_extras=True)[entry.name], entry.value, entry.path)

    def _value(self, kind: Any, node: Node, path: str) -> Any:
        readers = {str: self.tree.text, bool: self.tree.boolean, Path: self._file, Secret: self._secret}
        if kind in readers:
            return readers[kind](node, path)
        if dataclasses.is_dataclass(kind):
            return self.read(cast(type[Dataclass], kind), node, path)
        arguments = get_args(kind)
        match get_origin(kind):
            case typing.Annotated:
                return self.tree.quantity(node, path, arguments[1].parse)
            case typing.Literal:
                return self._choice(arguments, node, path)
            case types.UnionType:
                # Not given is one thing; given and empty, like a key that was forgotten, is a mistake.
                (some,) = (argument for argument in arguments if argument is not types.NoneType)
                return self._value(some, node, path)
            case abc.Mapping:
                return self.texts(node, path)
            case builtins.tuple:
                values = [self.tree.text(*item) for item in self.tree.items(node, path)]
                return tuple(value for value in values if value is not None)
        raise TypeError(f"no way to read {kind}")

    def texts(self, node: Node, path: str) -> dict[str, str]:
        """Return a mapping from text to text."""
        pairs = ((entry, self.tree.text(entry.value, entry.path)) for entry in self.tree.entries(node, path))
        return {entry.name: value for entry, value in pairs if value is not None}

    def _choice(self, choices: tuple[str, ...], node: Node, path: str) -> str | None:
        value = self.tree.text(node, path)
        if value is None or value in choices:
            return value
        self.tree.report(node, path, unknown("value", value, choices))
        return None

    def _file(self, node: Node, path: str) -> Path | None:
        name = self.tree.text(node, path)
        if name is None:
            return None
        file = self.directory / name
        try:
            with file.open("rb"):
                return file
        except (OSError, ValueError) as error:
            self.tree.report(node, path, f"cannot read {file}: {getattr(error, 'strerror', None) or error}")
            return None

    def _secret(self, node: Node, path: str) -> Secret | None:
        if isinstance(node, ScalarNode) and not is_null(node):
            self.tree.report(node, path, _KEY_ADVICE)
            return None
        if not isinstance(node, MappingNode):
            self.tree.expected("{env: NAME} or {file: PATH}", node, path)
            return None
        before = len(self.tree.problems)
        sources = self.read(_Sources, node, path)
        if sources is None or len(self.tree.problems) > before:
            return None
        problem = partial(self.tree.report, node, path)
        if (sources.env is None) == (sources.file is None):
            problem("needs either 'env' or 'file'")
            return None
        if sources.env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", sources.env):
            # Not shown, as it may be the key itself.
            problem("'env' is not the name of an environment variable")
            return None
        file = None if sources.file is None else self.directory / sources.file
        secret = Secret(env=sources.env, file=file)
        wrong = secret_problem(secret)
        if wrong:
            problem(wrong)
        return secret


def secret_problem(secret: Secret) -> str:
    """Say what is wrong with the key that a secret holds now. Empty if nothing is."""
    try:
        value = secret.value()
    except LookupError as error:
        return str(error.args[0])
    return "" if re.fullmatch(r"[!-~]+", value) else "the key has characters that no HTTP header may hold"


def required(cls: type[Dataclass]) -> list[str]:
    """Return the names of a dataclass's fields without default."""
    missing = dataclasses.MISSING
    fields = dataclasses.fields(cls)
    return [field.name for field in fields if field.default is missing and field.default_factory is missing]
